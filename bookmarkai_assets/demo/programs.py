"""Programs that the demos start: each in a group of its own, ended in order, with its output in a log."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path


def end_group(process: subprocess.Popen[bytes], *, seconds: float) -> None:
    """End a process, politely and after `seconds` by force, and with it all of its group. Safe if it has ended."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tail(path: Path, characters: int = 2000) -> str:
    """Return the end of a log."""
    return path.read_text(errors="replace")[-characters:]
