"""The egress guard: the only way out for a download. Here stands what may be reached; `forward_proxy` speaks HTTP.

It resolves each name once, refuses it if any of its addresses is not public, and connects to the very address it looked
at, so that a name which changes its answer gains nothing. It caps the bytes of a download and admits nobody without the
download's token. It reads no content and keeps no path or query.
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
# More addresses than this behind one name would only make a dead site take longer to be called dead.
_MAX_ADDRESSES_TRIED = 3
_MAX_DECISIONS_KEPT = 1000
_USER = "download"

Resolve = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host, in the order to try them. Raises OSError when the name is not known."""


class Verdict(StrEnum):
    """What the guard did with one connection that was asked for."""

    CONNECTED = "connected"
    PORT_REFUSED = "port_refused"
    ADDRESS_REFUSED = "address_refused"
    BYTES_SPENT = "bytes_spent"
    NAME_UNKNOWN = "name_unknown"
    UNREACHABLE = "unreachable"
    PROXY_WANTS_LOGIN = "proxy_wants_login"
    PROXY_REFUSED = "proxy_refused"
    PROXY_SILENT = "proxy_silent"


REFUSALS = frozenset({Verdict.PORT_REFUSED, Verdict.ADDRESS_REFUSED})
"""The rules said no."""
NO_ANSWER = frozenset({Verdict.NAME_UNKNOWN, Verdict.UNREACHABLE})
"""The rules said yes, the network said nothing."""
NO_PASSAGE = frozenset({Verdict.PROXY_WANTS_LOGIN, Verdict.PROXY_REFUSED, Verdict.PROXY_SILENT})
"""The rules said yes, the operator's own proxy did not."""


@dataclass(frozen=True)
class Decision:
    """One connection that a download asked for, and what became of it."""

    host: str
    port: int
    verdict: Verdict


def resolve_with_system(host: str, port: int) -> list[str]:
    """Ask the system's resolver; raises OSError when it knows no such name."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is empty or too long
        raise OSError(str(error)) from error
    return [str(info[4][0]) for info in found]


def connect_with_system(address: str, port: int, timeout_seconds: float) -> socket.socket:
    """Connect to an address, not to a name: nothing is looked up again."""
    return socket.create_connection((address, port), timeout=timeout_seconds)


@dataclass(frozen=True)
class EgressRules:
    """What may be reached: `opened` hosts whatever their address, else ports 80 and 443 of public addresses only."""

    opened: frozenset[HostPort]
    resolve: Resolve
    connect: Connect
    connect_timeout_seconds: float

    def dial(self, host: str, port: int) -> socket.socket | Verdict:
        """Connect to a host if it may be reached, else say why not."""
        is_opened = HostPort(host, port) in self.opened
        if not is_opened and port not in _PUBLIC_PORTS:
            return Verdict.PORT_REFUSED
        try:
            addresses = self.resolve(host, port)
        except OSError:
            return Verdict.NAME_UNKNOWN
        if not addresses:
            return Verdict.NAME_UNKNOWN
        if not is_opened and not all(is_public_address(address) for address in addresses):
            return Verdict.ADDRESS_REFUSED
        for address in addresses[:_MAX_ADDRESSES_TRIED]:
            try:
                return self.connect(address, port, self.connect_timeout_seconds)
            except UpstreamError as error:
                if not error.is_about_the_site:
                    return _verdict_of(error)
            except OSError:
                continue  # the next address may answer; if none does, the verdict below says so
        return Verdict.UNREACHABLE


def _verdict_of(error: UpstreamError) -> Verdict:
    if error.status is None:
        return Verdict.PROXY_SILENT
    is_login = error.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
    return Verdict.PROXY_WANTS_LOGIN if is_login else Verdict.PROXY_REFUSED


class Account(Passage):
    """One download's way out: its proxy URL, its budget of bytes, and what was decided for it."""

    def __init__(self, rules: EgressRules, *, proxy_url: str, max_bytes: int) -> None:
        self.proxy_url = proxy_url
        self._rules = rules
        self._max_bytes = max_bytes
        self._spent_bytes = 0
        self._decisions: deque[Decision] = deque(maxlen=_MAX_DECISIONS_KEPT)
        self._sockets: set[socket.socket] = set()
        self._is_closed = False
        self._lock = threading.Lock()

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The latest decisions, oldest first."""
        with self._lock:
            return tuple(self._decisions)

    @property
    def spent_bytes(self) -> int:
        """Bytes that went through so far, both ways."""
        return self._spent_bytes

    @property
    def is_spent(self) -> bool:
        """Whether the download wanted more bytes than it has."""
        return self._spent_bytes > self._max_bytes

    @override
    def dial(self, host: str, port: int) -> socket.socket | HTTPStatus:
        """Connect by the rules, while there are bytes left. Every answer is recorded."""
        answer = Verdict.BYTES_SPENT if self.is_spent else self._rules.dial(host, port)
        verdict = answer if isinstance(answer, Verdict) else Verdict.CONNECTED
        with self._lock:
            self._decisions.append(Decision(host, port, verdict))
        level = logging.DEBUG if verdict is Verdict.CONNECTED else logging.INFO
        logger.log(level, "egress to %s:%d: %s", host, port, verdict)
        if isinstance(answer, Verdict):
            return HTTPStatus.BAD_GATEWAY if answer in NO_ANSWER | NO_PASSAGE else HTTPStatus.FORBIDDEN
        return answer

    @override
    def spend(self, size_bytes: int) -> bool:
        with self._lock:
            self._spent_bytes += size_bytes
        return not self.is_spent

    @override
    @contextmanager
    def holding(self, held: socket.socket) -> Iterator[None]:
        with self._lock:
            self._sockets.add(held)
            is_late = self._is_closed
        if is_late:
            _shut_down(held)
        try:
            yield
        finally:
            with self._lock:
                self._sockets.discard(held)

    def close(self) -> None:
        """End every connection of this download."""
        with self._lock:
            self._is_closed = True
            for held in self._sockets:
                _shut_down(held)


class EgressGuard:
    """A proxy whose rules are `EgressRules`. Works from construction to `close()`, or to the end of the process."""

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
        """Open the way out for one download; it ends, with all its connections, when the block does."""
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
    """Wake whoever waits on a socket. Its owner closes it: a closed number could be another's by now."""
    with suppress(OSError):  # the other side was faster
        connection.shutdown(socket.SHUT_RDWR)
