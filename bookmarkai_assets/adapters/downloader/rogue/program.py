"""The rogue's program: `python -m bookmarkai_assets.adapters.downloader.rogue.program`, for `workers`.

A job is a JSON object: `targets`, a working `directory`, the egress guard's `proxy_url`, and the `kernel` for which to
raise the walls, or null for no walls. The result says which walls stand, and how each attempt ended: with
an empty text if it succeeded, else with the error.
"""

import errno
import json
import os
import resource
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bookmarkai_assets.adapters.common.processes.fork_server import ForkServer, control_on_stdin
from bookmarkai_assets.adapters.common.walls.raising import raise_walls
from bookmarkai_assets.adapters.common.walls.room import Kernel
from bookmarkai_assets.adapters.downloader.child import room_of
from bookmarkai_assets.adapters.downloader.rogue.attempts import Attempt, Targets
from bookmarkai_assets.adapters.downloader.rogue.files import FILES
from bookmarkai_assets.adapters.downloader.rogue.network import NETWORK
from bookmarkai_assets.adapters.downloader.rogue.processes import PROCESSES

if TYPE_CHECKING:
    from bookmarkai_assets.core.downloads.walls import Wall

ATTEMPTS = (*FILES, *NETWORK, *PROCESSES)
"""Everything that the rogue tries, in order."""

_FIRST_FILE, _MAX_FILES = 3, 256
_SECONDS = 5
_OTHER_ERROR = 255


def work(text: bytes) -> bytes:
    """Do one job in its own process."""
    job = json.loads(text)
    os.chdir(job["directory"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    targets = replace(Targets(**job["targets"]), bystander=_start_bystander(), starter=os.getppid())
    standing: frozenset[Wall] = frozenset()
    if job["kernel"] is not None:
        standing = raise_walls(room_of(Path(job["directory"]), job["proxy_url"]), Kernel(**job["kernel"]))
    ends = {attempt.name: _try(attempt, targets) for attempt in ATTEMPTS}
    return json.dumps({"standing": sorted(standing), "ends": ends}).encode()


def _start_bystander() -> int:
    """Start a process that does nothing, before there are walls. It is killed with this one's group."""
    pid = os.fork()
    if pid == 0:
        os.closerange(_FIRST_FILE, _MAX_FILES)  # one of them is the pipe whose end says that this one has ended
        signal.pause()
    return pid


def _try(attempt: Attempt, targets: Targets) -> str:
    """Try one thing in a process of its own, and return an empty text if it succeeded."""
    pid = os.fork()
    if pid == 0:
        os._exit(_error_of(attempt, targets))
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return signal.Signals(-code).name
    return errno.errorcode.get(code, f"error {code}") if code else ""


def _error_of(attempt: Attempt, targets: Targets) -> int:
    signal.alarm(_SECONDS)
    try:
        attempt.act(targets)
    except OSError as error:
        return error.errno or _OTHER_ERROR
    except Exception:  # noqa: BLE001 - this process ends with it: it did not succeed
        return _OTHER_ERROR
    return 0


if __name__ == "__main__":
    ForkServer(control_on_stdin(), work).serve()
