"""The loop of a process that imports everything once and forks one worker per job. It knows nothing of downloads.

Importing yt-dlp takes ten times the CPU of a small download, so it is done once. Each job gets a fork: a process of its
own that can crash or be killed without affecting another.

The protocol, on Unix sockets: each message on the control socket carries one end of a connection, and perhaps a file,
which becomes the worker's stdout. On that connection the client writes one line, the job, and nothing more. To cancel,
it shuts down its writing side. The server answers with one line, the worker's exit status as in
`os.waitstatus_to_exitcode`, then the worker's result, and closes. When the control socket closes, because the client
has ended in whatever way, every worker is killed and the server ends. A worker leads a process group, and the whole
group is killed before the status is sent. So is what has left the group or the session (`strays`).
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

from bookmarkai_assets.adapters.common.processes.strays import adopt_orphans, kill_strays

_CHUNK_BYTES = 65_536
_MAX_OUTPUT_BYTES = 1_000_000  # a result is some kilobytes of JSON
_MAX_DESCRIPTORS = 2
_WORKER_FAILED = 1


def control_on_stdin() -> socket.socket:
    """Use stdin as the control socket and leave an empty stdin: programs that workers start must not inherit it."""
    control = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    return control


@dataclass(eq=False)
class _Worker:
    connection: socket.socket
    files: tuple[int, ...] = ()
    job: bytearray = field(default_factory=bytearray)
    pid: int | None = None
    pipe: int | None = None
    output: bytearray = field(default_factory=bytearray)
    is_done: bool = False

    def close_files(self) -> None:
        """Close this process's copies of the client's files."""
        for descriptor in self.files:
            os.close(descriptor)
        self.files = ()


class ForkServer:
    """Serves one client over `control` until it disconnects. `work` turns a job into a result, in the worker."""

    def __init__(self, control: socket.socket, work: Callable[[bytes], bytes]) -> None:
        self._control = control
        self._work = work
        self._workers: set[_Worker] = set()
        self._selector = selectors.DefaultSelector()
        self._is_open = True

    def serve(self) -> None:
        """Run until the client closes its end of the control socket."""
        adopt_orphans()
        self._selector.register(self._control, selectors.EVENT_READ, self._accept)
        while self._is_open:
            for key, _ in self._selector.select():
                key.data()
        for worker in tuple(self._workers):
            self._end(worker)

    def _accept(self) -> None:
        message, descriptors, _, _ = socket.recv_fds(self._control, 1, _MAX_DESCRIPTORS)
        if not message:
            self._is_open = False
            return
        worker = _Worker(socket.socket(fileno=descriptors[0]), tuple(descriptors[1:]))
        self._workers.add(worker)
        self._selector.register(worker.connection, selectors.EVENT_READ, partial(self._read_job, worker))

    def _read_job(self, worker: _Worker) -> None:
        """Read the job from the client. Anything after it, or the end of the stream, cancels the job."""
        if worker.is_done:
            return
        data = b""
        with suppress(ConnectionError):  # the client is gone, which also ends the stream
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
            self._run_worker(worker, reading, writing)
        os.close(writing)
        worker.close_files()
        # Parent and child both set the group, so it exists before either needs it.
        with suppress(ProcessLookupError, PermissionError):
            os.setpgid(pid, pid)
        # The next worker's fork would inherit this job's token and cookies.
        worker.job.clear()
        worker.pid, worker.pipe = pid, reading
        self._selector.register(reading, selectors.EVENT_READ, partial(self._collect, worker))

    def _run_worker(self, worker: _Worker, reading: int, writing: int) -> None:
        """Do the job and end the process in any case. A fork must not continue as a second server."""
        status = _WORKER_FAILED
        try:
            os.setpgid(0, 0)
            # Its orphans are its own until it ends, so those that come to the server are of workers that have ended.
            adopt_orphans()
            os.close(reading)
            for descriptor in worker.files:
                os.dup2(descriptor, sys.stdout.fileno())
            self._close_server_files()
            left = memoryview(self._work(bytes(worker.job)))
            while left:
                left = left[os.write(writing, left) :]
            status = 0
        except Exception:  # noqa: BLE001 - the process ends: its traceback goes to stderr, its status to the server
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            # The pipe closes only with the process. Its end tells the server that the status is set.
            os._exit(status)

    def _close_server_files(self) -> None:
        """Close the server's sockets and pipes in a worker. A copy left open would keep other clients waiting."""
        self._selector.close()
        self._control.close()
        for worker in self._workers:
            worker.connection.close()
            if worker.pipe is not None:
                os.close(worker.pipe)
            worker.close_files()

    def _collect(self, worker: _Worker) -> None:
        if worker.is_done or worker.pipe is None:
            return
        data = os.read(worker.pipe, _CHUNK_BYTES)
        worker.output += data
        if not data or len(worker.output) > _MAX_OUTPUT_BYTES:
            self._end(worker)

    def _end(self, worker: _Worker) -> None:
        """Kill what is left of a worker's group, and send its client the status and the result."""
        worker.is_done = True
        self._workers.discard(worker)
        self._selector.unregister(worker.connection)
        worker.close_files()
        answer = b""
        if worker.pid is not None and worker.pipe is not None:
            # Kill before waiting for the leader, because its process id may be reused after that.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(worker.pid, signal.SIGKILL)
            _, wait_status = os.waitpid(worker.pid, 0)
            kill_strays({other.pid for other in self._workers if other.pid is not None})
            self._selector.unregister(worker.pipe)
            os.close(worker.pipe)
            answer = b"%d\n" % os.waitstatus_to_exitcode(wait_status) + worker.output
        with worker.connection, suppress(OSError):  # the client may be gone
            worker.connection.sendall(answer)
