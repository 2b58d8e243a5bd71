"""Downloads through the public door: a real process, real yt-dlp, and a site on loopback that may be hostile."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.downloader import YtDlpDownloader
from bookmarkai_assets.core.downloads.ports import DownloadedVideo, DownloadLimits, Resolved
from bookmarkai_assets.core.links.urls import HostPort
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.outcomes import Failure, Outcome
from tests.support.clips import make_clip
from tests.support.deadlines import PLENTY_SECONDS, quickest
from tests.support.hostile_site import HostileSite, hostile_site
from tests.support.processes import HAS_PROC, children_of, is_running, wait_until

pytestmark = pytest.mark.skipif(not HAS_PROC, reason="these tests look at processes through /proc")

LIMITS = DownloadLimits(max_bytes=3_000_000, max_duration_seconds=60, timeout_seconds=PLENTY_SECONDS)
SECRET = "s3cret"
MANIFEST = b"""<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period>
<AdaptationSet mimeType="video/mp4"><Representation id="p" codecs="mp4v.20.9" width="64" height="48" bandwidth="9000">
<BaseURL>picture.mp4</BaseURL></Representation></AdaptationSet>
<AdaptationSet mimeType="audio/mp4"><Representation id="s" codecs="mp4a.40.2" bandwidth="9000">
<BaseURL>sound.m4a</BaseURL></Representation></AdaptationSet></Period></MPD>"""


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    """Return a port on which nobody listens, reserved for as long as the test runs."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@pytest.fixture(scope="module")
def downloader(site: HostileSite, closed_port: int) -> Iterator[YtDlpDownloader]:
    """Return a downloader that may open any page of the site and knows no other name, as without a network."""

    def resolve(host: str, _: int) -> list[str]:
        if host == "rebind.example":
            return ["93.184.215.14", "127.0.0.1"]
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [str(info[4][0]) for info in found]

    running = YtDlpDownloader(
        allowed_extractors=("generic",),
        allowed_hosts=frozenset({site.host_port, HostPort("127.0.0.1", closed_port)}),
        resolve=resolve,
    )
    yield running
    running.close()


@pytest.fixture
def attempt(tmp_path: Path, downloader: YtDlpDownloader) -> Iterator[Path]:
    """Return an attempt's own directory. Afterwards, check that nothing is beside it and no process is left."""
    directory = tmp_path / "attempt"
    directory.mkdir()
    yield directory
    assert list(tmp_path.iterdir()) == [directory]
    program = downloader._workers._program
    assert program
    wait_until(lambda: not children_of(program.process.pid))


def failure_of(result: DownloadedVideo | Resolved | Failure) -> Failure:
    """Return the failure of a download, whose reason must be readable."""
    assert isinstance(result, Failure), result
    assert 10 < len(result.reason) < 400
    assert result.reason.isprintable()
    assert SECRET not in result.reason
    return result


def video_of(result: DownloadedVideo | Resolved | Failure) -> DownloadedVideo:
    """Return the video of a download, which must have succeeded."""
    assert isinstance(result, DownloadedVideo), result
    return result


# --- Good links -----------------------------------------------------------------------------------------------------


def test_a_link_to_a_file_becomes_a_video_and_its_audio_track(
    downloader: YtDlpDownloader, site: HostileSite, clip: Path, attempt: Path
) -> None:
    """The bytes arrive as served, the sound is cut beside them, both are described, and nothing else remains."""
    url = site.file("/files/clip.mp4", clip.read_bytes())
    result = video_of(downloader.download(f"{url}?token={SECRET}", attempt, LIMITS))
    assert result.video.path == attempt / "video.mp4"
    assert result.video.path.read_bytes() == clip.read_bytes()
    assert result.video.digest == Digest(clip.stat().st_size, hashlib.sha256(clip.read_bytes()).hexdigest())
    assert result.video.content_type == "video/mp4"
    assert result.audio
    assert (result.audio.path, result.audio.content_type) == (attempt / "audio.m4a", "audio/mp4")
    assert result.audio.digest.sha256 == hashlib.sha256(result.audio.path.read_bytes()).hexdigest()
    assert {file.name for file in attempt.iterdir()} == {"video.mp4", "audio.m4a"}
    assert (result.info.title, result.info.extractor) == ("clip", "generic")
    assert (result.info.width, result.info.height) == (64, 48)
    assert result.info.duration_seconds == pytest.approx(3, abs=0.1)
    assert 0 < result.seconds < LIMITS.timeout_seconds


def test_a_page_with_one_video_is_that_video(
    downloader: YtDlpDownloader, site: HostileSite, silent_clip: Path, attempt: Path
) -> None:
    """A page that embeds one video gives it the page's title, cleaned if hostile, and never used as a file name."""
    site.file("/embedded.webm", silent_clip.read_bytes(), content_type="video/webm")
    url = site.page(
        "/page",
        "<html><head><title>../../../etc/passwd\u202e gnp.exe\x07</title>"
        '<meta property="og:description" content="One &#0; two"></head>'
        f'<body><video src="{site.url("/embedded.webm")}"></video></body></html>',
    )
    result = video_of(downloader.download(url, attempt, LIMITS))
    assert result.info.title == "../../../etc/passwd gnp.exe"
    assert result.audio is None
    assert [file.name for file in attempt.iterdir()] == ["video.webm"]


def test_picture_and_sound_that_come_apart_are_merged(
    downloader: YtDlpDownloader, site: HostileSite, tmp_path_factory: pytest.TempPathFactory, attempt: Path
) -> None:
    """Picture and sound that a site offers as two files become one video with both, and no pieces remain."""
    parts = tmp_path_factory.mktemp("parts")
    picture = make_clip(parts / "picture.mp4", seconds=1, has_sound=False)
    sound = make_clip(parts / "sound.m4a", seconds=1, has_picture=False)
    site.file("/picture.mp4", picture.read_bytes())
    site.file("/sound.m4a", sound.read_bytes(), content_type="audio/mp4")
    url = site.file("/manifest.mpd", MANIFEST, content_type="application/dash+xml")
    result = video_of(downloader.download(url, attempt, LIMITS))
    assert result.audio
    assert result.info.width == 64
    assert result.info.duration_seconds == pytest.approx(1, abs=0.1)
    assert {file.name for file in attempt.iterdir()} == {"video.mp4", "audio.m4a"}


VARIANT = '#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION={size},CODECS="{codecs}"{more}'


def serve_playlist(site: HostileSite, path: str, segment: Path) -> None:
    """Serve a playlist of one segment."""
    site.file(f"{path}.seg", segment.read_bytes(), content_type="video/mp2t")
    lines = ("#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", f"{path}.seg", "#EXT-X-ENDLIST")
    site.file(path, "\n".join(lines).encode(), content_type="application/vnd.apple.mpegurl")


def test_the_sound_may_come_from_two_other_files(
    downloader: YtDlpDownloader, site: HostileSite, tmp_path_factory: pytest.TempPathFactory, attempt: Path
) -> None:
    """A file without its promised sound is replaced by a picture and a sound that are merged, and is removed."""
    parts = tmp_path_factory.mktemp("parts")
    silent = make_clip(parts / "silent.ts", seconds=1, picture_codec="libx264", has_sound=False)
    serve_playlist(site, "/apart/broken.m3u8", silent)
    serve_playlist(site, "/apart/picture.m3u8", silent)
    serve_playlist(site, "/apart/sound.m3u8", make_clip(parts / "sound.ts", seconds=1, has_picture=False))
    master = (
        "#EXTM3U",
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="main",DEFAULT=YES,AUTOSELECT=YES,URI="sound.m3u8"',
        VARIANT.format(size="1280x720", codecs="hvc1.1.6.L93.B0,mp4a.40.2", more=""),
        "broken.m3u8",
        VARIANT.format(size="640x360", codecs="avc1.4d401e,mp4a.40.2", more=',AUDIO="a"'),
        "picture.m3u8",
    )
    url = site.file("/apart/all.m3u8", "\n".join(master).encode(), content_type="application/vnd.apple.mpegurl")
    result = video_of(downloader.download(url, attempt, LIMITS))
    assert result.audio
    assert set(attempt.iterdir()) == {result.video.path, result.audio.path}
    assert list(map(str, result.silent_formats)) == ["h265/hls"]


def test_a_page_s_other_file_is_fetched_if_one_has_no_sound(
    downloader: YtDlpDownloader, site: HostileSite, tmp_path_factory: pytest.TempPathFactory, attempt: Path
) -> None:
    """Two files of one player, of different kinds: the one with sound is the video, and the other is removed."""
    parts = tmp_path_factory.mktemp("parts")
    silent = make_clip(parts / "silent.mp4", seconds=1, picture_codec="libx264", has_sound=False)
    whole = make_clip(parts / "whole.webm", seconds=1, picture_codec="libvpx", sound_codec="libopus")
    site.file("/kinds/a.mp4", silent.read_bytes())
    site.file("/kinds/a.webm", whole.read_bytes(), content_type="video/webm")
    url = site.page(
        "/kinds",
        "<html><title>Two kinds</title><video>"
        """<source src="/kinds/a.mp4" res="720" type='video/mp4; codecs="avc1.4d401e, mp4a.40.2"'>"""
        """<source src="/kinds/a.webm" res="360" type='video/webm; codecs="vp8, opus"'></video></html>""",
    )
    asked = len(site.asked)
    result = video_of(downloader.download(url, attempt, LIMITS))
    assert site.asked.index("/kinds/a.mp4", asked) < site.asked.index("/kinds/a.webm", asked)
    assert result.video.path.read_bytes() == whole.read_bytes()
    assert {file.name for file in attempt.iterdir()} == {"video.webm", "audio.mka"}


def test_a_video_that_promises_no_sound_is_fetched_once(
    downloader: YtDlpDownloader, site: HostileSite, tmp_path_factory: pytest.TempPathFactory, attempt: Path
) -> None:
    """Where no variant claims to have sound, a file without sound is accepted."""
    silent = make_clip(
        tmp_path_factory.mktemp("parts") / "silent.ts", seconds=1, picture_codec="libx264", has_sound=False
    )
    serve_playlist(site, "/mute/big.m3u8", silent)
    serve_playlist(site, "/mute/small.m3u8", silent)
    master = (
        "#EXTM3U",
        VARIANT.format(size="1280x720", codecs="hvc1.1.6.L93.B0", more=""),
        "big.m3u8",
        VARIANT.format(size="640x360", codecs="avc1.4d401e", more=""),
        "small.m3u8",
    )
    url = site.file("/mute/all.m3u8", "\n".join(master).encode(), content_type="application/vnd.apple.mpegurl")
    result = video_of(downloader.download(url, attempt, LIMITS))
    assert result.audio is None
    assert [path for path in site.asked if path.startswith("/mute/") and path.endswith(".seg")] == [
        "/mute/big.m3u8.seg"
    ]
    assert result.silent_formats == frozenset()


def test_simultaneous_downloads_do_not_mix(
    downloader: YtDlpDownloader, site: HostileSite, clip: Path, silent_clip: Path, attempt: Path
) -> None:
    """Good and bad links that many threads download at once each get their own result in their own directory."""
    good = site.file("/many/clip.mp4", clip.read_bytes())
    other = site.file("/many/silent.webm", silent_clip.read_bytes(), content_type="video/webm")
    directories = [attempt / str(number) for number in range(6)]
    for directory in directories:
        directory.mkdir()
    with ThreadPoolExecutor(6) as pool:
        jobs = zip([good, other, site.url("/many/none")] * 2, directories, strict=True)
        results = list(pool.map(lambda job: downloader.download(job[0], job[1], LIMITS), jobs))
    assert [type(result) for result in results] == [DownloadedVideo, DownloadedVideo, Failure] * 2
    for result, source in zip(results, [clip, silent_clip, None] * 2, strict=True):
        if source is not None:
            assert video_of(result).video.path.read_bytes() == source.read_bytes()


# --- Links without a video ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (401, Outcome.LOGIN_NEEDED),
        (403, Outcome.LOGIN_NEEDED),
        (404, Outcome.GONE),
        (410, Outcome.GONE),
        (429, Outcome.RATE_LIMITED),
        (451, Outcome.GEO_RESTRICTED),
        (503, Outcome.UNREACHABLE),
    ],
)
def test_an_http_status_becomes_an_outcome(
    downloader: YtDlpDownloader, site: HostileSite, attempt: Path, status: int, outcome: Outcome
) -> None:
    """An HTTP status of the site becomes one of our outcomes, with the status as evidence."""
    url = site.page(f"/status/{status}", "no", status=status)
    failure = failure_of(downloader.download(f"{url}?token={SECRET}", attempt, LIMITS))
    assert failure.outcome is outcome
    assert str(status) in failure.reason


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<html><title>Recipes</title><p>No moving pictures here.</p></html>", "no video that yt-dlp can find"),
        ('<html><title>Two</title><video src="/a.mp4"></video><video src="/b.mp4"></video></html>', "several videos"),
    ],
)
def test_a_page_without_the_one_video_is_no_video(
    downloader: YtDlpDownloader, site: HostileSite, attempt: Path, html: str, words: str
) -> None:
    """A page with no video, or with several of which none is the main one, is not followed further."""
    asked = len(site.asked)
    failure = failure_of(downloader.download(site.page("/page-without", html), attempt, LIMITS))
    assert failure.outcome is Outcome.NOT_A_VIDEO
    assert words in failure.reason
    assert set(site.asked[asked:]) == {"/page-without"}


def test_a_web_page_served_as_a_video_is_no_video(
    downloader: YtDlpDownloader, site: HostileSite, attempt: Path
) -> None:
    """A file that a site calls video/mp4 is inspected, and a page is no video."""
    url = site.file("/page.mp4", b"<!DOCTYPE html><html>Please log in</html>" * 50)
    failure = failure_of(downloader.download(url, attempt, LIMITS))
    assert failure.outcome is Outcome.NOT_A_VIDEO
    assert "web page" in failure.reason


@pytest.mark.parametrize("is_length_declared", [True, False])
def test_a_video_that_breaks_off_is_corrupt(
    downloader: YtDlpDownloader, site: HostileSite, clip: Path, attempt: Path, is_length_declared: bool
) -> None:
    """A body that ends early is noticed by its declared length, or without one by what the file itself promises."""
    whole = clip.read_bytes()
    url = site.file(
        f"/half-{is_length_declared}.mp4",
        whole[: len(whole) * 6 // 10],
        declared_bytes=len(whole) if is_length_declared else None,
    )
    assert failure_of(downloader.download(url, attempt, LIMITS)).outcome is Outcome.CORRUPT


# --- Limits ---------------------------------------------------------------------------------------------------------


def test_an_endless_video_is_stopped_near_the_limit(
    downloader: YtDlpDownloader, site: HostileSite, clip: Path, attempt: Path
) -> None:
    """A stream that never ends costs little more than the limit, on the wire and on the disk."""
    url = site.endless("/endless.mp4", head=clip.read_bytes())
    sent = site.sent_bytes
    failure = failure_of(downloader.download(url, attempt, LIMITS))
    assert failure.outcome is Outcome.TOO_BIG
    assert site.sent_bytes - sent < LIMITS.max_bytes + 20_000_000  # what the system buffers on the way, twice
    assert sum(file.stat().st_size for file in attempt.iterdir()) < LIMITS.max_bytes + 1_000_000


def test_a_declared_size_over_the_limit_is_not_fetched(
    downloader: YtDlpDownloader, site: HostileSite, clip: Path, attempt: Path
) -> None:
    """A video whose declared size is over the limit is not fetched at all."""
    url = site.file("/big.mp4", clip.read_bytes(), declared_bytes=LIMITS.max_bytes + 1)
    assert failure_of(downloader.download(url, attempt, LIMITS)).outcome is Outcome.TOO_BIG
    assert not [file for file in attempt.iterdir() if file.suffix == ".mp4"]


def test_a_video_over_the_duration_limit_is_too_long(
    downloader: YtDlpDownloader, site: HostileSite, clip: Path, attempt: Path
) -> None:
    """Where no site says how long a video lasts, the file's own duration counts."""
    url = site.file("/long.mp4", clip.read_bytes())
    failure = failure_of(downloader.download(url, attempt, DownloadLimits(3_000_000, 1.5, PLENTY_SECONDS)))
    assert failure.outcome is Outcome.TOO_LONG
    assert "3 seconds" in failure.reason


def test_a_site_that_never_answers_costs_the_time_limit(
    downloader: YtDlpDownloader, site: HostileSite, attempt: Path
) -> None:
    """A download that hangs is stopped at its deadline and may be tried again."""
    failure = failure_of(downloader.download(site.silent("/silent.mp4"), attempt, DownloadLimits(3_000_000, 60, 1.5)))
    assert failure.outcome is Outcome.TIMED_OUT
    assert failure.is_transient
    assert "stopped after" in failure.reason


def test_a_download_that_is_given_up_ends_at_once(
    downloader: YtDlpDownloader, site: HostileSite, attempt: Path
) -> None:
    """A download that is given up ends within a second, with every process that it started."""
    url = site.silent("/unwanted.mp4")

    def given_up() -> float:
        wanted_until = time.monotonic() + 1
        failure = failure_of(downloader.download(url, attempt, LIMITS, give_up=lambda: time.monotonic() > wanted_until))
        late = time.monotonic() - wanted_until
        assert failure.outcome is Outcome.TIMED_OUT
        assert failure.reason in {f"the download was stopped after {1 + n} seconds" for n in range(ceil(late) + 1)}
        return late

    assert quickest(given_up, seconds=1) < 1
    program = downloader._workers._program
    assert program
    wait_until(lambda: not children_of(program.process.pid))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_named(downloader: YtDlpDownloader, site: HostileSite, clip: Path, attempt: Path) -> None:
    """When the disk has no space for the video, the reason says so instead of blaming the site."""
    (attempt / "video.mp4.part").symlink_to("/dev/full")
    failure = failure_of(downloader.download(site.file("/full.mp4", clip.read_bytes()), attempt, LIMITS))
    assert failure.outcome is Outcome.DOWNLOAD_FAILED
    assert "disk is full" in failure.reason


# --- Where a link leads ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [
        lambda site, canary: site.redirect("/hop", f"{canary}/secret.mp4?token={SECRET}"),
        lambda site, canary: site.page("/embed", f'<html><video src="{canary}/secret.mp4"></video></html>'),
        lambda _, canary: canary.replace("127.0.0.1", "2130706433") + "/secret.mp4",
        lambda *_: "http://2130706433/secret.mp4",
        lambda *_: "http://169.254.169.254/latest/meta-data/",
        lambda *_: "http://rebind.example/secret.mp4",
    ],
    ids=["redirect", "embedded", "decimal with port", "decimal", "metadata", "name"],
)
def test_no_private_address_is_reached(
    downloader: YtDlpDownloader, site: HostileSite, attempt: Path, link: Callable[[HostileSite, str], str]
) -> None:
    """Redirects, players, odd notations and names that resolve to private addresses never lead to a connection."""
    with hostile_site() as canary:
        canary.page("/secret.mp4", "inside")
        failure = failure_of(downloader.download(link(site, canary.url("")), attempt, LIMITS))
        assert failure.outcome is Outcome.REFUSED
        assert "not opened" in failure.reason
        assert canary.asked == []


def test_an_unknown_name_is_unreachable(downloader: YtDlpDownloader, attempt: Path) -> None:
    """A link to a domain without an address has its own outcome and may be tried again."""
    failure = failure_of(downloader.download("https://gone.example/v", attempt, LIMITS))
    assert failure == Failure(Outcome.UNREACHABLE, "the link leads to gone.example, port 443; no such name is known")


def test_a_host_that_refuses_connections_is_unreachable(
    downloader: YtDlpDownloader, closed_port: int, attempt: Path
) -> None:
    """A link to a host on which nobody listens has its own outcome and may be tried again."""
    failure = failure_of(downloader.download(f"http://127.0.0.1:{closed_port}/v.mp4", attempt, LIMITS))
    assert failure.outcome is Outcome.UNREACHABLE
    assert "no connection could be made" in failure.reason


# --- Which sites are served -----------------------------------------------------------------------------------------


def test_a_site_that_is_not_allowed_is_named_with_its_extractor(tmp_path: Path) -> None:
    """For a link that yt-dlp could serve but may not, the reason names the extractor that the operator could allow."""
    downloader = YtDlpDownloader(allowed_extractors=("tiktok", "youtube"), allowed_hosts=frozenset())

    def fail(url: str) -> Failure:
        directory = tmp_path / hashlib.sha256(url.encode()).hexdigest()[:8]
        directory.mkdir()
        return failure_of(downloader.download(url, directory, LIMITS))

    vimeo = fail(f"https://vimeo.com/123456?token={SECRET}")
    assert vimeo.outcome is Outcome.UNSUPPORTED_SITE
    assert "vimeo" in vimeo.reason
    assert "YTDLP_ALLOWED_EXTRACTORS" in vimeo.reason
    page = fail("https://example.com/video.mp4")
    assert page.outcome is Outcome.UNSUPPORTED_SITE
    assert "generic" in page.reason
    assert fail("https://www.tiktok.com/@someone").outcome is Outcome.NOT_A_VIDEO
    assert fail("https://www.youtube.com/playlist?list=PL0123456789012345").outcome is Outcome.NOT_A_VIDEO
    assert fail("https://open.spotify.com/track/1").outcome is Outcome.UNSUPPORTED_SITE
    downloader.close()


# --- The process ----------------------------------------------------------------------------------------------------


def test_a_download_whose_process_is_killed_names_the_signal(
    downloader: YtDlpDownloader, site: HostileSite, attempt: Path
) -> None:
    """A download whose process is killed from outside fails alone, and the next one works."""
    with ThreadPoolExecutor(1) as pool:
        download = pool.submit(downloader.download, site.silent("/killed.mp4"), attempt, LIMITS)
        (process,) = wait_for_children(downloader)
        os.kill(process, signal.SIGKILL)
        failure = failure_of(download.result())
    assert failure == Failure(Outcome.DOWNLOAD_FAILED, "the download's process was killed by SIGKILL")


def test_a_download_whose_program_is_killed_leaves_no_orphan(
    downloader: YtDlpDownloader, site: HostileSite, clip: Path, attempt: Path
) -> None:
    """When the program behind all downloads dies, each fails at once, loses its way out and ends. A new one starts."""
    with ThreadPoolExecutor(1) as pool:
        download = pool.submit(downloader.download, site.silent("/orphaned.mp4"), attempt, LIMITS)
        (process,) = wait_for_children(downloader)
        assert downloader._workers._program
        os.kill(downloader._workers._program.process.pid, signal.SIGKILL)
        failure = failure_of(download.result())
    assert failure.outcome is Outcome.DOWNLOAD_FAILED
    assert failure.is_transient
    wait_until(lambda: not is_running(process))
    again = attempt / "again"
    again.mkdir()
    video_of(downloader.download(site.file("/after.mp4", clip.read_bytes()), again, LIMITS))


def wait_for_children(downloader: YtDlpDownloader) -> set[int]:
    """Wait until a download's process is there."""
    found: set[int] = set()

    def children() -> set[int]:
        program = downloader._workers._program
        found.update(children_of(program.process.pid) if program else ())
        return found

    wait_until(children)
    return found


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("bookmarkai_assets.adapters.downloader", ("yt_dlp", "av", "dagster", "boto3", "sqlalchemy")),
        ("bookmarkai_assets.adapters.downloader.child", ("dagster", "boto3", "sqlalchemy", "pydantic", "curl_cffi")),
    ],
)
def test_either_side_imports_only_what_it_needs(module: str, unwanted: tuple[str, ...]) -> None:
    """The pipeline's process loads no yt-dlp, and the download's process loads no Dagster."""
    code = f"import {module}, sys; print([name for name in {unwanted!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
