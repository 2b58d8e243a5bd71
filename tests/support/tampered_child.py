"""The downloads' own program with one change, to see what its limits and its sandbox do about that.

`python -m tests.support.tampered_child CHANGE EXTRACTORS`. A change is what a hostile site would have to bring about.
"""

import os
import platform
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import NoReturn

from bookmarkai_assets.adapters.common.walls.room import Kernel
from bookmarkai_assets.adapters.downloader import child, fetch
from bookmarkai_assets.adapters.downloader.job import Fetched, Job
from bookmarkai_assets.adapters.downloader.ytdlp import ByteCounter
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.text import clean_line


def main() -> None:
    """Make the change, then run the program."""
    change, argument = sys.argv.pop(1).partition("=")[::2]
    match change:
        case "no-counting":
            vars(fetch)["ByteCounter"] = lambda _: lambda _: None
        case "fault-in-hook":
            vars(fetch)["ByteCounter"] = lambda _: ByteCounter(None)  # type: ignore[arg-type]
        case "crash-in-media":
            vars(fetch)["read_media"] = _crash
        case "temporary-file":
            vars(child)["fetch"] = _leave_temporary_file
        case "on-path":
            sys.path.insert(0, argument)
        case "landlock":
            child.main(Kernel(landlock_version=int(argument), machine=platform.machine()))
        case "run":
            vars(child)["fetch"] = partial(_run, argument.split(" ", 1))
    child.main()


def _crash(*_: object, **__: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError("still alive")


def _run(command: list[str], _job: Job, **_: object) -> Fetched | Failure:
    """Run a program with a script, as yt-dlp does, and say what it wrote."""
    program, script = command
    done = subprocess.run([program, "-"], input=script, check=False, capture_output=True, text=True)
    return Failure(Outcome.DOWNLOAD_FAILED, clean_line(done.stdout + done.stderr, max_characters=10_000))


def _leave_temporary_file(_job: Job, **_: object) -> Fetched | Failure:
    with tempfile.NamedTemporaryFile(delete=False) as file:
        return Failure(Outcome.DOWNLOAD_FAILED, f"{file.name} {Path.cwd()} {Path.home()}")


if __name__ == "__main__":
    main()
