"""Connections by way of the operator's own HTTP proxy (`YTDLP_PROXY`), with CONNECT. Stands behind the egress guard.

What is asked for is an address that the guard has vetted, never a name: the proxy has nothing left to look up. The
proxy itself may stand on a private address, because the operator named it and no link can.
"""

import base64
import socket
import time
from collections.abc import Callable
from http import HTTPStatus

from bookmarkai_assets.core.downloads.access import UpstreamProxy
from bookmarkai_assets.core.links.urls import is_public_address

Connect = Callable[[str, int, float], socket.socket]
"""Connects to an address and port within some seconds. Raises OSError when that fails."""

_OF_THE_SITE = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
_MAX_HEAD_BYTES = 16_384
_LEAST_SECONDS = 0.001  # none at all would mean: do not wait


class UpstreamError(OSError):
    """The proxy did not open the way. `status` is what it answered; None when it did not, or not in HTTP."""

    def __init__(self, status: int | None, words: str) -> None:
        super().__init__(words)
        self.status = status

    @property
    def is_about_the_site(self) -> bool:
        """Whether the proxy works and says that the site does not: another address of the site may."""
        return self.status in _OF_THE_SITE


def connecting_through(proxy: UpstreamProxy, *, directly: Connect) -> Connect:
    """Give a way to connect to public addresses through the proxy; to others, which are the operator's own, `directly`.

    Raises `UpstreamError` when the proxy is silent or refuses.
    """
    head = f"Proxy-Authorization: Basic {_basic(proxy)}\r\n" if proxy.user or proxy.password else ""

    def connect(address: str, port: int, timeout_seconds: float) -> socket.socket:
        if not is_public_address(address):
            return directly(address, port, timeout_seconds)
        deadline = time.monotonic() + timeout_seconds
        place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        try:
            connection = directly(proxy.host, proxy.port, timeout_seconds)
        except OSError as error:
            raise UpstreamError(None, f"no connection to {proxy.place}") from error
        try:
            _ask(connection, f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{head}\r\n", deadline)
        except BaseException:
            connection.close()
            raise
        return connection

    return connect


def _basic(proxy: UpstreamProxy) -> str:
    return base64.b64encode(f"{proxy.user}:{proxy.password}".encode("ascii")).decode("ascii")


def _ask(connection: socket.socket, request: str, deadline: float) -> None:
    """Send a request, and read the head of the answer and no byte of what follows it. Raises `UpstreamError`."""
    try:
        connection.sendall(request.encode("ascii"))
        head = _head_from(connection, deadline)
    except OSError as error:
        raise UpstreamError(None, "no whole answer came") from error
    version, _, rest = head.partition(b" ")
    status = rest[:3]
    if not version.startswith(b"HTTP/1.") or not status.isdigit():
        raise UpstreamError(None, "the answer is not HTTP")
    if not HTTPStatus.OK <= int(status) < HTTPStatus.MULTIPLE_CHOICES:
        raise UpstreamError(int(status), f"it answered {int(status)}")


def _head_from(connection: socket.socket, deadline: float) -> bytes:
    """Read a head to its end; nothing where it has none in time and within the bytes that heads take."""
    head = b""
    while len(head) < _MAX_HEAD_BYTES:
        connection.settimeout(max(_LEAST_SECONDS, deadline - time.monotonic()))
        byte = connection.recv(1)
        if not byte:
            break
        head += byte
        if head.endswith(b"\r\n\r\n"):
            return head
    return b""
