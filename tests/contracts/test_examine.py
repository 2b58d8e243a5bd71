"""The contract of `Downloader.examine`, for the fake and for the real one, and what only the real one can show."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.downloader import YtDlpDownloader
from bookmarkai_assets.core.downloads.ports import DownloadedVideo, Downloader, DownloadLimits
from bookmarkai_assets.core.media.media import UNTITLED
from bookmarkai_assets.core.outcomes import Failure, Outcome
from tests.fakes.downloader import FakeDownloader
from tests.support.deadlines import PLENTY_SECONDS

LIMITS = DownloadLimits(max_bytes=1_000_000, max_duration_seconds=60, timeout_seconds=PLENTY_SECONDS)


@pytest.fixture(scope="module")
def real() -> Iterator[YtDlpDownloader]:
    """Return the real downloader, to which no host is open."""
    downloader = YtDlpDownloader(allowed_extractors=("generic",), allowed_hosts=frozenset())
    yield downloader
    downloader.close()


@pytest.fixture(params=["fake", "real"])
def downloader(request: pytest.FixtureRequest, clip: Path, silent_clip: Path) -> Downloader:
    """Return each downloader in turn."""
    if request.param == "real":
        return request.getfixturevalue("real")  # type: ignore[no-any-return]
    fake = FakeDownloader()
    fake.serve_file(clip.read_bytes())
    fake.serve_file(silent_clip.read_bytes(), audio=None)
    return fake


def _sent(tmp_path: Path, data: bytes) -> Path:
    """Write a file as it is in staging: alone, and without an extension."""
    file = tmp_path / "attempt" / "sent"
    file.parent.mkdir()
    file.write_bytes(data)
    return file


def test_a_video_is_described_and_its_sound_cut_out(downloader: Downloader, clip: Path, tmp_path: Path) -> None:
    """The file is the same bytes under a name that says what it holds. Nothing else is left beside the two."""
    data = clip.read_bytes()

    video = downloader.examine(_sent(tmp_path, data), LIMITS)

    assert isinstance(video, DownloadedVideo), video
    assert video.video.path == tmp_path / "attempt" / "video.mp4"
    assert video.video.path.read_bytes() == data
    assert video.video.digest.sha256 == hashlib.sha256(data).hexdigest()
    assert video.video.content_type == "video/mp4"
    assert video.audio is not None
    assert {file.name for file in (tmp_path / "attempt").iterdir()} == {"video.mp4", video.audio.path.name}
    assert (video.info.title, video.info.author, video.info.extractor) == (UNTITLED, None, "upload")


def test_a_silent_video_has_no_audio_track(downloader: Downloader, silent_clip: Path, tmp_path: Path) -> None:
    """It is a video all the same."""
    video = downloader.examine(_sent(tmp_path, silent_clip.read_bytes()), LIMITS)
    assert isinstance(video, DownloadedVideo), video
    assert video.audio is None


@pytest.mark.parametrize("data", [b"<html><body>no video</body></html>", b"GIF89a" + bytes(100)])
def test_what_is_no_video_is_a_failure(downloader: Downloader, tmp_path: Path, data: bytes) -> None:
    """A page and a picture are not."""
    failure = downloader.examine(_sent(tmp_path, data), LIMITS)
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.NOT_A_VIDEO


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        (DownloadLimits(1_000, 60, PLENTY_SECONDS), Outcome.TOO_BIG),
        (DownloadLimits(1_000_000, 1, PLENTY_SECONDS), Outcome.TOO_LONG),
    ],
)
def test_limits_apply(
    real: YtDlpDownloader, clip: Path, tmp_path: Path, limits: DownloadLimits, outcome: Outcome
) -> None:
    """Those of downloads."""
    failure = real.examine(_sent(tmp_path, clip.read_bytes()), limits)
    assert isinstance(failure, Failure)
    assert failure.outcome is outcome


def test_half_a_video_is_corrupt(real: YtDlpDownloader, clip: Path, tmp_path: Path) -> None:
    """A file that is cut off is found out by reading it to its end."""
    data = clip.read_bytes()
    failure = real.examine(_sent(tmp_path, data[: len(data) // 2]), LIMITS)
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.CORRUPT


def test_a_hung_examination_is_given_up(real: YtDlpDownloader, clip: Path, tmp_path: Path) -> None:
    """As a download is."""
    failure = real.examine(_sent(tmp_path, clip.read_bytes()), LIMITS, give_up=lambda: True)
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.TIMED_OUT
