"""A webhook's receiver on loopback that behaves as tests set it: answers, hangs, or closes the connection."""

import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from typing_extensions import override

HANG = -1
"""Accept the request and answer nothing."""
CLOSE = -2
"""Accept the request and close the connection without an answer."""


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class WebhookServer:
    """Listens on a free loopback port while entered. `answers` are given in turn to the next requests, and then 204."""

    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="webhook")
        self.ended = threading.Event()

    def url(self, path: str = "/hook") -> str:
        """Where to post."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    owner: WebhookServer
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, to keep the tests' output clean."""

    def do_POST(self) -> None:
        owner = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        owner.received.append(Received(self.path, dict(self.headers.items()), body))
        answer = owner.answers.pop(0) if owner.answers else 204
        if answer == HANG:
            owner.ended.wait()
            return
        if answer == CLOSE:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response_only(answer)
        for name, value in owner.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - the name that the standard library calls
