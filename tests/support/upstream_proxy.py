"""An HTTP proxy on loopback that takes CONNECT with a password, as an operator's own would, or does as it is told."""

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
    """The proxy: tell it how to answer, then read what it was asked. `lead` connects for it."""

    port: int
    lead: Lead
    status: int = 200
    nonsense: bytes | None = None
    asked: list[str] = field(default_factory=list)

    def proxy(self, password: str = PASSWORD) -> UpstreamProxy:
        """Return what an operator would set to use it."""
        return UpstreamProxy("127.0.0.1", self.port, USER, password)


@contextmanager
def proxy_server(lead: Lead) -> Iterator[ProxyServer]:
    """Run a proxy on a free port of 127.0.0.1."""
    server = _Server(lead)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, lead: Lead) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.told = ProxyServer(self.server_address[1], lead)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nothing to tell of."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Stay out of the tests' output."""

    def do_CONNECT(self) -> None:
        """Open the way, if the password is right and the mood is good."""
        told = self.server.told
        told.asked.append(self.path)
        if told.nonsense is not None:
            self.wfile.write(told.nonsense)
            return
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        status = told.status if self.headers.get("Proxy-Authorization") == expected else 407
        if status != 200:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        host, _, port = self.path.rpartition(":")
        try:
            upstream = told.lead(host.strip("[]"), int(port), HANG_SECONDS)
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
