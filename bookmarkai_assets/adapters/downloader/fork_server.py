"""The loop of a process that has everything imported and forks one worker per job. Knows nothing of downloads.

Importing yt-dlp takes ten times the CPU of a small download, so it is done once, and each job gets a fork: a process of
its own, whose crash or end by force touches no other.

On the wire (Unix sockets): each message on the control socket carries one end of a connection. On it the client writes
one line, the job, and nothing more; to cancel it shuts its writing side down. The server answers with one line, the
worker's exit status as `os.waitstatus_to_exitcode` gives it, and what the worker returned, and closes. When the control
socket closes (the client's end, however it came), every worker is killed and the server ends. A worker is the leader of
a process group, and the whole group is killed before its status is told.
"""

import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

_CHUNK_BYTES = 65_536
_MAX_OUTPUT_BYTES = 1_000_000  # a result is some kilobytes of JSON
_WORKER_FAILED = 1


def control_on_stdin() -> socket.socket:
    """Take stdin over as the control socket, and leave an empty stdin: what workers start must not hold a copy."""
    control = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    return control


@dataclass(eq=False)
class _Worker:
    connection: socket.socket
    job: bytearray = field(default_factory=bytearray)
    pid: int | None = None
    pipe: int | None = None
    output: bytearray = field(default_factory=bytearray)
    is_done: bool = False


class ForkServer:
    """Serves one client over `control` until it goes away. `work` turns a job into a result, in the worker."""

    def __init__(self, control: socket.socket, work: Callable[[bytes], bytes]) -> None:
        self._control = control
        self._work = work
        self._workers: set[_Worker] = set()
        self._selector = selectors.DefaultSelector()
        self._is_open = True

    def serve(self) -> None:
        """Run until the client closes its end of the control socket."""
        self._selector.register(self._control, selectors.EVENT_READ, self._accept)
        while self._is_open:
            for key, _ in self._selector.select():
                key.data()
        for worker in tuple(self._workers):
            self._end(worker)

    def _accept(self) -> None:
        message, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
        if not message:
            self._is_open = False
            return
        worker = _Worker(socket.socket(fileno=descriptors[0]))
        self._workers.add(worker)
        self._selector.register(worker.connection, selectors.EVENT_READ, partial(self._hear, worker))

    def _hear(self, worker: _Worker) -> None:
        """Read from the client: the job first; anything after it, and the end, means that nobody waits any more."""
        if worker.is_done:
            return
        data = b""
        with suppress(ConnectionError):  # the client is gone: as good as its end
            data = worker.connection.recv(_CHUNK_BYTES)
        if not data or worker.pid is not None:
            self._end(worker)
            return
        worker.job += data
        if worker.job.endswith(b"\n"):
            self._fork(worker)

    def _fork(self, worker: _Worker) -> None:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._be_worker(bytes(worker.job), reading, writing)
        os.close(writing)
        # Both sides set the group: whichever is first, it exists before anybody needs it.
        with suppress(ProcessLookupError, PermissionError):
            os.setpgid(pid, pid)
        # Another worker's fork would take along what is kept here: a job's token, and its cookies.
        worker.job.clear()
        worker.pid, worker.pipe = pid, reading
        self._selector.register(reading, selectors.EVENT_READ, partial(self._collect, worker))

    def _be_worker(self, job: bytes, reading: int, writing: int) -> None:
        """Do the job and end the process, whatever happens: a fork must not go on as a second server."""
        status = _WORKER_FAILED
        try:
            os.setpgid(0, 0)
            os.close(reading)
            self._let_go()
            left = memoryview(self._work(job))
            while left:
                left = left[os.write(writing, left) :]
            status = 0
        except Exception:  # noqa: BLE001 - the end of a process: its trace goes to stderr, its status to the server
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            # The pipe closes with the process and not before: its end tells the server that the status is set.
            os._exit(status)

    def _let_go(self) -> None:
        """Close, in a worker, what belongs to the server: a copy left open would keep other clients waiting."""
        self._selector.close()
        self._control.close()
        for worker in self._workers:
            worker.connection.close()
            if worker.pipe is not None:
                os.close(worker.pipe)

    def _collect(self, worker: _Worker) -> None:
        if worker.is_done or worker.pipe is None:
            return
        data = os.read(worker.pipe, _CHUNK_BYTES)
        worker.output += data
        if not data or len(worker.output) > _MAX_OUTPUT_BYTES:
            self._end(worker)

    def _end(self, worker: _Worker) -> None:
        """Kill what is left of a worker's group, and tell its client how it ended."""
        worker.is_done = True
        self._workers.discard(worker)
        self._selector.unregister(worker.connection)
        answer = b""
        if worker.pid is not None and worker.pipe is not None:
            # Before the leader is waited for, so that its number cannot be another's.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(worker.pid, signal.SIGKILL)
            _, wait_status = os.waitpid(worker.pid, 0)
            self._selector.unregister(worker.pipe)
            os.close(worker.pipe)
            answer = b"%d\n" % os.waitstatus_to_exitcode(wait_status) + worker.output
        with worker.connection, suppress(OSError):  # the client may be gone
            worker.connection.sendall(answer)
