"""The egress guard: the only way out for a download. It decides what may be reached; `forward_proxy` speaks HTTP.

The guard resolves each name once and refuses it if any of its addresses is not public. It connects to the address that
it has checked, so a name that changes its answer gains nothing. It limits the bytes of a download and admits nobody
without the download's token. It reads no content and keeps no path or query.
"""

import base64
import logging
import secrets
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from typing_extensions import override

from bookmarkai_assets.adapters.downloader.forward_proxy import ForwardProxy, Passage
from bookmarkai_assets.adapters.downloader.upstream import Connect, UpstreamError
from bookmarkai_assets.core.links.urls import HostPort, is_public_address

logger = logging.getLogger(__name__)

_PUBLIC_PORTS = frozenset({80, 443})
# More addresses of one name would only make it take longer to report a dead site.
_MAX_ADDRESSES_TRIED = 3
_MAX_DIALS_KEPT = 1000
_USER = "download"

Resolve = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host in the order to try them. Raises OSError if the name is unknown."""


class DialResult(StrEnum):
    """What the guard did with one request for a connection."""

    CONNECTED = "connected"
    PORT_REFUSED = "port_refused"
    ADDRESS_REFUSED = "address_refused"
    BYTES_SPENT = "bytes_spent"
    NAME_UNKNOWN = "name_unknown"
    UNREACHABLE = "unreachable"
    PROXY_WANTS_LOGIN = "proxy_wants_login"
    PROXY_REFUSED = "proxy_refused"
    PROXY_SILENT = "proxy_silent"


REFUSALS = frozenset({DialResult.PORT_REFUSED, DialResult.ADDRESS_REFUSED})
"""The rules forbid it."""
NO_ANSWER = frozenset({DialResult.NAME_UNKNOWN, DialResult.UNREACHABLE})
"""The rules allow it, but the network did not answer."""
NO_PASSAGE = frozenset({DialResult.PROXY_WANTS_LOGIN, DialResult.PROXY_REFUSED, DialResult.PROXY_SILENT})
"""The rules allow it, but the operator's own proxy did not open it."""


@dataclass(frozen=True)
class Dial:
    """One connection that a download asked for, with the result."""

    host: str
    port: int
    result: DialResult


def resolve_with_system(host: str, port: int) -> list[str]:
    """Ask the system's resolver. Raises OSError if it does not know the name."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is empty or too long
        raise OSError(str(error)) from error
    return [str(info[4][0]) for info in found]


def connect_with_system(address: str, port: int, timeout_seconds: float) -> socket.socket:
    """Connect to an address. It is not a name, so nothing is resolved again."""
    return socket.create_connection((address, port), timeout=timeout_seconds)


@dataclass(frozen=True)
class EgressRules:
    """What may be reached: `opened` hosts at any address, and ports 80 and 443 of public addresses."""

    opened: frozenset[HostPort]
    resolve: Resolve
    connect: Connect
    connect_timeout_seconds: float

    def dial(self, host: str, port: int) -> socket.socket | DialResult:
        """Connect to a host if it may be reached. Otherwise return the reason."""
        is_opened = HostPort(host, port) in self.opened
        if not is_opened and port not in _PUBLIC_PORTS:
            return DialResult.PORT_REFUSED
        try:
            addresses = self.resolve(host, port)
        except OSError:
            return DialResult.NAME_UNKNOWN
        if not addresses:
            return DialResult.NAME_UNKNOWN
        if not is_opened and not all(is_public_address(address) for address in addresses):
            return DialResult.ADDRESS_REFUSED
        for address in addresses[:_MAX_ADDRESSES_TRIED]:
            try:
                return self.connect(address, port, self.connect_timeout_seconds)
            except UpstreamError as error:
                if not error.is_about_the_site:
                    return _result_of_proxy_error(error)
            except OSError:
                continue  # the next address may answer
        return DialResult.UNREACHABLE


def _result_of_proxy_error(error: UpstreamError) -> DialResult:
    if error.status is None:
        return DialResult.PROXY_SILENT
    is_login = error.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
    return DialResult.PROXY_WANTS_LOGIN if is_login else DialResult.PROXY_REFUSED


class Account(Passage):
    """One download's way out: its proxy URL, its budget of bytes, and its dials."""

    def __init__(self, rules: EgressRules, *, proxy_url: str, max_bytes: int) -> None:
        self.proxy_url = proxy_url
        self._rules = rules
        self._max_bytes = max_bytes
        self._spent_bytes = 0
        self._dials: deque[Dial] = deque(maxlen=_MAX_DIALS_KEPT)
        self._sockets: set[socket.socket] = set()
        self._is_closed = False
        self._lock = threading.Lock()

    @property
    def dials(self) -> tuple[Dial, ...]:
        """The latest dials, oldest first."""
        with self._lock:
            return tuple(self._dials)

    @property
    def spent_bytes(self) -> int:
        """The bytes transferred so far, in both directions."""
        return self._spent_bytes

    @property
    def is_spent(self) -> bool:
        """Whether the download has exceeded its budget of bytes."""
        return self._spent_bytes > self._max_bytes

    @override
    def dial(self, host: str, port: int) -> socket.socket | HTTPStatus:
        """Connect by the rules while there are bytes left. Every result is recorded."""
        answer = DialResult.BYTES_SPENT if self.is_spent else self._rules.dial(host, port)
        result = answer if isinstance(answer, DialResult) else DialResult.CONNECTED
        with self._lock:
            self._dials.append(Dial(host, port, result))
        level = logging.DEBUG if result is DialResult.CONNECTED else logging.INFO
        logger.log(level, "egress to %s:%d: %s", host, port, result)
        if isinstance(answer, DialResult):
            return HTTPStatus.BAD_GATEWAY if answer in NO_ANSWER | NO_PASSAGE else HTTPStatus.FORBIDDEN
        return answer

    @override
    def spend(self, size_bytes: int) -> bool:
        with self._lock:
            self._spent_bytes += size_bytes
        return not self.is_spent

    @override
    @contextmanager
    def tracking(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            self._sockets.add(connection)
            is_late = self._is_closed
        if is_late:
            _shut_down(connection)
        try:
            yield
        finally:
            with self._lock:
                self._sockets.discard(connection)

    def close(self) -> None:
        """End every connection of this download."""
        with self._lock:
            self._is_closed = True
            for connection in self._sockets:
                _shut_down(connection)


class EgressGuard:
    """A proxy that applies `EgressRules`. It runs from construction until `close()` or the end of the process."""

    def __init__(
        self,
        *,
        allowed_hosts: frozenset[HostPort],
        resolve: Resolve = resolve_with_system,
        connect: Connect = connect_with_system,
        connect_timeout_seconds: float = 10,
        idle_timeout_seconds: float = 60,
    ) -> None:
        self._rules = EgressRules(allowed_hosts, resolve, connect, connect_timeout_seconds)
        self._accounts: dict[str, Account] = {}
        self._proxy = ForwardProxy(self._accounts.get, idle_timeout_seconds=idle_timeout_seconds)

    @contextmanager
    def account(self, *, max_bytes: int) -> Iterator[Account]:
        """Open the way out for one download. When the block ends, it is closed with all its connections."""
        token = secrets.token_urlsafe(24)
        credentials = "Basic " + base64.b64encode(f"{_USER}:{token}".encode()).decode()
        account = Account(
            self._rules, proxy_url=f"http://{_USER}:{token}@127.0.0.1:{self._proxy.port}", max_bytes=max_bytes
        )
        self._accounts[credentials] = account
        try:
            yield account
        finally:
            del self._accounts[credentials]
            account.close()

    def close(self) -> None:
        """End every connection and every thread."""
        for account in tuple(self._accounts.values()):
            account.close()
        self._proxy.close()


def _shut_down(connection: socket.socket) -> None:
    """Wake the thread that waits on a socket. Only its owner closes it, because a closed descriptor may be reused."""
    with suppress(OSError):  # the other side closed it first
        connection.shutdown(socket.SHUT_RDWR)
