"""The HTTP part of the egress guard: a forward proxy on loopback for plain http and CONNECT. One thread per connection.

`Passage` decides whom to admit and what may be reached. Nothing here knows a rule about addresses.
"""

import http.server
import logging
import selectors
import socket
import socketserver
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from email.message import Message
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import override

logger = logging.getLogger(__name__)

_HTTP_PORT = 80
_CHUNK_BYTES = 65_536
# An answer that is not read to its end costs little more than this: yt-dlp opens some pages for their first bytes only.
_SEND_BUFFER_BYTES = 262_144
_HEAD_TIMEOUT_SECONDS = 10  # for a request's head, which comes from this machine
_JOIN_SECONDS = 5.0
# RFC 9110, 7.6.1: these belong to one connection. The credentials are for this proxy. `http.server` answers `Expect`.
_NOT_PASSED_ON = frozenset(
    {"connection", "expect", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "upgrade"}
)

_Edit = Callable[[bytes], bytes]


class Passage(ABC):
    """What one client may do."""

    @abstractmethod
    def dial(self, host: str, port: int) -> socket.socket | HTTPStatus:
        """Connect to a host, or return the status to answer with: forbidden or bad gateway."""

    @abstractmethod
    def spend(self, size_bytes: int) -> bool:
        """Take bytes from the client's budget. Return False if it does not cover them."""

    @abstractmethod
    def tracking(self, connection: socket.socket) -> AbstractContextManager[None]:
        """Track a socket in the block. It is shut down if the client's way out is closed meanwhile."""


class ForwardProxy:
    """Listens on a free port of 127.0.0.1 from construction to `close()`.

    `passage_of` returns the passage for a `Proxy-Authorization` header. A connection without traffic for
    `idle_timeout_seconds` is closed.
    """

    def __init__(self, passage_of: Callable[[str], Passage | None], *, idle_timeout_seconds: float) -> None:
        self._server = _Server(passage_of, idle_timeout_seconds)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="egress-guard", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_address[1]

    def close(self) -> None:
        """Stop listening and wait for the threads of the connections, which their passages have shut down."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for thread in tuple(self._server.handlers):
            thread.join(_JOIN_SECONDS)


class _Server(socketserver.ThreadingTCPServer):
    # The end of the process does not wait for these threads. `close()` does, for a limited time.
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, passage_of: Callable[[str], Passage | None], idle_timeout_seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.passage_of = passage_of
        self.idle_timeout_seconds = idle_timeout_seconds
        self.handlers: set[threading.Thread] = set()

    @override
    def process_request_thread(self, request: Any, client_address: Any) -> None:  # typeshed's own types
        thread = threading.current_thread()
        self.handlers.add(thread)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.handlers.discard(thread)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if not isinstance(error, OSError):  # a client that disconnects is normal
            logger.error("the egress guard dropped a connection", exc_info=error)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _HEAD_TIMEOUT_SECONDS
    error_message_format = "%(message)s\n"
    error_content_type = "text/plain"
    server: _Server

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, because request lines contain paths and queries."""

    def do_CONNECT(self) -> None:
        """Open a tunnel to `host:port` for the client."""
        self._forward("//" + self.path, is_bare=True)

    def do_GET(self) -> None:
        """Forward a request for an absolute http URL to its host."""
        self._forward(self.path, is_bare=False)

    do_HEAD = do_POST = do_OPTIONS = do_GET  # noqa: N815 - names that `http.server` looks for

    def _forward(self, target: str, *, is_bare: bool) -> None:
        self.close_connection = True
        passage = self.server.passage_of(self.headers.get("Proxy-Authorization", ""))
        if passage is None:
            self.send_response(HTTPStatus.PROXY_AUTHENTICATION_REQUIRED)
            self.send_header("Proxy-Authenticate", 'Basic realm="egress guard"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        try:
            host, port, path = _destination(target, is_bare=is_bare)
            body_bytes = _body_bytes(self.headers)
        except ValueError as error:
            self.send_error(HTTPStatus.BAD_REQUEST, f"expected {error}")
            return
        upstream = passage.dial(host, port)
        if isinstance(upstream, HTTPStatus):
            self.send_error(upstream, "stopped by the egress guard")
            return
        # Either side may disconnect at any moment, which ends the other.
        with upstream, passage.tracking(upstream), passage.tracking(self.connection), suppress(OSError):
            for side in (upstream, self.connection):
                side.settimeout(self.server.idle_timeout_seconds)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            if is_bare:
                self.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._relay(upstream, passage, to_client=bytes, to_upstream=bytes)
            else:
                upstream.sendall(self._head(path))
                self._send_body(upstream, passage, body_bytes)
                # Anything that the client sends after its request is dropped, because only that request was checked.
                self._relay(upstream, passage, to_client=_ClosingAnswer().mark, to_upstream=lambda _: b"")

    def _head(self, path: str) -> bytes:
        kept = (f"{name}: {value}\r\n" for name, value in self.headers.items() if name.lower() not in _NOT_PASSED_ON)
        return f"{self.command} {path} HTTP/1.1\r\n{''.join(kept)}Connection: close\r\n\r\n".encode("latin-1")

    def _send_body(self, upstream: socket.socket, passage: Passage, left: int) -> None:
        while left > 0:
            data = self.rfile.read(min(left, _CHUNK_BYTES))
            if not data or not passage.spend(len(data)):
                return
            upstream.sendall(data)
            left -= len(data)

    def _relay(self, upstream: socket.socket, passage: Passage, *, to_client: _Edit, to_upstream: _Edit) -> None:
        """Copy bytes both ways, edited, until one side closes, the budget is spent or the connection is idle."""
        with selectors.DefaultSelector() as selector:
            selector.register(upstream, selectors.EVENT_READ, (upstream, self.connection, to_client))
            selector.register(self.connection, selectors.EVENT_READ, (self.connection, upstream, to_upstream))
            while ready := selector.select(self.server.idle_timeout_seconds):
                for key, _ in ready:
                    source, sink, edited = key.data
                    data = source.recv(_CHUNK_BYTES)
                    if not data or not passage.spend(len(data)):
                        return
                    sink.sendall(edited(data))


class _ClosingAnswer:
    """Adds `Connection: close` after the status line, which a site may have left out.

    Without it a client may keep the connection and send its next request into one that closes (RFC 9112, 9.6).
    """

    def __init__(self) -> None:
        self._is_marked = False

    def mark(self, data: bytes) -> bytes:
        line_end = data.find(b"\n") + 1
        if self._is_marked or not line_end:
            return data
        self._is_marked = True
        return data[:line_end] + b"Connection: close\r\n" + data[line_end:]


def _destination(target: str, *, is_bare: bool) -> tuple[str, int, str]:
    """Parse host, port and path of a request's target. Raises ValueError that says what is expected."""
    try:
        parts = urlsplit(target)
        port = _HTTP_PORT if parts.port is None else parts.port
    except ValueError as error:
        raise ValueError("a host and a port") from error
    if not parts.hostname or parts.scheme != ("" if is_bare else "http"):
        raise ValueError("an absolute http URL, or CONNECT to host:port")
    return parts.hostname.removesuffix("."), port, (parts.path or "/") + ("?" + parts.query if parts.query else "")


def _body_bytes(headers: Message) -> int:
    """Parse the length of a request's body, in bytes. Raises ValueError that says what is expected."""
    length = headers.get("Content-Length", "0")
    if "Transfer-Encoding" in headers or not length.isdecimal():
        raise ValueError("a body of known length")
    return int(length)
