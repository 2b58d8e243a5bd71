"""Programs that the demos start: each in a group of its own, ended in order, with its output in a log."""

import contextlib
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path


def start_group(
    command: Sequence[str], environment: Mapping[str, str], *, directory: Path, log: Path
) -> subprocess.Popen[bytes]:
    """Start a program in `directory`, with this environment and no other. Its output goes to the end of `log`.

    It has a session of its own, so that Ctrl-C reaches only the demo, which then ends the groups in order. Call this
    and keep the result within `later_interrupts`, or an interrupt between the two leaves a process that nobody knows.
    """
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own programs, and Debian's, with arguments made here
            command,
            env=environment,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def ui_answers(url: str) -> bool:
    """Whether Dagster's webserver answers at this address."""
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=5) as answer:  # noqa: S310 - loopback
            answer.read()
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
    return True


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
