"""Find and kill what workers have left behind: processes that left their group or session, and whose parent has ended.

Linux only: elsewhere nothing is found, and a worker's group is all that is killed.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

from bookmarkai_assets.adapters.common.walls.calls import process_control

_PR_SET_CHILD_SUBREAPER = 36
_MAX_ROUNDS = 1000


def adopt_orphans() -> None:
    """Make this process the parent of each descendant whose own parent ends. Otherwise that is the system's first."""
    if sys.platform == "linux":
        with suppress(OSError):  # a kernel that cannot: what leaves its group is then out of reach
            process_control(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))


def kill_strays(workers: AbstractSet[int]) -> None:
    """Kill all children of this process but the `workers`, and their children, and wait for them.

    The children of one that is killed become this process's own, so it goes on until there are none.
    """
    for _ in range(_MAX_ROUNDS):
        strays = _children() - workers
        if not strays:
            return
        for pid in strays:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in strays:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children() -> frozenset[int]:
    """Return the pids of this process's children, those included that have ended and were not waited for."""
    if sys.platform != "linux":
        return frozenset()
    pid = os.getpid()
    try:
        listed = Path(f"/proc/self/task/{pid}/children").read_text()
    except OSError:  # a kernel that was built without this file
        return frozenset(child for child in _all_processes() if _parent_of(child) == pid)
    return frozenset(map(int, listed.split()))


def _all_processes() -> list[int]:
    with suppress(OSError):  # no /proc at all
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - names are all it takes
    return []


def _parent_of(pid: int) -> int | None:
    with suppress(OSError):  # it has just ended
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return None
