"""The contract of `Downloader`, for the fake and for the real one."""

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.downloader import YtDlpDownloader
from bookmarkai_assets.core.downloads.ports import DownloadedFile, DownloadedVideo, Downloader, DownloadLimits
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.sites.silent_formats import Codec, Delivery, FormatFamily
from tests.fakes.downloader import FakeDownloader
from tests.support.clips import make_clip
from tests.support.deadlines import PLENTY_SECONDS, quickest
from tests.support.hostile_site import HostileSite

BROKEN = FormatFamily(Codec.H265, Delivery.HLS)
PLAYLIST = "application/vnd.apple.mpegurl"
LIMITS = DownloadLimits(max_bytes=1_000_000, max_duration_seconds=60, timeout_seconds=PLENTY_SECONDS)


@dataclass(frozen=True)
class Links:
    """A downloader, and links named after what they lead to. `video` is three seconds long.

    At `broken_promise` a format of `BROKEN` comes first and has no sound, although it is said to have it. At `silence`
    nothing ever answers.
    """

    downloader: Downloader
    video: str
    silent_video: str
    broken_promise: str
    nothing: str
    silence: str


@pytest.fixture(scope="module", params=["fake", "yt-dlp"])
def links(
    request: pytest.FixtureRequest,
    site: HostileSite,
    clip: Path,
    silent_clip: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Links]:
    """Return each downloader in turn."""
    video = site.file("/contract/clip.mp4", clip.read_bytes())
    silent = site.file("/contract/silent.webm", silent_clip.read_bytes(), content_type="video/webm")
    promise = serve_broken_promise(site, tmp_path_factory.mktemp("promise"))
    nothing, silence = site.url("/contract/nothing"), site.silent("/contract/silence.mp4")
    if request.param == "fake":
        fake = FakeDownloader()
        fake.serve(video)
        fake.serve(silent, audio=None)
        fake.serve(promise, silent_formats=frozenset({BROKEN}))
        fake.hang(silence)
        yield Links(fake, video, silent, promise, nothing, silence)
        return
    real = YtDlpDownloader(allowed_extractors=("generic",), allowed_hosts=frozenset({site.host_port}))
    yield Links(real, video, silent, promise, nothing, silence)
    real.close()


def serve_broken_promise(site: HostileSite, directory: Path) -> str:
    """Serve a playlist of two variants that claims sound for both. Only the second has it. Return the link."""
    playlist = ["#EXTM3U"]
    for name, codec, size, has_sound in (
        ("big", "hvc1.1.6.L93.B0", "1280x720", False),
        ("small", "avc1.4d401e", "640x360", True),
    ):
        segment = make_clip(directory / f"{name}.ts", seconds=3, picture_codec="libx264", has_sound=has_sound)
        site.file(f"/contract/{name}.ts", segment.read_bytes(), content_type="video/mp2t")
        lines = ("#EXTM3U", "#EXT-X-TARGETDURATION:3", "#EXTINF:3,", f"{name}.ts", "#EXT-X-ENDLIST")
        site.file(f"/contract/{name}.m3u8", "\n".join(lines).encode(), content_type=PLAYLIST)
        playlist += [
            f'#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION={size},CODECS="{codec},mp4a.40.2"',
            f"{name}.m3u8",
        ]
    return site.file("/contract/promise.m3u8", "\n".join(playlist).encode(), content_type=PLAYLIST)


def assert_described(file: DownloadedFile, directory: Path) -> None:
    """Check that a file is in the directory and matches its digest."""
    data = file.path.read_bytes()
    assert file.path.parent == directory
    assert file.digest.size_bytes == len(data) > 0
    assert file.digest.sha256 == hashlib.sha256(data).hexdigest()


def test_a_video_and_its_sound_are_in_the_directory_as_described(links: Links, tmp_path: Path) -> None:
    """The attempt's directory contains the files, with their own digests and content types, and nothing else."""
    result = links.downloader.download(links.video, tmp_path, LIMITS)
    assert isinstance(result, DownloadedVideo)
    assert result.audio
    for file, kind in ((result.video, "video/"), (result.audio, "audio/")):
        assert_described(file, tmp_path)
        assert file.content_type.startswith(kind)
        assert file.path.suffix[1:].isalnum()
    assert set(tmp_path.iterdir()) == {result.video.path, result.audio.path}
    assert result.info.title
    assert result.info.duration_seconds == pytest.approx(3, abs=0.1)
    assert result.seconds > 0


def test_a_silent_video_has_no_audio_track(links: Links, tmp_path: Path) -> None:
    """Where there is no sound there is no audio file, and that is no failure."""
    result = links.downloader.download(links.silent_video, tmp_path, LIMITS)
    assert isinstance(result, DownloadedVideo)
    assert result.audio is None
    assert_described(result.video, tmp_path)


def test_the_format_with_sound_is_the_video(links: Links, tmp_path: Path) -> None:
    """If a format lacks its promised sound, another one is the video. The result says which, and nothing else stays."""
    result = links.downloader.download(links.broken_promise, tmp_path, LIMITS)
    assert isinstance(result, DownloadedVideo)
    assert result.audio
    assert_described(result.video, tmp_path)
    assert_described(result.audio, tmp_path)
    assert set(tmp_path.iterdir()) == {result.video.path, result.audio.path}
    assert result.silent_formats == {BROKEN}


def test_a_format_that_is_known_to_be_silent_is_avoided(links: Links, tmp_path: Path) -> None:
    """A caller that names it gets the format with sound at once, and nothing new is reported."""
    result = links.downloader.download(links.broken_promise, tmp_path, LIMITS, silent_formats=frozenset({BROKEN}))
    assert isinstance(result, DownloadedVideo)
    assert result.audio
    assert result.silent_formats == frozenset()


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        (DownloadLimits(max_bytes=10, max_duration_seconds=60, timeout_seconds=PLENTY_SECONDS), Outcome.TOO_BIG),
        (DownloadLimits(max_bytes=1_000_000, max_duration_seconds=2, timeout_seconds=PLENTY_SECONDS), Outcome.TOO_LONG),
    ],
)
def test_a_limit_that_is_exceeded_is_an_outcome(
    links: Links, tmp_path: Path, limits: DownloadLimits, outcome: Outcome
) -> None:
    """A video over a limit is refused by the limit's own outcome."""
    result = links.downloader.download(links.video, tmp_path, limits)
    assert isinstance(result, Failure)
    assert result.outcome is outcome


def test_a_failure_comes_back_as_a_value(links: Links, tmp_path: Path) -> None:
    """A dead link is a failure with a reason, not an exception."""
    result = links.downloader.download(links.nothing, tmp_path, LIMITS)
    assert isinstance(result, Failure)
    assert result.outcome is Outcome.GONE
    assert result.reason


def test_a_download_that_hangs_ends_at_its_deadline(links: Links, tmp_path: Path) -> None:
    """A timeout is a failure of a kind of its own, which another try may help."""

    def hang() -> float:
        began = time.monotonic()
        result = links.downloader.download(links.silence, tmp_path, replace(LIMITS, timeout_seconds=0.5))
        seconds = time.monotonic() - began
        assert isinstance(result, Failure)
        assert (result.outcome, result.is_transient) == (Outcome.TIMED_OUT, True)
        return seconds

    assert 0.5 <= quickest(hang, seconds=5) < 5


def test_a_download_that_is_given_up_ends_before_its_deadline(links: Links, tmp_path: Path) -> None:
    """A download that its caller gives up ends within a second, long before its deadline."""

    def given_up() -> float:
        wanted_until = time.monotonic() + 0.3
        result = links.downloader.download(
            links.silence, tmp_path, LIMITS, give_up=lambda: time.monotonic() > wanted_until
        )
        late = time.monotonic() - wanted_until
        assert isinstance(result, Failure)
        assert result.outcome is Outcome.TIMED_OUT
        return late

    assert quickest(given_up, seconds=1) < 1


def test_a_download_that_is_wanted_is_not_given_up(links: Links, tmp_path: Path) -> None:
    """`give_up` may be called at any time, and only True ends the download."""
    result = links.downloader.download(links.video, tmp_path, LIMITS, give_up=lambda: False)
    assert isinstance(result, DownloadedVideo)


def test_a_link_can_be_downloaded_many_times_at_once(links: Links, tmp_path: Path) -> None:
    """The same link in several threads gives the same bytes to each, in its own directory."""
    directories = [tmp_path / str(number) for number in range(3)]
    for directory in directories:
        directory.mkdir()
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda where: links.downloader.download(links.video, where, LIMITS), directories))
    videos = [result for result in results if isinstance(result, DownloadedVideo)]
    assert [video.video.path.parent for video in videos] == directories
    assert len({video.video.digest for video in videos}) == 1
