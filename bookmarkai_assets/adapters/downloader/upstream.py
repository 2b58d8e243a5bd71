"""Connect through the operator's own HTTP proxy (`YTDLP_PROXY`), with CONNECT. The egress guard uses this.

The proxy is asked for an address that the guard has checked, never for a name, so it has nothing to resolve. The proxy
itself may have a private address, because the operator chose it and no link can.
"""

import base64
import socket
import time
from collections.abc import Callable
from http import HTTPStatus

from bookmarkai_assets.core.downloads.access import UpstreamProxy
from bookmarkai_assets.core.links.urls import is_public_address

Connect = Callable[[str, int, float], socket.socket]
"""Connects to an address and port within some seconds. Raises OSError if that fails."""

_SITE_STATUSES = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
_MAX_HEAD_BYTES = 16_384
_LEAST_SECONDS = 0.001  # a timeout of 0 would mean not to wait at all


class UpstreamError(OSError):
    """The proxy did not connect. `status` is its answer, or None if it did not answer in HTTP."""

    def __init__(self, status: int | None, words: str) -> None:
        super().__init__(words)
        self.status = status

    @property
    def is_about_the_site(self) -> bool:
        """Whether the proxy works and says that the site does not. Another address of the site may work."""
        return self.status in _SITE_STATUSES


def connecting_through(proxy: UpstreamProxy, *, directly: Connect) -> Connect:
    """Return a function that connects to public addresses through the proxy, and to others `directly`.

    Only the operator can have opened the others. Raises `UpstreamError` if the proxy does not answer or refuses.
    """
    head = f"Proxy-Authorization: Basic {_basic(proxy)}\r\n" if proxy.user or proxy.password else ""

    def connect(address: str, port: int, timeout_seconds: float) -> socket.socket:
        if not is_public_address(address):
            return directly(address, port, timeout_seconds)
        deadline = time.monotonic() + timeout_seconds
        host_and_port = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        try:
            connection = directly(proxy.host, proxy.port, timeout_seconds)
        except OSError as error:
            raise UpstreamError(None, f"no connection to {proxy.address}") from error
        try:
            request = f"CONNECT {host_and_port} HTTP/1.1\r\nHost: {host_and_port}\r\n{head}\r\n"
            _open_tunnel(connection, request, deadline)
        except BaseException:
            connection.close()
            raise
        return connection

    return connect


def _basic(proxy: UpstreamProxy) -> str:
    return base64.b64encode(f"{proxy.user}:{proxy.password}".encode("ascii")).decode("ascii")


def _open_tunnel(connection: socket.socket, request: str, deadline: float) -> None:
    """Send a request. Read the head of the answer and no byte after it. Raises `UpstreamError`."""
    try:
        connection.sendall(request.encode("ascii"))
        head = _read_head(connection, deadline)
    except OSError as error:
        raise UpstreamError(None, "no whole answer came") from error
    version, _, rest = head.partition(b" ")
    status = rest[:3]
    if not version.startswith(b"HTTP/1.") or not status.isdigit():
        raise UpstreamError(None, "the answer is not HTTP")
    if not HTTPStatus.OK <= int(status) < HTTPStatus.MULTIPLE_CHOICES:
        raise UpstreamError(int(status), f"it answered {int(status)}")


def _read_head(connection: socket.socket, deadline: float) -> bytes:
    """Read a head to its end. Return nothing if it does not end before the deadline and the limit of bytes."""
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
