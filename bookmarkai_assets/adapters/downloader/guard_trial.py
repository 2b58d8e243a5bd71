"""Try to get past the egress guard on this machine, and count what arrives at listeners that must not be reached.

As a program, `python -m bookmarkai_assets.adapters.downloader.guard_trial`, it tries a real download in its own
process, whatever the environment says. Everything stays on loopback.
"""

import json
import socket
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from bookmarkai_assets.adapters.common.processes.workers import Workers
from bookmarkai_assets.adapters.downloader import YtDlpDownloader
from bookmarkai_assets.adapters.downloader.egress_guard import EgressGuard, connect_with_system, resolve_with_system
from bookmarkai_assets.adapters.downloader.guard_trial_clients import CLIENTS
from bookmarkai_assets.core.downloads.ports import DownloadedVideo, Downloader, DownloadLimits, Resolved
from bookmarkai_assets.core.links.urls import HostPort
from bookmarkai_assets.core.outcomes import Failure, Outcome

LOOPBACK = "127.0.0.1"
PRIVATE_HOSTS = (
    "127.0.0.1",
    "localhost",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "0.0.0.0",  # noqa: S104 - asked for, not bound
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "169.254.1.1",
    "169.254.169.254",
    "168.63.129.16",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[::ffff:127.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
)
"""Loopback in every spelling, private and link-local addresses, clouds' metadata, IPv4 inside IPv6."""

_SELF = ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]")
_MIXED_HOST = "both.public-and-private.invalid"
_PUBLIC_HOST = "1.1.1.1"
_PORT = 80
_TIMEOUT_SECONDS = 5.0
_DOWNLOAD_SECONDS = 20.0
_CLIENTS_PROGRAM = "bookmarkai_assets.adapters.downloader.guard_trial_clients"
_MAX_BYTES = 1_000_000


class Canary:
    """Listens on a free port of 127.0.0.1 while entered. Counts connections, and answers each with a 404."""

    def __init__(self) -> None:
        self._socket = socket.create_server((LOOPBACK, 0))
        self.port: int = self._socket.getsockname()[1]
        self.count = 0
        self._thread = threading.Thread(target=self._serve, name="canary", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # "not connected" is expected; the call wakes the thread
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(_TIMEOUT_SECONDS)

    def wait_for(self, count: int) -> None:
        """Wait until there were `count` connections, but only for some seconds."""
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while self.count < count and time.monotonic() < deadline:
            time.sleep(0.01)

    def _serve(self) -> None:
        with suppress(OSError):  # the socket was closed
            while True:
                connection, _ = self._socket.accept()
                self.count += 1
                with connection, suppress(OSError):  # the client may be gone
                    connection.settimeout(_TIMEOUT_SECONDS)
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@dataclass(frozen=True)
class GuardTrial:
    """How a guard answered requests for private hosts: how many were sent, and which were not refused.

    `arrived` counts the connections that reached the canary because of them. `passes_public` says whether a request for
    a public address reached it, as it should. `is_open_to_anybody` says whether the guard served a client without a
    token.
    """

    tried: int
    unrefused: tuple[str, ...]
    arrived: int
    passes_public: bool
    is_open_to_anybody: bool


def try_guard(*, allowed_hosts: frozenset[HostPort] = frozenset()) -> GuardTrial:
    """Ask a guard, over real sockets, for private hosts in every spelling.

    Its connections are redirected to a canary on loopback, so nothing leaves the machine. A request for a public
    address shows that the canary counts. `allowed_hosts` are opened: a trial that opens one must find the breach.
    """
    with Canary() as canary:

        def resolve(host: str, port: int) -> Sequence[str]:
            return [_PUBLIC_HOST, LOOPBACK] if host == _MIXED_HOST else resolve_with_system(host, port)

        def redirect_to_canary(_address: str, _port: int, timeout_seconds: float) -> socket.socket:
            return connect_with_system(LOOPBACK, canary.port, timeout_seconds)

        redirected = EgressGuard(allowed_hosts=allowed_hosts, resolve=resolve, connect=redirect_to_canary)
        plain = EgressGuard(allowed_hosts=frozenset())
        with (
            closing(redirected),
            closing(plain),
            redirected.account(max_bytes=_MAX_BYTES) as account,
            plain.account(max_bytes=_MAX_BYTES) as direct,
        ):
            asked = [
                *((account.proxy_url, host, _PORT) for host in (*PRIVATE_HOSTS, _MIXED_HOST)),
                *((direct.proxy_url, host, canary.port) for host in _SELF),
            ]
            answers = {
                f"{host}:{port}{' (CONNECT)' if is_bare else ''}": _ask(proxy, host, port, is_bare=is_bare)
                for proxy, host, port in asked
                for is_bare in (False, True)
            }
            stranger = _ask(_strip_token(account.proxy_url), _PUBLIC_HOST, _PORT, is_bare=False)
            # Connections are accepted in order: once this one is counted, all before it are counted too.
            public = _ask(account.proxy_url, _PUBLIC_HOST, _PORT, is_bare=False)
            canary.wait_for(1)
        refusals = {HTTPStatus.FORBIDDEN, HTTPStatus.BAD_GATEWAY}
        passes_public = public == HTTPStatus.NOT_FOUND
        return GuardTrial(
            tried=len(answers),
            unrefused=tuple(name for name, status in answers.items() if status not in refusals),
            arrived=canary.count - passes_public,
            passes_public=passes_public,
            is_open_to_anybody=stranger != HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        )


def _ask(proxy_url: str, host: str, port: int, *, is_bare: bool) -> int:
    """Ask a proxy for a host. Return the HTTP status of its answer, 0 if there is none."""
    proxy = urlsplit(proxy_url)
    place = f"{host}:{port}"
    request = f"CONNECT {place}" if is_bare else f"GET http://{place}/"
    lines = [f"{request} HTTP/1.1", f"Host: {place}"]
    if proxy.username:
        credentials = f"{proxy.username}:{unquote(proxy.password or '')}".encode()
        lines.append(f"Proxy-Authorization: Basic {b64encode(credentials).decode()}")
    with socket.create_connection((proxy.hostname, proxy.port), timeout=_TIMEOUT_SECONDS) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        with suppress(OSError, ValueError, IndexError):
            return int(connection.recv(4096).split(b" ", maxsplit=2)[1])
    return 0


def _strip_token(proxy_url: str) -> str:
    return f"http://{proxy_url.rpartition('@')[2]}"


@dataclass(frozen=True)
class DownloadTrial:
    """What happened when a download's own process was sent to a listener that it must not reach.

    `arrived` counts the connections there. `outcome` and `reason` say how a real download ended. `control` counts the
    connections at another listener, which was opened to it: they show that the process sends requests at all. `guarded`
    counts the requests of urllib, libcurl and ffmpeg that came to the guard; there should be `CLIENTS` of them.
    """

    arrived: int
    outcome: str
    reason: str
    control: int
    guarded: int

    @property
    def is_held(self) -> bool:
        """Whether nothing got past, and it was the guard that refused it."""
        return self.arrived == 0 and self.outcome == Outcome.REFUSED and self.guarded == CLIENTS


def try_download() -> DownloadTrial:
    """Send a real download, and each client that it may use, to a canary that must not be reached."""
    with Canary() as forbidden, Canary() as opened:
        link = f"http://{LOOPBACK}:{forbidden.port}/video.mp4"
        downloader = YtDlpDownloader(
            allowed_extractors=("generic",), allowed_hosts=frozenset({HostPort(LOOPBACK, opened.port)})
        )
        with closing(downloader):
            refused = _download(downloader, link)
            _download(downloader, f"http://{LOOPBACK}:{opened.port}/video.mp4")
        guarded = _send_clients(link)
        return DownloadTrial(
            arrived=forbidden.count,
            outcome=refused.outcome if isinstance(refused, Failure) else Outcome.DONE,
            reason=refused.reason if isinstance(refused, Failure) else "",
            control=opened.count,
            guarded=guarded,
        )


def _download(downloader: Downloader, link: str) -> DownloadedVideo | Resolved | Failure:
    limits = DownloadLimits(max_bytes=_MAX_BYTES, max_duration_seconds=60, timeout_seconds=_DOWNLOAD_SECONDS)
    with tempfile.TemporaryDirectory(prefix="guard-trial-") as directory:
        return downloader.download(link, Path(directory), limits)


def _send_clients(url: str) -> int:
    """Have every client ask for the link. Return how many of them asked the guard."""
    guard, workers = EgressGuard(allowed_hosts=frozenset()), Workers("-m", _CLIENTS_PROGRAM)
    with closing(guard), closing(workers), guard.account(max_bytes=_MAX_BYTES) as account:
        job = {"url": url, "proxy_url": account.proxy_url}
        workers.run(json.dumps(job).encode(), timeout_seconds=_DOWNLOAD_SECONDS)
        return len(account.dials)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(try_download())))
