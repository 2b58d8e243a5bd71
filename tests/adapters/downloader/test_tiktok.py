"""TikTok end to end: yt-dlp's own extractor in its real process, behind the real guard, against a stand-in."""

import struct
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.downloader import CHILD_PROGRAM, YtDlpDownloader
from bookmarkai_assets.core.downloads.ports import DownloadedVideo, DownloadLimits, Resolved
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.sites.silent_formats import Codec, Delivery, FormatFamily
from tests.support.clips import make_clip
from tests.support.deadlines import PLENTY_SECONDS
from tests.support.tiktok_site import POSTED_AT, VIDEOS, Post, TikTokSite, tiktok_site

LIMITS = DownloadLimits(max_bytes=10_000_000, max_duration_seconds=60, timeout_seconds=PLENTY_SECONDS)
TRUSTING_PROGRAM = ("-m", "tests.support.trusting_child")
PADDING_BYTES = 600_000
READ_BYTES = 262_144
ALLOWED = ("tiktok", "vm.tiktok")  # as the settings have it


@pytest.fixture(scope="module")
def tiktok(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TikTokSite]:
    """Return the stand-in, which serves a real clip, made longer than one read by an empty box at its end."""
    directory = tmp_path_factory.mktemp("tiktok")
    silent = make_clip(directory / "silent.mp4", seconds=3, picture_codec="libx265", has_sound=False)
    with tiktok_site(directory, padded(clip)) as running:
        running.silent_video = padded(silent)
        yield running


def padded(clip: Path) -> bytes:
    """Return a clip's bytes with an empty box at their end."""
    return clip.read_bytes() + struct.pack(">I4s", PADDING_BYTES, b"free") + bytes(PADDING_BYTES - 8)


@pytest.fixture(scope="module")
def downloader(tiktok: TikTokSite) -> Iterator[YtDlpDownloader]:
    """Return the production downloader with no host opened. The outside world is the stand-in."""
    running = downloader_of(tiktok, *TRUSTING_PROGRAM, str(tiktok.certificate))
    yield running
    running.close()


def downloader_of(tiktok: TikTokSite, *program: str) -> YtDlpDownloader:
    """Return a downloader for which the stand-in is TikTok."""
    return YtDlpDownloader(
        allowed_extractors=ALLOWED,
        allowed_hosts=frozenset(),
        resolve=tiktok.resolve,
        connect=tiktok.connect,
        program=program,
    )


def video_of(result: DownloadedVideo | Resolved | Failure) -> DownloadedVideo:
    """Return the video of a download, which must have succeeded."""
    assert isinstance(result, DownloadedVideo), result
    return result


def failure_of(result: DownloadedVideo | Resolved | Failure) -> Failure:
    """Return the failure of a download, whose reason must contain no secret."""
    assert isinstance(result, Failure), result
    assert 10 < len(result.reason) < 400
    assert "s3cret" not in result.reason
    return result


def name_of(post: Post) -> str:
    """Return the canonical URL of a post."""
    return f"https://www.tiktok.com/@_/video/{post.post_id}"


def test_a_short_link_is_resolved_to_its_canonical_url(
    downloader: YtDlpDownloader, tiktok: TikTokSite, tmp_path: Path
) -> None:
    """The link that the app shares is resolved to its video's canonical URL without fetching the video."""
    post = tiktok.publish(Post("7300000000000000006"))
    assert downloader.download(post.short_url, tmp_path, LIMITS) == Resolved(name_of(post))
    assert not tiktok.fetched(post)
    assert not [path for path in tmp_path.iterdir() if path.name != ".stderr"]


def test_the_canonical_url_leads_to_the_bytes(downloader: YtDlpDownloader, tiktok: TikTokSite, tmp_path: Path) -> None:
    """From the canonical URL the page, with its cookie, leads to the video and everything the site says about it."""
    post = tiktok.publish(Post("7300000000000000001", description="Pasta \u202e#gnp" + "!" * 6000))

    result = video_of(downloader.download(name_of(post), tmp_path, LIMITS))

    assert result.video.path.read_bytes() == tiktok.video
    assert result.audio
    info = result.info
    assert (info.extractor, info.author) == ("TikTok", "pasta.anna")
    assert info.title.startswith("Pasta #gnp!")
    assert info.description
    assert len(info.description) == 5000
    assert info.posted_at == datetime.fromtimestamp(POSTED_AT, UTC)
    assert info.thumbnail_url == f"https://{VIDEOS}/cover/{post.post_id}.jpg"
    assert info.duration_seconds == pytest.approx(3, abs=0.1)


def test_a_portrait_video_comes_in_720p_without_watermark(
    downloader: YtDlpDownloader, tiktok: TikTokSite, tmp_path: Path
) -> None:
    """Of all versions, only the one that is 720 wide, plays and has no watermark is fetched."""
    post = tiktok.publish(Post("7300000000000000002"))
    video_of(downloader.download(post.url, tmp_path, LIMITS))
    assert {name for name, _ in tiktok.fetched(post)} == {"720p-h264"}


# --- Sound ----------------------------------------------------------------------------------------------------------

BOTH_CODECS = (("h264", "540p", 3), ("bytevc1", "540p", 2), ("h264", "720p", 5), ("bytevc1", "720p", 4))
H265, H264 = (FormatFamily(codec, Delivery.FILE) for codec in (Codec.H265, Codec.H264))


def names_of(*codecs: str) -> frozenset[str]:
    """Return the site's names of the formats of some codecs."""
    return frozenset(f"{name}-{codec}" for codec, name, _ in BOTH_CODECS if codec in codecs)


def test_the_other_codec_is_fetched_where_one_has_no_sound(
    downloader: YtDlpDownloader, tiktok: TikTokSite, tmp_path: Path
) -> None:
    """H.265 is smaller, so it comes first. It lacks its promised sound, H.264 has it, and that is recorded."""
    post = tiktok.publish(Post("7300000000000000400", formats=BOTH_CODECS, silent=names_of("bytevc1")))
    result = video_of(downloader.download(post.url, tmp_path, LIMITS))
    assert [name for name, _ in tiktok.fetched(post)] == ["720p-bytevc1", "720p-h264"]
    assert result.video.path.read_bytes() == tiktok.video
    assert result.audio
    assert set(tmp_path.iterdir()) == {result.video.path, result.audio.path}
    assert result.silent_formats == {H265}


def test_a_format_known_to_be_silent_is_not_fetched_first(
    downloader: YtDlpDownloader, tiktok: TikTokSite, tmp_path: Path
) -> None:
    """The site's next share gets the codec that has sound, and nothing is recorded about the other."""
    post = tiktok.publish(Post("7300000000000000401", formats=BOTH_CODECS, silent=names_of("bytevc1")))
    result = video_of(downloader.download(post.url, tmp_path, LIMITS, silent_formats=frozenset({H265})))
    assert [name for name, _ in tiktok.fetched(post)] == ["720p-h264"]
    assert result.audio
    assert result.silent_formats == frozenset()


def test_a_video_without_sound_in_any_codec_is_kept(
    downloader: YtDlpDownloader, tiktok: TikTokSite, tmp_path: Path
) -> None:
    """Three formats are fetched at most. Then the first, the best picture, is the result, and no codec is blamed."""
    post = tiktok.publish(Post("7300000000000000402", formats=BOTH_CODECS, silent=names_of("bytevc1", "h264")))
    result = video_of(downloader.download(post.url, tmp_path, LIMITS))
    assert [name for name, _ in tiktok.fetched(post)] == ["720p-bytevc1", "720p-h264", "540p-bytevc1"]
    assert result.audio is None
    assert result.video.path.read_bytes() == tiktok.silent_video
    assert list(tmp_path.iterdir()) == [result.video.path]
    assert result.silent_formats == frozenset()


def test_a_missing_format_is_skipped(downloader: YtDlpDownloader, tiktok: TikTokSite, tmp_path: Path) -> None:
    """A listed format that is gone does not end the share, and the one after it is fetched."""
    formats = (*BOTH_CODECS[2:], ("vp9", "540p", 3))
    post = tiktok.publish(
        Post(
            "7300000000000000403",
            formats=formats,
            silent=names_of("bytevc1"),
            missing=names_of("h264"),
        )
    )
    result = video_of(downloader.download(post.url, tmp_path, LIMITS))
    assert [name for name, _ in tiktok.fetched(post)] == ["720p-bytevc1", "720p-h264", "540p-vp9"]
    assert result.audio
    assert result.silent_formats == {H265}


def test_a_codec_that_has_sound_in_another_size_is_not_blamed(
    downloader: YtDlpDownloader, tiktok: TikTokSite, tmp_path: Path
) -> None:
    """With a single codec its other size is fetched. That has the sound, so the codec is not recorded as silent."""
    formats = (("h264", "540p", 3), ("h264", "720p", 5))
    post = tiktok.publish(Post("7300000000000000406", formats=formats, silent=frozenset({"720p-h264"})))
    result = video_of(downloader.download(post.url, tmp_path, LIMITS))
    assert [name for name, _ in tiktok.fetched(post)] == ["720p-h264", "540p-h264"]
    assert result.audio
    assert result.silent_formats == frozenset()


def test_a_site_that_stops_answering_is_not_taken_for_silent(
    downloader: YtDlpDownloader, tiktok: TikTokSite, tmp_path: Path
) -> None:
    """If the other codec cannot be fetched for now, the share fails for now, and does not end as one without sound."""
    post = tiktok.publish(
        Post(
            "7300000000000000404",
            formats=BOTH_CODECS[2:],
            silent=names_of("bytevc1"),
            failing=names_of("h264") | {"play"},
        )
    )
    failure = failure_of(downloader.download(post.url, tmp_path, LIMITS))
    assert (failure.outcome, failure.is_transient) == (Outcome.UNREACHABLE, True)


def test_all_formats_together_stay_within_the_limit_of_bytes(
    downloader: YtDlpDownloader, tiktok: TikTokSite, tmp_path: Path
) -> None:
    """Another format that no longer fits is not fetched to its end, and the video without sound is the result."""
    formats = (("h264", "720p", 1), ("bytevc1", "720p", 1))
    post = tiktok.publish(Post("7300000000000000405", formats=formats, silent=names_of("bytevc1")))
    room = len(tiktok.silent_video) + len(tiktok.video) // 2
    assert room > len(tiktok.video)
    result = video_of(downloader.download(post.url, tmp_path, replace(LIMITS, max_bytes=room)))
    assert [name for name, _ in tiktok.fetched(post)] == ["720p-bytevc1", "720p-h264", "play"]
    assert result.audio is None
    assert list(tmp_path.iterdir()) == [result.video.path]


# --- What the site does ---------------------------------------------------------------------------------------------


def test_a_challenge_is_solved(downloader: YtDlpDownloader, tiktok: TikTokSite, tmp_path: Path) -> None:
    """A page that asks for a proof of work gets it, and then shows the video."""
    post = tiktok.publish(Post("7300000000000000003", is_behind_challenge=True))
    video_of(downloader.download(post.url, tmp_path, LIMITS))


def test_a_dropped_connection_is_resumed(downloader: YtDlpDownloader, tiktok: TikTokSite, tmp_path: Path) -> None:
    """A body that ends early is requested again from the end of its last whole read, and the bytes are whole."""
    post = tiktok.publish(Post("7300000000000000004", break_after_bytes=400_000))
    result = video_of(downloader.download(post.url, tmp_path, LIMITS))
    assert result.video.path.read_bytes() == tiktok.video
    assert [ranges for _, ranges in tiktok.fetched(post)] == ["", f"bytes={READ_BYTES}-"]


def test_a_video_host_that_stumbles_is_asked_again(
    downloader: YtDlpDownloader, tiktok: TikTokSite, tmp_path: Path
) -> None:
    """Two answers of 503 cost two requests, and the video still arrives."""
    post = tiktok.publish(Post("7300000000000000005", failures=2))
    result = video_of(downloader.download(post.url, tmp_path, LIMITS))
    assert result.video.path.read_bytes() == tiktok.video
    assert len(tiktok.fetched(post)) == 3


REFUSALS = [
    (Post("7300000000000000100", status=10216), Outcome.PRIVATE),
    (Post("7300000000000000101", status=10222), Outcome.PRIVATE),
    (Post("7300000000000000102", status=10204, message="status_self_see"), Outcome.PRIVATE),
    (Post("7300000000000000103", status=10204, message="item doesn't exist"), Outcome.GONE),
    (Post("7300000000000000104", status=10204, message="item_privacy_authorization&status_deleted"), Outcome.GONE),
    (Post("7300000000000000105", status=10204, message="status_audit_not_pass"), Outcome.GONE),
    (Post("7300000000000000106", status=10231), Outcome.GONE),
    (Post("7300000000000000107", status=10204), Outcome.BLOCKED),
    (Post("7300000000000000108", status=10204, message="something new"), Outcome.BLOCKED),
    (Post("7300000000000000109", status=10204, message="cross_border_violation_ur"), Outcome.GEO_RESTRICTED),
    (Post("7300000000000000110", status=10204, message="person_geo_fencing"), Outcome.GEO_RESTRICTED),
    (Post("7300000000000000111", status=10204, message="status_reviewing"), Outcome.DOWNLOAD_FAILED),
    (Post("7300000000000000112", is_photo_post=True), Outcome.PHOTO_POST),
    (Post("7300000000000000113", is_behind_login=True), Outcome.LOGIN_NEEDED),
    (Post("7300000000000000114", is_age_gated=True), Outcome.LOGIN_NEEDED),
    (Post("7300000000000000115", page_status=429), Outcome.RATE_LIMITED),
    (Post("7300000000000000116", page_status=503), Outcome.UNREACHABLE),
    (Post("7300000000000000117", failures=100), Outcome.UNREACHABLE),
]


@pytest.mark.parametrize(("post", "expected"), REFUSALS)
def test_a_post_that_is_not_shown_has_its_outcome(
    downloader: YtDlpDownloader, tiktok: TikTokSite, tmp_path: Path, post: Post, expected: Outcome
) -> None:
    """Private, removed, blocked, gated and silent posts each have their outcome by the page, and nothing is fetched."""
    tiktok.publish(post)
    failure = failure_of(downloader.download(post.url, tmp_path, LIMITS))
    assert failure.outcome is expected
    assert bool(tiktok.fetched(post)) is bool(post.failures)


@pytest.mark.parametrize(
    ("post", "expected"),
    [
        (Post("7300000000000000118", is_photo_post=True), Outcome.PHOTO_POST),
        (Post("7300000000000000120", status=10216), Outcome.PRIVATE),
        (Post("7300000000000000121", status=10204), Outcome.BLOCKED),
        (Post("7300000000000000122", page_status=404), Outcome.GONE),
        (Post("7300000000000000123", page_status=429), Outcome.RATE_LIMITED),
    ],
)
def test_a_short_link_has_the_outcome_of_its_target(
    downloader: YtDlpDownloader, tiktok: TikTokSite, tmp_path: Path, post: Post, expected: Outcome
) -> None:
    """A short link to pictures, to a hidden post or to nothing has the outcome of what it leads to."""
    tiktok.publish(post)
    directories = [tmp_path / "short", tmp_path / "name"]
    for directory in directories:
        directory.mkdir()
    assert downloader.download(post.short_url, directories[0], LIMITS) == Resolved(name_of(post))
    assert failure_of(downloader.download(name_of(post), directories[1], LIMITS)).outcome is expected


@pytest.mark.parametrize(
    ("post", "expected"),
    [
        (Post("7300000000000000125", leads_to="https://www.tiktok.com/"), Outcome.GONE),
        (Post("7300000000000000126", leads_to="https://www.youtube.com/watch?v=dQw4w9WgXcQ"), Outcome.UNREACHABLE),
        (Post("7300000000000000127", leads_to="https://vm.tiktok.com/ZM7300000000000000126/"), Outcome.UNREACHABLE),
    ],
)
def test_a_short_link_that_names_no_video_has_its_outcome(
    downloader: YtDlpDownloader, tiktok: TikTokSite, tmp_path: Path, post: Post, expected: Outcome
) -> None:
    """A short link that leads to no page, another site or another short link resolves to no video."""
    tiktok.publish(post)
    assert failure_of(downloader.download(post.short_url, tmp_path, LIMITS)).outcome is expected


def test_production_does_not_trust_the_stand_in(
    tiktok: TikTokSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With production's own program the same downloads fail at the certificate, whatever the environment says."""
    for variable in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(variable, str(tiktok.certificate))
    post = tiktok.publish(Post("7300000000000000119"))
    downloader = downloader_of(tiktok, *CHILD_PROGRAM)
    failure = failure_of(downloader.download(post.url, tmp_path, LIMITS))
    downloader.close()
    assert failure.outcome is Outcome.UNREACHABLE
    assert not tiktok.fetched(post)
    assert not any(post.post_id in path for _, path, _ in tiktok.asked)
