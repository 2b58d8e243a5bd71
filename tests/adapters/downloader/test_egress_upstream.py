"""The operator's own proxy behind the egress guard: what it is asked for, what never, and what it answers."""

import http.client
import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bookmarkai_assets.adapters.downloader import YtDlpDownloader
from bookmarkai_assets.adapters.downloader.egress_guard import (
    Account,
    Dial,
    DialResult,
    EgressGuard,
    Resolve,
    connect_with_system,
)
from bookmarkai_assets.adapters.downloader.upstream import connecting_through
from bookmarkai_assets.core.downloads.access import SiteAccess, UpstreamProxy
from bookmarkai_assets.core.downloads.ports import DownloadedVideo, DownloadLimits, Resolved
from bookmarkai_assets.core.links.urls import HostPort
from bookmarkai_assets.core.outcomes import Failure, Outcome
from tests.support.deadlines import HANG_SECONDS, PLENTY_SECONDS
from tests.support.hostile_site import HostileSite
from tests.support.tiktok_site import PUBLIC_ADDRESS, Post, TikTokSite, tiktok_site
from tests.support.upstream_proxy import PASSWORD, ProxyServer, proxy_server

IPV6 = "2606:4700::1111"
LIMITS = DownloadLimits(max_bytes=10_000_000, max_duration_seconds=60, timeout_seconds=PLENTY_SECONDS)


@pytest.fixture
def upstream(site: HostileSite) -> Iterator[ProxyServer]:
    """Return a proxy that connects to the site, whatever it is asked for."""
    with proxy_server(lambda _address, _port, seconds: connect_with_system("127.0.0.1", site.port, seconds)) as running:
        yield running


@contextmanager
def guarding(
    proxy: UpstreamProxy, *opened: HostPort, resolve: Resolve = lambda *_: [PUBLIC_ADDRESS]
) -> Iterator[Account]:
    """Run a guard in front of a proxy, and open one account in it."""
    guard = EgressGuard(
        allowed_hosts=frozenset(opened),
        resolve=resolve,
        connect=connecting_through(proxy, directly=connect_with_system),
        connect_timeout_seconds=HANG_SECONDS,
    )
    try:
        with guard.account(max_bytes=10_000_000) as account:
            yield account
    finally:
        guard.close()


def ask(account: Account, url: str) -> tuple[int, bytes]:
    """Request a URL through the guard, and return status and body."""
    proxy = urlsplit(account.proxy_url)
    assert proxy.hostname
    connection = http.client.HTTPConnection(proxy.hostname, proxy.port, timeout=HANG_SECONDS)
    token = b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
    try:
        connection.request("GET", url, headers={"Proxy-Authorization": f"Basic {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_proxy_is_asked_for_the_vetted_address_and_never_for_a_name(
    site: HostileSite, upstream: ProxyServer
) -> None:
    """The guard resolves a name once and gives the proxy the address, since the proxy might resolve it otherwise."""
    site.file("/clip", b"by way of the proxy")
    answers = iter([[PUBLIC_ADDRESS], ["127.0.0.1"]])
    with guarding(upstream.proxy(), resolve=lambda *_: next(answers)) as account:
        assert ask(account, "http://rebind.example/clip") == (200, b"by way of the proxy")
        assert ask(account, "http://rebind.example/clip")[0] == 403
    assert upstream.asked == [f"{PUBLIC_ADDRESS}:80"]


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["169.254.169.254"], ["::ffff:10.0.0.1"], [PUBLIC_ADDRESS, "10.0.0.1"]]
)
def test_nothing_private_is_asked_of_the_proxy(upstream: ProxyServer, addresses: list[str]) -> None:
    """The rules are those without a proxy, which never sees a request that they refuse."""
    with guarding(upstream.proxy(), resolve=lambda *_: addresses) as account:
        assert ask(account, "http://inside.example/")[0] == 403
        assert ask(account, "http://inside.example:8080/")[0] == 403
        assert [dial.result for dial in account.dials] == [DialResult.ADDRESS_REFUSED, DialResult.PORT_REFUSED]
    assert upstream.asked == []


def test_a_link_to_the_proxy_itself_is_refused(upstream: ProxyServer) -> None:
    """The operator's proxy may have a private address, but no link may lead to it."""
    with guarding(upstream.proxy(), resolve=lambda host, _: [host]) as account:
        assert ask(account, f"http://127.0.0.1:{upstream.port}/")[0] == 403
    assert upstream.asked == []


def test_an_opened_host_inside_is_reached_directly(site: HostileSite, upstream: ProxyServer) -> None:
    """A private host that the operator opened is in his own network, so it is reached without the proxy."""
    url = site.file("/clip", b"inside")
    with guarding(upstream.proxy(), site.host_port, resolve=lambda host, _: [host]) as account:
        assert ask(account, url) == (200, b"inside")
    assert upstream.asked == []


def test_an_ipv6_address_is_written_in_brackets(site: HostileSite, upstream: ProxyServer) -> None:
    """An IPv6 address is written in brackets, because it contains colons."""
    site.file("/clip", b"six")
    with guarding(upstream.proxy(), resolve=lambda *_: [IPV6]) as account:
        assert ask(account, "http://six.example/clip") == (200, b"six")
    assert upstream.asked == [f"[{IPV6}]:80"]


@pytest.mark.parametrize(
    ("status", "nonsense", "result", "times"),
    [
        (407, None, DialResult.PROXY_WANTS_LOGIN, 1),
        (403, None, DialResult.PROXY_REFUSED, 1),
        (501, None, DialResult.PROXY_REFUSED, 1),
        (502, None, DialResult.UNREACHABLE, 2),
        (200, b"SSH-2.0-OpenSSH\r\n\r\n", DialResult.PROXY_SILENT, 1),
        (200, b"HTTP/1.1 two hundred\r\n\r\n", DialResult.PROXY_SILENT, 1),
        (200, b"HTTP/1.1 200 and no end", DialResult.PROXY_SILENT, 1),
        (200, b"", DialResult.PROXY_SILENT, 1),
        (200, b"HTTP/1.1 200 Good\r\n" + b"x: y\r\n" * 5000, DialResult.PROXY_SILENT, 1),
    ],
)
def test_the_proxys_answers_are_distinguished(
    upstream: ProxyServer, status: int, nonsense: bytes | None, result: DialResult, times: int
) -> None:
    """A site that the proxy cannot reach is tried at its next address; a proxy that refuses is not asked again."""
    upstream.status, upstream.nonsense = status, nonsense
    with guarding(upstream.proxy(), resolve=lambda *_: [IPV6, PUBLIC_ADDRESS]) as account:
        assert ask(account, "http://two.example/")[0] == 502
        assert account.dials == (Dial("two.example", 80, result),)
    assert len(upstream.asked) == times


# --- Downloads --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiktok(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TikTokSite]:
    """Return the stand-in, which only the proxy can reach."""
    with tiktok_site(tmp_path_factory.mktemp("tiktok"), clip.read_bytes()) as running:
        yield running


@pytest.fixture
def to_tiktok(tiktok: TikTokSite) -> Iterator[ProxyServer]:
    """Return a proxy for which the stand-in is TikTok."""
    with proxy_server(tiktok.connect) as running:
        yield running


def download(
    tiktok: TikTokSite, proxy: UpstreamProxy, post: Post, directory: Path
) -> DownloadedVideo | Resolved | Failure:
    """Download a post through a proxy, which is the only way out."""
    downloader = YtDlpDownloader(
        allowed_extractors=("tiktok", "vm.tiktok"),
        allowed_hosts=frozenset(),
        access=SiteAccess(proxy=proxy),
        resolve=tiktok.resolve,
        program=("-m", "tests.support.trusting_child", str(tiktok.certificate)),
    )
    try:
        return downloader.download(tiktok.publish(post).url, directory, LIMITS)
    finally:
        downloader.close()


def test_a_video_comes_by_way_of_the_proxy(tiktok: TikTokSite, to_tiktok: ProxyServer, tmp_path: Path) -> None:
    """Page and video pass through the proxy, encrypted end to end, and it sees only addresses."""
    result = download(tiktok, to_tiktok.proxy(), Post("7300000000000000201"), tmp_path)
    assert isinstance(result, DownloadedVideo), result
    assert result.video.path.read_bytes() == tiktok.video
    assert set(to_tiktok.asked) == {f"{PUBLIC_ADDRESS}:443"}


@pytest.mark.parametrize(
    ("status", "password", "outcome", "words"),
    [
        (200, "wr0ng", Outcome.MISCONFIGURED, "user name and password, but it answered 407"),
        (403, PASSWORD, Outcome.MISCONFIGURED, "www.tiktok.com, port 443, but it refused"),
        (502, PASSWORD, Outcome.UNREACHABLE, "no connection could be made by way of the proxy 127.0.0.1:"),
    ],
)
def test_the_proxys_refusals_have_an_outcome(
    tiktok: TikTokSite, to_tiktok: ProxyServer, tmp_path: Path, status: int, password: str, outcome: Outcome, words: str
) -> None:
    """The reason says which part of the installation is to blame and what to do, and does not repeat the password."""
    to_tiktok.status = status
    failure = download(tiktok, to_tiktok.proxy(password), Post("7300000000000000202"), tmp_path)
    assert isinstance(failure, Failure)
    assert failure.outcome is outcome
    assert words in failure.reason
    assert password not in failure.reason


def test_a_proxy_that_is_not_there_has_an_outcome(tiktok: TikTokSite, tmp_path: Path) -> None:
    """A proxy that is not there fails every download, and each reason says so."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        proxy = UpstreamProxy("127.0.0.1", reserved.getsockname()[1])
        failure = download(tiktok, proxy, Post("7300000000000000203"), tmp_path)
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.MISCONFIGURED
    assert f"expected an HTTP proxy at {proxy.address}" in failure.reason
