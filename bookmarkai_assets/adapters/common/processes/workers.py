"""Start a program of our own and run jobs in it, each in its own process. Knows nothing of what they do."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bookmarkai_assets.core.downloads.ports import never_give_up

_PACKAGE_ROOT = Path(__file__).parents[4]
# The program's whole environment: no credentials, no proxy settings (NO_PROXY would bypass the guard), no configuration
# of Python or yt-dlp. ffmpeg and JavaScript runtimes may be on the path.
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin",
    "LANG": "C.UTF-8",
    "PYTHONPATH": str(_PACKAGE_ROOT),
    "PYTHONNOUSERSITE": "1",
    "YTDLP_NO_PLUGINS": "1",
}
_CHUNK_BYTES = 65_536
_KILL_SECONDS = 10.0
_POLL_SECONDS = 0.1
_MAX_STDERR_BYTES = 2000


@dataclass(frozen=True)
class WorkerEnd:
    """How a job ended. `status` is its exit code, or minus the signal that killed it, or None if the program died.

    `is_timed_out` if its time was up or it was given up.
    """

    status: int | None
    output: bytes
    is_timed_out: bool = False


@dataclass(frozen=True)
class _Program:
    process: subprocess.Popen[bytes]
    control: socket.socket
    stderr: IO[bytes]


class Workers:
    """Runs jobs in a program that speaks `fork_server`'s protocol on its stdin. Safe to use from many threads.

    The program starts with the first job and is started again if it dies. It ends with `close()`, with this object or
    with this process, even if that is killed.
    """

    def __init__(self, *arguments: str) -> None:
        self._command = (sys.executable, "-P", *arguments)
        self._lock = threading.Lock()
        self._program: _Program | None = None
        self._last_stderr_tail = ""
        self._stop: weakref.finalize[[_Program], Workers] | None = None

    def run(
        self,
        job: bytes,
        *,
        timeout_seconds: float,
        give_up: Callable[[], bool] = never_give_up,
        output: int | None = None,
    ) -> WorkerEnd:
        """Run one job, a text of one line. Kill its whole process group if its time is up or `give_up` returns True.

        `give_up` is called several times a second. `output` is the descriptor of a file that becomes the job's
        stdout. It stays open here.
        """
        deadline = time.monotonic() + timeout_seconds
        answer = bytearray()
        try:
            program, connection = self._connect(output)
        except OSError:
            return WorkerEnd(status=None, output=b"")
        with connection:
            with suppress(OSError):  # the program has just died, and reading will show it
                connection.sendall(job + b"\n")
            is_ended = _read(connection, answer, deadline, give_up)
            if not is_ended:
                with suppress(OSError):  # the job has just ended by itself
                    connection.shutdown(socket.SHUT_WR)
                _read(connection, answer, time.monotonic() + _KILL_SECONDS)
        status, newline, result = bytes(answer).partition(b"\n")
        if is_ended and not newline:
            self._discard(program)
        return WorkerEnd(status=int(status) if newline else None, output=result, is_timed_out=not is_ended)

    def start(self) -> None:
        """Start the program before its first job, if it does not run."""
        with self._lock, suppress(OSError):  # the first job says it
            if self._program is None:
                self._begin()

    def stderr_tail(self) -> str:
        """Return the last part of what the program, or the last one that died, has written to stderr."""
        with self._lock:
            return _tail_of(self._program) if self._program is not None else self._last_stderr_tail

    def close(self) -> None:
        """End the program and every job."""
        with self._lock:
            self._end()

    def _connect(self, output: int | None) -> tuple[_Program, socket.socket]:
        """Open a connection for one job. Raises OSError if the program cannot be started."""
        with self._lock:
            if self._program is not None:
                with suppress(OSError):  # it has died since the last job, and a new one is started below
                    return self._program, _open(self._program, output)
            self._end()
            started = self._begin()
            return started, _open(started, output)

    def _begin(self) -> _Program:
        self._program = _start(self._command)
        self._stop = weakref.finalize(self, _stop, self._program)
        return self._program

    def _discard(self, program: _Program) -> None:
        """End a program that closed the connection of a job. It is dying, but may still look alive to the next job."""
        with self._lock:
            if self._program is program:
                self._last_stderr_tail = _tail_of(program)
                self._end()

    def _end(self) -> None:
        if self._stop is not None:
            self._stop()
        self._program = self._stop = None


def _start(command: tuple[str, ...]) -> _Program:
    ours, theirs = socket.socketpair()
    stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the program
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - this Python, with arguments of our own
            command,
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,  # Ctrl-C in a terminal is handled by this process only
        )
    return _Program(process, ours, stderr)


def _open(program: _Program, output: int | None) -> socket.socket:
    """Send one end of a new connection to a program and return the other. Raises OSError if the program has died."""
    mine, theirs = socket.socketpair()
    with theirs:
        try:
            socket.send_fds(program.control, [b"+"], [theirs.fileno(), *([] if output is None else [output])])
        except OSError:
            mine.close()
            raise
    return mine


def _tail_of(program: _Program) -> str:
    descriptor = program.stderr.fileno()
    start = max(0, os.fstat(descriptor).st_size - _MAX_STDERR_BYTES)
    return os.pread(descriptor, _MAX_STDERR_BYTES, start).decode(errors="replace")


def _stop(program: _Program) -> None:
    program.control.close()
    try:
        program.process.wait(_KILL_SECONDS)
    except subprocess.TimeoutExpired:
        program.process.kill()
        program.process.wait()
    program.stderr.close()


def _read(
    connection: socket.socket, answer: bytearray, deadline: float, give_up: Callable[[], bool] = never_give_up
) -> bool:
    """Read to the end of a connection. Return False if the deadline comes first or `give_up` returns True."""
    while (left_seconds := deadline - time.monotonic()) > 0 and not give_up():
        connection.settimeout(min(left_seconds, _POLL_SECONDS))
        try:
            data = connection.recv(_CHUNK_BYTES)
        except TimeoutError:
            continue
        except ConnectionError:
            return True
        if not data:
            return True
        answer += data
    return False
