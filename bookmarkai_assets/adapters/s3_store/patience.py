"""How long a server may be silent, and who is asked meanwhile whether to go on.

A request waits for as long as bytes move. Bytes that wait in this machine's own buffers have not moved yet, so that a
slow line is told from a server that takes connections and never answers. Every wait is divided into short ones. Between
them the transfer's owner is asked, who may end it at any moment.
"""

import fcntl
import io
import select
import ssl
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from typing_extensions import Buffer, override

SILENT_SECONDS = 15.0
"""After this long without a byte in either direction, a try of a request is given up. The next one connects again."""

PATIENCE_SECONDS = 25.0
"""The silence of all tries of one request together. A download in ranges adds one silent try: 40 s at most."""

_POLL_SECONDS = 0.25
"""Between two questions whether to go on."""

_PROGRESS_BYTES = 1 << 20
"""How far beyond earlier tries a try must come to count as progress. A dead server's buffers take about as much."""

_CONTEXT_KEY = "bookmarkai_clock"


@dataclass(frozen=True)
class Patience:
    """The seconds of silence after which a try, and all tries of a request together, are given up."""

    silent_seconds: float = SILENT_SECONDS
    request_seconds: float = PATIENCE_SECONDS
    poll_seconds: float = _POLL_SECONDS


DEFAULT_PATIENCE = Patience()


class GivenUpError(BaseException):
    """Whoever was asked has ended the transfer. botocore retries every `Exception`, so this is none.

    `error` is what they raised. `errors.vendor_errors` raises it in place of this one.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _ask_nobody() -> None:
    """Go on."""


_asked: ContextVar[Callable[[], object]] = ContextVar("asked", default=_ask_nobody)
_hurried: ContextVar[Patience | None] = ContextVar("hurried", default=None)
_current = threading.local()


@contextmanager
def asking(ask: Callable[[], object]) -> Iterator[None]:
    """Call `ask` before each try, and several times a second during each wait, of the requests in the block.

    What it raises ends the request.
    """
    token = _asked.set(ask)
    try:
        yield
    finally:
        _asked.reset(token)


@contextmanager
def hurrying(patience: Patience) -> Iterator[None]:
    """Ask nobody in the block, and wait with this patience."""
    token = _hurried.set(patience)
    try:
        with asking(_ask_nobody):
            yield
    finally:
        _hurried.reset(token)


class RequestClock:
    """How long one request has been without progress, over all its tries."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self._sent = 0
        self._taken = 0
        self._furthest = 0
        self._moved_at = time.monotonic()
        self._spent = 0.0

    def begin_try(self) -> bool:
        """Start to count again. Return False if earlier tries have used up the patience."""
        self._sent = self._taken = 0
        self._moved_at = time.monotonic()
        return self._spent < self.patience.request_seconds

    def begin_wait(self) -> None:
        """Begin to wait for the server."""
        self._moved_at = time.monotonic()

    def send(self, size_bytes: int) -> None:
        """Count bytes that were handed to the system."""
        self._sent += size_bytes

    def hear(self) -> None:
        """Note that the server has sent something."""
        self._moved_at = time.monotonic()
        self._spent = 0.0

    def is_over(self, unsent_bytes: int) -> bool:
        """Whether the server has been silent for too long. `unsent_bytes` still wait in this machine's buffers."""
        now = time.monotonic()
        taken = self._sent - unsent_bytes
        if taken > self._taken:
            self._taken, self._moved_at = taken, now
        if taken > self._furthest + _PROGRESS_BYTES:
            self._furthest, self._spent = taken, 0.0
        silent = now - self._moved_at
        if silent < min(self.patience.silent_seconds, self.patience.request_seconds - self._spent):
            return False
        self._furthest = max(self._furthest, taken)
        self._spent += silent
        return True


def before_try(request: Any, patience: Patience) -> None:  # noqa: ANN401 - the vendor's request
    """Prepare a try of a request, which this thread sends next. Raises what whoever is asked raises.

    Raises botocore's `ReadTimeoutError` if earlier tries have used up the patience.
    """
    clock = request.context.setdefault(_CONTEXT_KEY, RequestClock(_hurried.get() or patience))
    if not clock.begin_try():
        raise _silence(request.url)
    _current.clock = clock
    _asked.get()()


def be_patient(client: Any, patience: Patience) -> None:  # noqa: ANN401 - the vendor's client
    """Have a client's connections wait as described here.

    botocore has no published way to a request's socket. `tests/adapters/s3_store/test_patience.py` fails if this one no
    longer works.
    """
    from botocore.awsrequest import AWSHTTPConnectionPool, AWSHTTPSConnectionPool

    pools = client._endpoint.http_session._pool_classes_by_scheme  # noqa: SLF001 - see above
    pools["http"] = _patient_pool(AWSHTTPConnectionPool, patience)
    pools["https"] = _patient_pool(AWSHTTPSConnectionPool, patience)


def _patient_pool(pool: Any, patience: Patience) -> type:  # noqa: ANN401 - a class of the vendor's
    """Return a subclass of a pool of connections, whose connections wait as described here."""
    impatient = pool.ConnectionCls

    def connect(connection: Any) -> None:  # noqa: ANN401 - the vendor's connection
        impatient.connect(connection)
        connection.sock = _PatientSocket(connection.sock, patience)

    patient = type("PatientConnection", (impatient,), {"connect": connect})
    return type("PatientPool", (pool,), {"ConnectionCls": patient})


class _PatientSocket:
    """A connected socket whose reads and writes wait in short steps. Everything else is the socket's own."""

    def __init__(self, connected: Any, patience: Patience) -> None:  # noqa: ANN401 - a socket, with TLS or without
        self._socket = connected
        self.clock = RequestClock(patience)
        self._asked_at = 0.0
        connected.setblocking(False)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the socket has
        return getattr(self._socket, name)

    def settimeout(self, _seconds: float | None) -> None:
        """Do nothing: how long to wait is decided here."""

    def sendall(self, data: Buffer) -> None:
        """Send all of it. Raises botocore's `ReadTimeoutError` if nothing moves, and `GivenUpError`."""
        self.clock = getattr(_current, "clock", self.clock)
        rest = memoryview(data).cast("B")
        while rest:
            try:
                sent = self._socket.send(rest)
            except (BlockingIOError, ssl.SSLWantWriteError):
                if not self.wait(for_reading=False):
                    raise _silence("the server") from None
                continue
            except ssl.SSLWantReadError:
                if not self.wait(for_reading=True):
                    raise _silence("the server") from None
                continue
            self.clock.send(sent)
            rest = rest[sent:]

    def makefile(self, mode: str = "rb", buffering: int | None = None, **_options: object) -> io.IOBase:
        """Return a reader of what the server sends."""
        reader = _PatientReader(self, self._socket.makefile(mode, buffering=0))
        return reader if buffering == 0 else io.BufferedReader(reader)

    def wait(self, *, for_reading: bool) -> bool:
        """Wait a moment, or until the socket is ready. Return False when there is no more patience.

        Raises `GivenUpError`.
        """
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN if for_reading else select.POLLOUT)
        is_ready = bool(waiting.poll(self.clock.patience.poll_seconds * 1000))
        self._ask_in_time()
        return is_ready or not self.clock.is_over(_unsent_bytes(self._socket))

    def _ask_in_time(self) -> None:
        """Ask whether to go on, if the last question is long enough ago. A slow line keeps the socket ready, too."""
        now = time.monotonic()
        if now - self._asked_at < self.clock.patience.poll_seconds:
            return
        self._asked_at = now
        try:
            _asked.get()()
        except Exception as error:
            raise GivenUpError(error) from error


class _PatientReader(io.RawIOBase):
    """Reads from a socket that does not block, and waits as it does."""

    def __init__(self, patient: _PatientSocket, raw: io.RawIOBase) -> None:
        super().__init__()
        self._patient = patient
        self._raw = raw

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        self._patient.clock.begin_wait()
        while True:
            try:
                got = self._raw.readinto(buffer)
            except ssl.SSLWantReadError:
                got = None
            if got is not None:
                self._patient.clock.hear()
                return got
            if not self._patient.wait(for_reading=True):
                raise TimeoutError("the server was silent for too long")

    @override
    def close(self) -> None:
        self._raw.close()
        super().close()


def _unsent_bytes(connected: Any) -> int:  # noqa: ANN401 - a socket, with TLS or without
    """Return how many bytes the other side's system has not taken yet. 0 where the system does not say."""
    if not sys.platform.startswith("linux"):
        return 0
    try:
        [unsent] = struct.unpack("i", fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))
    except (OSError, ValueError):
        return 0
    return int(unsent)


def _silence(url: str) -> Exception:
    from botocore.exceptions import ReadTimeoutError

    silence: Exception = ReadTimeoutError(endpoint_url=url)
    return silence
