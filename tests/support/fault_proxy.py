"""A reverse proxy that damages what passes between a client and an HTTP server, both on loopback.

Requests and answers go through unchanged, Host and signature included, until a fault is set, or something that the
server is to lack.
"""

import contextlib
import http.client
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from typing_extensions import override

from tests.support.deadlines import HANG_SECONDS

ALWAYS = 1_000_000
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "expect", "content-length"})


class Fault(StrEnum):
    """What happens to a request or its answer."""

    THROTTLED = "503"  # the server is not asked
    INTERNAL_ERROR = "500"  # the server is not asked
    ABSENT = "404"  # the server is not asked
    DENIED = "403"  # the server is not asked
    SKEWED = "403 clock"  # the server is not asked
    RESET = "reset"  # the server is not asked, the connection is reset
    LOST_ANSWER = "lost answer"  # the server does it, the connection is reset before the answer
    TRUNCATED = "truncated"  # the answer breaks off in the middle
    SHORT = "short"  # half of the answer, announced as all of it
    FLIPPED = "flipped"  # one bit of the answer's body is wrong
    FLIPPED_REQUEST = "flipped request"  # one bit of the request's body is wrong


_UNASKED = {
    Fault.THROTTLED: (503, "SlowDown"),
    Fault.INTERNAL_ERROR: (500, "InternalError"),
    Fault.ABSENT: (404, "NoSuchKey"),
    Fault.DENIED: (403, "AccessDenied"),
    Fault.SKEWED: (403, "RequestTimeTooSkewed"),
}


@dataclass(frozen=True)
class Refusal:
    """A server's answer to a header that it refuses. If `code` and `message` are empty, it is only the status."""

    status: int
    code: str = ""
    message: str = ""

    @property
    def body(self) -> bytes:
        """The answer as S3 writes it."""
        if not self.code:
            return b""
        message = f"<Message>{self.message}</Message>" if self.message else ""
        return f"<?xml version='1.0'?><Error><Code>{self.code}</Code>{message}</Error>".encode()


@dataclass(frozen=True)
class Lacking:
    """What a server lacks that S3 has. Headers are in lower case; one ending in `*` means all with that prefix.

    `ignored` request headers do not reach the server behind the proxy, for which `sign` signs the rest again; `refused`
    ones are answered. `forgotten` headers are missing in its answers. All of it holds for requests whose method and
    path hold `only`.
    """

    sign: Callable[[str, str, dict[str, str], bytes], dict[str, str]]
    ignored: frozenset[str] = frozenset()
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    forgotten: frozenset[str] = frozenset()
    only: str = ""

    def refusal_of(self, method: str, path: str, headers: Mapping[str, str]) -> Refusal | None:
        """Return the answer to a request that has a refused header."""
        if self.only not in f"{method} {path}":
            return None
        return next((refusal for name, refusal in self.refused.items() if _has(headers, name)), None)

    def pass_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
        """Return the headers that reach the server."""
        kept = {name: value for name, value in headers.items() if not any(_is(name, other) for other in self.ignored)}
        if self.only not in f"{method} {path}" or kept == headers:
            return headers
        return self.sign(method, path, kept, body)

    def answer_with(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the headers of an answer that reach the client."""
        return [(name, value) for name, value in headers if not any(_is(name, other) for other in self.forgotten)]


def _is(name: str, wanted: str) -> bool:
    name = name.lower()
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted


def _has(headers: Mapping[str, str], wanted: str) -> bool:
    return any(_is(name, wanted) for name in headers)


@dataclass
class _Plan:
    fault: Fault
    methods: frozenset[str]
    remaining: int
    query: str


class FaultProxy:
    """Listens on a free loopback port while entered.

    `requests` counts what arrived, by method; `answered_bytes` the bytes of the server's answers; `faults` the requests
    hit.

    `before_request`, if set, is called with the method and the path of each request before the server gets it.
    `lacking`, if set, makes the server one that lacks something of S3.
    """

    before_request: Callable[[str, str], None] | None
    lacking: Lacking | None

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        assert parts.hostname is not None
        assert parts.port is not None
        self.upstream = (parts.hostname, parts.port)
        self.requests: Counter[str] = Counter()
        self.answered_bytes: Counter[str] = Counter()
        self.faults = 0
        self.before_request = None
        self.lacking = None
        self._plan: _Plan | None = None
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="fault-proxy")

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def break_next(self, fault: Fault, *methods: str, times: int = ALWAYS, query: str = "") -> None:
        """Damage the next `times` requests of these methods whose query contains `query`, and restart the counts."""
        with self._lock:
            self._plan = _Plan(fault, frozenset(methods), times, query)
            self.requests.clear()
            self.answered_bytes.clear()
            self.faults = 0

    def pass_through(self) -> None:
        """Damage nothing, lack nothing and call nobody from now on, and restart the counts."""
        with self._lock:
            self._plan = None
            self.before_request = None
            self.lacking = None
            self.requests.clear()
            self.answered_bytes.clear()
            self.faults = 0

    def count_answer(self, method: str, size_bytes: int) -> None:
        """Count what the server answered."""
        with self._lock:
            self.answered_bytes[method] += size_bytes

    def fault_for(self, method: str, path: str) -> Fault | None:
        """Count a request, and return the fault that it gets."""
        with self._lock:
            self.requests[method] += 1
            plan = self._plan
            if plan is None or method not in plan.methods or plan.remaining == 0 or plan.query not in path:
                return None
            plan.remaining -= 1
            self.faults += 1
            return plan.fault

    def refusal_of(self, method: str, path: str, headers: Mapping[str, str]) -> Refusal | None:
        """Return the answer to a request for something that the server lacks."""
        return None if self.lacking is None else self.lacking.refusal_of(method, path, headers)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    proxy: FaultProxy
    daemon_threads = True

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Do not report connections that a fault has cut."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet per answer instead of one per header, which Nagle's algorithm would delay
    disable_nagle_algorithm = True
    server: _Server
    _upstream: http.client.HTTPConnection | None = None

    @override
    def handle_expect_100(self) -> bool:
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, to keep the tests' output clean."""

    @override
    def finish(self) -> None:
        if self._upstream is not None:
            self._upstream.close()
        with contextlib.suppress(OSError):
            super().finish()

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        proxy = self.server.proxy
        if proxy.before_request is not None:
            proxy.before_request(self.command, self.path)
        fault = proxy.fault_for(self.command, self.path)
        if fault is Fault.RESET:
            return self._reset()
        if fault in _UNASKED:
            status, code = _UNASKED[fault]
            error = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>told to fail</Message></Error>".encode()
            return self._answer(status, [("Content-Type", "application/xml")], error, announced=len(error))
        if (refusal := proxy.refusal_of(self.command, self.path, dict(self.headers))) is not None:
            return self._answer(refusal.status, [], refusal.body, announced=len(refusal.body))
        if fault is Fault.FLIPPED_REQUEST:
            body = _with_flipped_bit(body)
        status, headers, answer, announced = self._ask(body)
        proxy.count_answer(self.command, len(answer))
        match fault:
            case Fault.LOST_ANSWER:
                return self._reset()
            case Fault.TRUNCATED:
                answer = answer[: len(answer) // 2]
            case Fault.SHORT:
                answer = answer[: len(answer) // 2]
                announced = len(answer)
            case Fault.FLIPPED:
                answer = _with_flipped_bit(answer)
        return self._answer(status, headers, answer, announced=announced)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 - the names that the standard library calls

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes, int]:
        if self._upstream is not None:
            # The server may have closed it meanwhile, which would be an unplanned fault.
            with contextlib.suppress(ConnectionError):
                return self._ask_on(self._upstream, body)
            self._upstream.close()
        self._upstream = http.client.HTTPConnection(*self.server.proxy.upstream, timeout=HANG_SECONDS)
        return self._ask_on(self._upstream, body)

    def _ask_on(
        self, upstream: http.client.HTTPConnection, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes, int]:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        if "Content-Length" in self.headers:
            headers["Content-Length"] = str(len(body))
        if (lacking := self.server.proxy.lacking) is not None:
            headers = lacking.pass_on(self.command, self.path, headers, body)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            upstream.putheader(name, value)
        upstream.endheaders(body or None)
        response = upstream.getresponse()
        answer = response.read()
        announced = int(response.headers.get("Content-Length") or len(answer))
        kept = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP]
        if lacking is not None:
            kept = lacking.answer_with(kept)
        return response.status, kept, answer, announced

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, *, announced: int) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != http.client.NO_CONTENT:
            self.send_header("Content-Length", str(announced))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
            self.close_connection = self.close_connection or len(body) < announced
        self.wfile.flush()

    def _reset(self) -> None:
        # Lingering for zero seconds makes the close a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


def _with_flipped_bit(data: bytes) -> bytes:
    if not data:
        return data
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
