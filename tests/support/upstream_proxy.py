"""An HTTP proxy on loopback that takes CONNECT with a password, as an operator's would, or answers as tests set it."""

import base64
import http.server
import selectors
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from bookmarkai_assets.core.downloads.access import UpstreamProxy
from tests.support.deadlines import HANG_SECONDS

USER, PASSWORD = "worker", "pa:ss w0rd@"

Lead = Callable[[str, int, float], socket.socket]


@dataclass
class ProxyServer:
    """The proxy: set how it answers, then read what it was asked for. `lead` connects for it."""

    port: int
    lead: Lead
    status: int = 200
    nonsense: bytes | None = None
    asked: list[str] = field(default_factory=list)

    def proxy(self, password: str = PASSWORD) -> UpstreamProxy:
        """Return what an operator would configure to use it."""
        return UpstreamProxy("127.0.0.1", self.port, USER, password)


@contextmanager
def proxy_server(lead: Lead) -> Iterator[ProxyServer]:
    """Run a proxy on a free port of 127.0.0.1."""
    server = _Server(lead)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.settings
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, lead: Lead) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.settings = ProxyServer(self.server_address[1], lead)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that disconnects."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, to keep the tests' output clean."""

    def do_CONNECT(self) -> None:
        """Open the tunnel, if the password is right and the test allows it."""
        settings = self.server.settings
        settings.asked.append(self.path)
        if settings.nonsense is not None:
            self.wfile.write(settings.nonsense)
            return
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        status = settings.status if self.headers.get("Proxy-Authorization") == expected else 407
        if status != 200:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        host, _, port = self.path.rpartition(":")
        try:
            upstream = settings.lead(host.strip("[]"), int(port), HANG_SECONDS)
        except OSError:
            self.send_error(502)
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\nVia: stand-in\r\n\r\n")
        with upstream, suppress(OSError):
            _relay(self.connection, upstream)


def _relay(one: socket.socket, other: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, (one, other))
        selector.register(other, selectors.EVENT_READ, (other, one))
        while True:
            for key, _ in selector.select():
                source, sink = key.data
                data = source.recv(65_536)
                if not data:
                    return
                sink.sendall(data)
