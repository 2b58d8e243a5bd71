"""Inspecting processes from outside, and waiting for what other processes do."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

from tests.support.deadlines import HANG_SECONDS

HAS_PROC = Path("/proc/self/stat").exists()
"""Whether this system shows its processes below /proc, as Linux does, which the functions here read."""


def wait_until(is_true: Callable[[], object], *, seconds: float = HANG_SECONDS) -> None:
    """Poll until something is true. Fail when it is not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"not true within {seconds} seconds"
        Event().wait(0.01 if seconds <= HANG_SECONDS else 0.2)


def is_running(pid: int) -> bool:
    """Whether a process runs and is not only waiting to be reaped."""
    return _parent_of_running(pid) is not None


def children_of(pid: int) -> set[int]:
    """Return the running children of a process."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return {child for child in pids if _parent_of_running(child) == pid}


def descendants_of(pid: int) -> set[int]:
    """Return the processes that a process has started, and those that these have started."""
    children = children_of(pid)
    return children.union(*(descendants_of(child) for child in children))


def _parent_of_running(pid: int) -> int | None:
    """Return the parent of a running process, or None when it is gone or a zombie."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent = after_name[0], int(after_name[1])
    return None if state == "Z" else parent
