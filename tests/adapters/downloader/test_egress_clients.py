"""Everything that fetches for a download goes through the egress guard. A canary counts forbidden connections."""

import json
import logging
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.common.processes.workers import Workers
from bookmarkai_assets.adapters.downloader import YtDlpDownloader
from bookmarkai_assets.adapters.downloader.egress_guard import REFUSALS, EgressGuard
from bookmarkai_assets.core.downloads.ports import DownloadedVideo, DownloadLimits, Resolved
from bookmarkai_assets.core.outcomes import Failure, Outcome
from tests.support.canary import Canary, canary
from tests.support.deadlines import HANG_SECONDS, PLENTY_SECONDS
from tests.support.hostile_site import Answer, HostileSite
from tests.support.processes import wait_until

CLIENTS = ("Urllib", "Requests", "CurlCFFI", "ffmpeg")
LIMITS = DownloadLimits(max_bytes=3_000_000, max_duration_seconds=60, timeout_seconds=PLENTY_SECONDS)
SECRET = "s3cret"


@pytest.fixture
def trap() -> Iterator[Canary]:
    """Return a port on this machine that has not been opened."""
    with canary() as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def every_host_bypasses_proxies() -> Iterator[None]:
    """Have this process's environment exclude every host from every proxy."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "*")
        yield


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    """Return workers with a download's environment, whose program fetches what a job names."""
    running = Workers("-m", "tests.support.egress_clients")
    yield running
    running.close()


@pytest.fixture(scope="module")
def downloader(site: HostileSite) -> Iterator[YtDlpDownloader]:
    """Return a downloader that may open any page of the site."""
    running = YtDlpDownloader(
        allowed_extractors=("generic",), allowed_hosts=frozenset({site.host_port}), resolve=resolve_numbers
    )
    yield running
    running.close()


def resolve_numbers(host: str, _: int) -> list[str]:
    """Know no names except two that lead to private addresses, and read addresses as the system does."""
    if host in {"inside.example", "mixed.example"}:
        return ["127.0.0.1"] if host == "inside.example" else ["93.184.215.14", "127.0.0.1"]
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return [str(info[4][0]) for info in found]


def fetch(workers: Workers, client: str, url: str, proxy_url: str) -> str:
    """Have a client fetch a URL, and return the status or the error."""
    job = {"client": client, "url": url, "proxy_url": proxy_url}
    end = workers.run(json.dumps(job).encode(), timeout_seconds=PLENTY_SECONDS)
    assert end.status == 0, workers.stderr_tail()
    return str(json.loads(end.output))


# --- Clients --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", CLIENTS)
def test_without_the_guard_every_client_reaches_the_canary(workers: Workers, trap: Canary, client: str) -> None:
    """Without the guard, every client reaches the canary: it does see a direct connection."""
    url = f"http://{trap.address}/clip.mp4"
    job = json.dumps({"client": client, "url": url, "proxy_url": ""}).encode()

    # The canary never answers.
    workers.run(job, timeout_seconds=HANG_SECONDS, give_up=lambda: trap.visits > 0)
    assert trap.visits


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_is_guarded(workers: Workers, site: HostileSite, trap: Canary, clip: Path, client: str) -> None:
    """Each client reaches what was opened and nothing private: not directly, in another spelling, or by a redirect."""
    opened = site.file(f"/{client}.mp4", clip.read_bytes())
    inward = [
        f"http://{trap.address}/clip.mp4",
        f"http://localhost:{trap.port}/clip.mp4",
        f"http://2130706433:{trap.port}/clip.mp4",
        f"http://[::ffff:127.0.0.1]:{trap.port}/clip.mp4",
        site.redirect(f"/{client}-away", f"http://{trap.address}/clip.mp4?token={SECRET}"),
        "http://inside.example/clip.mp4",
        "http://mixed.example/clip.mp4",
    ]
    connected: list[tuple[str, int]] = []

    def connect(address: str, port: int, timeout_seconds: float) -> socket.socket:
        connected.append((address, port))
        return socket.create_connection((address, port), timeout_seconds)

    guard = EgressGuard(allowed_hosts=frozenset({site.host_port}), resolve=resolve_numbers, connect=connect)
    try:
        with guard.account(max_bytes=10_000_000) as account:
            assert fetch(workers, client, opened, account.proxy_url) == "200"
            for url in inward:
                assert fetch(workers, client, url, account.proxy_url) != "200", url
            refused = {dial.host for dial in account.dials if dial.result in REFUSALS}
    finally:
        guard.close()
    assert refused >= {"127.0.0.1", "localhost", "inside.example", "mixed.example"}
    assert set(connected) == {("127.0.0.1", site.port)}
    assert trap.visits == 0


# --- What a page or playlist leads to -------------------------------------------------------------------------------


def playlist(*lines: str) -> bytes:
    """Write an HLS playlist of segments or of variants."""
    is_of_segments = any(line.startswith("#EXTINF") for line in lines)
    head = ["#EXT-X-TARGETDURATION:3", "#EXT-X-PLAYLIST-TYPE:VOD"] if is_of_segments else []
    return "\n".join(["#EXTM3U", "#EXT-X-VERSION:6", *head, *lines, "#EXT-X-ENDLIST", ""]).encode()


def hls(*lines: str) -> Callable[[HostileSite, str], str]:
    """Return a function that serves a playlist, whose lines may say INSIDE, and returns the link."""

    def serve(site: HostileSite, inside: str) -> str:
        body = playlist(*(line.replace("INSIDE", inside).replace("SITE", site.url("")) for line in lines))
        return site.file("/list.m3u8", body, content_type="application/vnd.apple.mpegurl")

    return serve


def dash(base: str) -> Callable[[HostileSite, str], str]:
    """Return a function that serves a DASH manifest of one file, which may be INSIDE, and returns the link."""

    def serve(site: HostileSite, inside: str) -> str:
        body = (
            '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period>'
            '<AdaptationSet mimeType="video/mp4"><Representation id="p" codecs="mp4v.20.9" width="64" height="48" '
            f'bandwidth="9000"><BaseURL>{base.replace("INSIDE", inside)}</BaseURL></Representation></AdaptationSet>'
            "</Period></MPD>"
        )
        return site.file("/list.mpd", body.encode(), content_type="application/dash+xml")

    return serve


def page(html: str) -> Callable[[HostileSite, str], str]:
    """Return a function that serves a page, which may say INSIDE, and returns the link."""
    return lambda site, inside: site.page("/page", html.replace("INSIDE", inside))


HTTP_TRAPS = {
    "variant": hls("#EXT-X-STREAM-INF:BANDWIDTH=9000", "http://INSIDE/v.m3u8?token=s3cret"),
    "segment": hls("#EXTINF:3,", "http://INSIDE/segment.ts?token=s3cret"),
    "second segment": hls("#EXTINF:3,", "SITE/segment.ts", "#EXTINF:3,", "http://INSIDE/segment.ts?token=s3cret"),
    "redirected segment": hls("#EXTINF:3,", "SITE/away"),
    "key": hls('#EXT-X-KEY:METHOD=AES-128,URI="http://INSIDE/key?token=s3cret"', "#EXTINF:3,", "SITE/segment.ts"),
    "map": hls('#EXT-X-MAP:URI="http://INSIDE/init.mp4?token=s3cret"', "#EXTINF:3,", "SITE/segment.ts"),
    "segment by ffmpeg": hls(
        '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="SITE/key"', "#EXTINF:3,", "http://INSIDE/segment.ts?token=s3cret"
    ),
    "key by ffmpeg": hls(
        '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="http://INSIDE/key?token=s3cret"', "#EXTINF:3,", "SITE/segment.ts"
    ),
    "dash": dash("http://INSIDE/picture.mp4?token=s3cret"),
    "player": page('<html><video src="http://INSIDE/clip.mp4?token=s3cret"></video></html>'),
    "source": page('<html><video><source src="http://INSIDE/clip.mp4" type="video/mp4"></video></html>'),
    "refresh": page('<html><meta http-equiv="refresh" content="0; url=http://INSIDE/clip.mp4?token=s3cret"></html>'),
}
OTHER_TRAPS = {
    "ftp segment": hls("#EXTINF:3,", "ftp://INSIDE/segment.ts"),
    "tcp segment by ffmpeg": hls('#EXT-X-KEY:METHOD=SAMPLE-AES,URI="SITE/key"', "#EXTINF:3,", "tcp://INSIDE"),
    "rtmp player": page('<html><video src="rtmp://INSIDE/live/clip"></video></html>'),
    "websocket player": page('<html><video src="ws://INSIDE/clip.mp4"></video></html>'),
    "file segment": hls("#EXTINF:3,", "file:///etc/passwd"),
    "file key": hls('#EXT-X-KEY:METHOD=AES-128,URI="file:///etc/passwd"', "#EXTINF:3,", "SITE/segment.ts"),
}


def download(
    downloader: YtDlpDownloader, link: str, directory: Path, caplog: pytest.LogCaptureFixture
) -> Failure | Resolved | DownloadedVideo:
    """Download a link with a secret in its query, and check that no log and no reason contains the secret."""
    with caplog.at_level(logging.DEBUG):
        result = downloader.download(f"{link}?token={SECRET}", directory, LIMITS)
    assert SECRET not in caplog.text
    assert SECRET not in str(result)
    return result


@pytest.mark.parametrize("serve", HTTP_TRAPS.values(), ids=HTTP_TRAPS.keys())
def test_nothing_inside_is_fetched_for_a_page_or_playlist(
    downloader: YtDlpDownloader,
    site: HostileSite,
    trap: Canary,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    serve: Callable[[HostileSite, str], str],
) -> None:
    """Variants, segments, keys, maps and players on private addresses are refused by name, and never connected to."""
    site.file("/segment.ts", b"G" + b"\0" * 187, content_type="video/mp2t")
    site.file("/key", b"k" * 16, content_type="application/octet-stream")
    site.redirect("/away", f"http://{trap.address}/segment.ts?token={SECRET}")
    result = download(downloader, serve(site, trap.address), tmp_path, caplog)
    assert trap.visits == 0
    assert isinstance(result, Failure)
    assert result.outcome is Outcome.REFUSED
    assert f"127.0.0.1, port {trap.port}" in result.reason


@pytest.mark.parametrize("serve", OTHER_TRAPS.values(), ids=OTHER_TRAPS.keys())
def test_nothing_is_fetched_over_another_protocol(
    downloader: YtDlpDownloader,
    site: HostileSite,
    trap: Canary,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    serve: Callable[[HostileSite, str], str],
) -> None:
    """A protocol that would bypass an HTTP proxy is not followed, and no file of this machine becomes a video."""
    site.file("/segment.ts", b"G" + b"\0" * 187, content_type="video/mp2t")
    site.file("/key", b"k" * 16, content_type="application/octet-stream")
    result = download(downloader, serve(site, trap.address), tmp_path, caplog)
    assert trap.visits == 0
    assert isinstance(result, Failure)
    assert not any(b"root:" in file.read_bytes() for file in tmp_path.iterdir())


def test_a_site_that_drips_costs_no_more_than_the_time_limit(
    downloader: YtDlpDownloader, site: HostileSite, clip: Path, tmp_path: Path
) -> None:
    """A video that drips, so that no idle timeout ever fires, is cut off at the download's deadline."""
    is_gone = []

    def drip() -> Iterable[bytes]:
        yield clip.read_bytes()[:1000]
        try:
            while not site.is_closing.wait(0.05):
                yield b"\0"
        finally:
            is_gone.append(True)

    site.answers["/drip.mp4"] = Answer(content_type="video/mp4", body=drip)
    result = downloader.download(site.url("/drip.mp4"), tmp_path, DownloadLimits(3_000_000, 60, 1.5))
    assert isinstance(result, Failure)
    assert "stopped after" in result.reason
    wait_until(lambda: is_gone)
