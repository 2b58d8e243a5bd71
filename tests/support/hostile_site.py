"""A site on loopback that answers as tests set it: well, wrongly, endlessly or never. It counts the requests."""

import http.server
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import override

from bookmarkai_assets.core.links.urls import HostPort

_BLOCK = b"\0" * 65_536


@dataclass(frozen=True)
class Answer:
    """The answer for one path, or None for no answer. Without `declared_bytes` the body ends with the connection.

    When it `is_raw`, only the body is sent, which then has to contain status line and headers.
    """

    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    body: Callable[[], Iterable[bytes]] = lambda: ()
    declared_bytes: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    is_raw: bool = False


@dataclass
class HostileSite:
    """The site: set its answers, then read what it was asked for. `host` is the name by which it is known."""

    port: int
    host: str = "127.0.0.1"
    answers: dict[str, Answer | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sent_bytes: int = 0
    is_closing: threading.Event = field(default_factory=threading.Event)

    @property
    def host_port(self) -> HostPort:
        """What an operator would open to reach it."""
        return HostPort(self.host, self.port)

    def url(self, path: str) -> str:
        """Return the link to a path."""
        return f"http://{self.host}:{self.port}{path}"

    def file(self, path: str, body: bytes, *, content_type: str = "video/mp4", declared_bytes: int | None = -1) -> str:
        """Serve bytes, by default with their true length, and return the link."""
        length = len(body) if declared_bytes == -1 else declared_bytes
        return self.serve(path, Answer(content_type=content_type, body=lambda: (body,), declared_bytes=length))

    def page(self, path: str, html: str, *, status: int = 200) -> str:
        """Serve a page, and return the link."""
        body = html.encode()
        return self.serve(path, Answer(status=status, body=lambda: (body,), declared_bytes=len(body)))

    def redirect(self, path: str, to: str) -> str:
        """Redirect every request, and return the link."""
        return self.serve(path, Answer(status=302, declared_bytes=0, headers=(("Location", to),)))

    def endless(self, path: str, *, head: bytes) -> str:
        """Serve a video that begins well and never ends, and return the link."""
        return self.serve(
            path, Answer(content_type="video/mp4", body=lambda: itertools.chain((head,), itertools.repeat(_BLOCK)))
        )

    def silent(self, path: str) -> str:
        """Accept the request and never answer, and return the link."""
        return self.serve(path, None)

    def serve(self, path: str, answer: Answer | None) -> str:
        """Serve an answer, and return the link."""
        self.answers[path] = answer
        return self.url(path)


@contextmanager
def hostile_site() -> Iterator[HostileSite]:
    """Run a site on a free port of 127.0.0.1."""
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.site
    finally:
        server.site.is_closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.site = HostileSite(self.server_address[1])

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that disconnects, because that is what these tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, to keep the tests' output clean."""

    def do_GET(self) -> None:
        """Send the answer of the path, or 404 if it has none."""
        site = self.server.site
        path = urlsplit(self.path).path
        site.asked.append(path)
        answer = site.answers.get(path, Answer(status=404, declared_bytes=0))
        if answer is None:
            site.is_closing.wait()
            return
        if not answer.is_raw:
            self._send_head(answer)
        for block in answer.body():
            self.wfile.write(block)
            site.sent_bytes += len(block)

    def _send_head(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        if answer.declared_bytes is not None:
            self.send_header("Content-Length", str(answer.declared_bytes))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
