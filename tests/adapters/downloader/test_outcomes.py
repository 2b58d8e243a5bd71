"""What yt-dlp's errors and info dicts mean here, without a network or a process."""

import builtins
import errno
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from bookmarkai_assets.adapters.downloader.job import Fetched, Job, result_from_json, result_to_json
from bookmarkai_assets.adapters.downloader.tiktok import PostPage
from bookmarkai_assets.adapters.downloader.ytdlp import (
    ByteCounter,
    find_video,
    is_allowed,
    needs_ffmpeg,
    refuse_over_limits,
    video_info,
)
from bookmarkai_assets.adapters.downloader.ytdlp_errors import failure_of, failure_of_ytdlp, is_ytdlps_own, reason_of
from bookmarkai_assets.core.downloads.ports import DownloadedFile, DownloadLimits, Resolved
from bookmarkai_assets.core.errors import ShareFailedError
from bookmarkai_assets.core.media.media import Digest, VideoInfo
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.sites.silent_formats import Codec, Delivery, FormatFamily

if TYPE_CHECKING:
    from yt_dlp import YoutubeDL

SHORT = "https://vm.tiktok.com/ZMa/"
LIMITS = DownloadLimits(max_bytes=1000, max_duration_seconds=60, timeout_seconds=30)
URL = "https://www.tiktok.com/@user/video/1"
BUG = "; please report this issue on  https://github.com/yt-dlp/yt-dlp/issues?q= , filling out the appropriate template"


def outcome(error: Exception, allowed: tuple[str, ...] = ("tiktok",)) -> Failure:
    """Return the failure that an error of yt-dlp becomes."""
    return failure_of(error, url=URL, allowed_extractors=allowed)


def extractor_error(message: str, *, expected: bool = True, cause: Exception | None = None) -> Exception:
    """Return what an extractor raises, as yt-dlp passes it on."""
    from yt_dlp.utils import DownloadError, ExtractorError

    error = ExtractorError(message, expected=expected, cause=cause, video_id="1", ie="TikTok")
    return cast("Exception", DownloadError(f"ERROR: {error}", (type(error), error, None)))


def http_error(status: int) -> Exception:
    """Return the error that an HTTP status of a site raises."""
    from yt_dlp.networking.common import Response
    from yt_dlp.networking.exceptions import HTTPError

    answer = Response(io.BytesIO(), "https://cdn.example/v?token=s3cret", {}, status=status)
    return cast("Exception", HTTPError(answer))


# --- Errors ---------------------------------------------------------------------------------------------------------


# Messages of the installed yt-dlp, by the file of the extractor that contains the words.
SAID_BY_YTDLP = [
    ("tiktok", "You do not have permission to view this post. Log into an account that has access", Outcome.PRIVATE),
    ("tiktok", "This post may not be comfortable for some audiences. Log in for access", Outcome.LOGIN_NEEDED),
    ("tiktok", "TikTok is requiring login for access to this content", Outcome.LOGIN_NEEDED),
    ("tiktok", "Your IP address is blocked from accessing this post", Outcome.BLOCKED),
    ("tiktok", "This livestream has ended", Outcome.LIVE),
    ("youtube/_video", "All player responses are invalid. Your IP is likely being blocked by Youtube", Outcome.BLOCKED),
    ("youtube/_video", ". YouTube is requiring a captcha challenge before playback", Outcome.BLOCKED),
    (
        "youtube/_video",
        "has been rate-limited by YouTube for up to an hour. It is recommended to",
        Outcome.RATE_LIMITED,
    ),
    ("youtube/_video", "This content isn't available, try again later", Outcome.RATE_LIMITED),
    (
        "youtube/_video",
        "The uploader has not made this video available in your country",
        Outcome.GEO_RESTRICTED,
    ),
    (
        "instagram",
        "This content is only available for registered users who follow this account",
        Outcome.PRIVATE,
    ),
    ("instagram", "You have exceeded the rate-limit for accessing posts anonymously", Outcome.RATE_LIMITED),
    ("instagram", "Instagram sent an empty media response. Check if this post is accessible", Outcome.LOGIN_NEEDED),
    ("instagram", "There is no video in this post", Outcome.PHOTO_POST),
    ("reddit", "Your IP address is unable to access the Reddit API", Outcome.BLOCKED),
    ("reddit", "Account authentication is required", Outcome.LOGIN_NEEDED),
    ("reddit", "Quarantined subreddit; an account that has opted in is required", Outcome.LOGIN_NEEDED),
    ("reddit", "Private subreddit; an account that has been approved is required", Outcome.PRIVATE),
    ("reddit", "This video is processing", Outcome.DOWNLOAD_FAILED),
    ("reddit", "No media found", Outcome.NOT_A_VIDEO),
    ("twitter", "You are not authorized to view this protected tweet", Outcome.PRIVATE),
    ("twitter", "NSFW tweet requires authentication", Outcome.LOGIN_NEEDED),
    ("twitter", "Requested tweet is unavailable", Outcome.GONE),
    ("twitter", "Broadcast no longer exists", Outcome.GONE),
    ("twitter", "This live broadcast has not yet started", Outcome.LIVE),
    ("twitter", "Twitter Space ended and replay is disabled", Outcome.GONE),
    ("twitter", "No video could be found in this tweet", Outcome.NOT_A_VIDEO),
    ("common", "This video is only available for registered users", Outcome.LOGIN_NEEDED),
    ("common", "This video is not available from your location due to geo restriction", Outcome.GEO_RESTRICTED),
    ("common", "This video is DRM protected", Outcome.UNSUPPORTED_SITE),
]
# Messages of the sites themselves, which yt-dlp passes on unchanged.
SAID_BY_SITES = [
    ("Private video. Sign in if you've been granted access to this video", Outcome.PRIVATE),
    ("Video unavailable. This video is private", Outcome.PRIVATE),
    ("Video unavailable. This video has been removed by the uploader", Outcome.GONE),
    ("This video is no longer available because the account has been terminated", Outcome.GONE),
    ("Video unavailable. This live stream recording is not available.", Outcome.GONE),
    ("Sign in to confirm you\u2019re not a bot. Use --cookies-from-browser", Outcome.BLOCKED),
    ("Sign in to confirm your age. This video may be inappropriate for some users", Outcome.LOGIN_NEEDED),
    ("Join this channel to get access to members-only content like this video", Outcome.LOGIN_NEEDED),
    ("This live event will begin in 3 days.", Outcome.LIVE),
    ("Premieres in 12 hours", Outcome.LIVE),
    ("We're processing this video. Check back later.", Outcome.DOWNLOAD_FAILED),
    (
        "Video unavailable. This video contains content from X, who has blocked it in your country",
        Outcome.GEO_RESTRICTED,
    ),
    ("Restricted Video: You must be 18 years old or over to see this video. Log in", Outcome.LOGIN_NEEDED),
    ("Twitter API says: This Post is from a suspended account", Outcome.GONE),
    ("Twitter API says: This Post was deleted by the Post author", Outcome.GONE),
    ("Suspended", Outcome.GONE),
    (
        "Twitter API says: You\u2019re unable to view this Post because this account owner limits who can view it",
        Outcome.PRIVATE,
    ),
    ("Requested format is not available. Use --list-formats for a list of available formats", Outcome.NOT_A_VIDEO),
    ("file:// URLs are disabled by default in yt-dlp for security reasons", Outcome.REFUSED),
    ("Something that no table knows", Outcome.DOWNLOAD_FAILED),
]
HINT = ". Use --cookies-from-browser or --cookies for the authentication. See  https://github.com/yt-dlp  for how"


@pytest.mark.parametrize(("extractor", "message", "expected"), SAID_BY_YTDLP)
def test_a_message_of_yt_dlp_becomes_an_outcome(extractor: str, message: str, expected: Outcome) -> None:
    """The words are in the installed extractors, and mean the same with the advice that yt-dlp adds about logins."""
    import yt_dlp

    source = (Path(yt_dlp.__file__).parent / f"extractor/{extractor}.py").read_text()
    assert message in source.replace("\\'", "'")
    is_advised = expected in {Outcome.PRIVATE, Outcome.LOGIN_NEEDED}
    for said in (message, message + HINT) if is_advised else (message,):
        failure = outcome(extractor_error(said))
        assert failure.outcome is expected
        assert "--" not in failure.reason


@pytest.mark.parametrize(("message", "expected"), SAID_BY_SITES)
def test_a_message_of_a_site_becomes_an_outcome(message: str, expected: Outcome) -> None:
    """The platforms' refusals, as yt-dlp passes them on, each have their outcome."""
    failure = outcome(extractor_error(message))
    assert failure.outcome is expected
    assert "--" not in failure.reason


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Unable to extract universal data for rehydration", Outcome.SITE_CHANGED),
        ("No video formats found!", Outcome.SITE_CHANGED),
        ("An extractor error has occurred.", Outcome.SITE_CHANGED),
        ("Video not available, status code 10231", Outcome.GONE),
        ("HTTP Error 403 Forbidden; reason given: banned", Outcome.GONE),
    ],
)
def test_an_extractor_failure_means_that_the_site_changed(message: str, expected: Outcome) -> None:
    """An error that yt-dlp asks users to report means a changed site, unless the site says that the video is gone."""
    failure = outcome(extractor_error(message, expected=False))
    assert failure.outcome is expected
    assert "report" not in failure.reason


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Outcome.DOWNLOAD_FAILED),
        (401, Outcome.LOGIN_NEEDED),
        (403, Outcome.LOGIN_NEEDED),
        (404, Outcome.GONE),
        (408, Outcome.UNREACHABLE),
        (410, Outcome.GONE),
        (429, Outcome.RATE_LIMITED),
        (451, Outcome.GEO_RESTRICTED),
        (500, Outcome.UNREACHABLE),
        (599, Outcome.UNREACHABLE),
    ],
)
def test_a_status_is_found_wherever_yt_dlp_hides_it(status: int, expected: Outcome) -> None:
    """An HTTP status counts whether it is raw, an extractor's cause, or in the words after the last retry."""
    from yt_dlp.utils import DownloadError

    raw = http_error(status)
    wrapped = extractor_error("Unable to download webpage: HTTP Error", cause=raw)
    given_up = DownloadError(f"ERROR: \r[download] Got error: HTTP Error {status}: No. Giving up after 5 retries")
    assert {outcome(error).outcome for error in (raw, wrapped, given_up)} == {expected}
    assert str(status) in outcome(wrapped).reason


def test_a_sites_own_words_outweigh_a_status_met_on_the_way() -> None:
    """When an extractor was refused one way and then learned why, the site's own words decide."""
    from yt_dlp.utils import ExtractorError

    error = ExtractorError("This account is private", expected=True)
    error.__context__ = http_error(403)
    assert outcome(error).outcome is Outcome.PRIVATE


@pytest.mark.parametrize("is_during_page", [True, False])
def test_network_failures_are_unreachable(is_during_page: bool) -> None:
    """Timeouts, refusals and broken TLS are unreachable, on the page as on the video."""
    from yt_dlp.networking.exceptions import CertificateVerifyError, ProxyError, RequestError, TransportError
    from yt_dlp.utils import DownloadError

    for error in (TransportError("timed out"), CertificateVerifyError("expired"), ProxyError("Tunnel failed: 502")):
        assert isinstance(error, RequestError)
        raised = extractor_error("Unable to download webpage", cause=error) if is_during_page else error
        assert outcome(raised).outcome is Outcome.UNREACHABLE
    given_up = DownloadError("ERROR: Got error: [Errno 104] Connection reset by peer. Giving up after 5 retries")
    assert outcome(given_up).outcome is Outcome.UNREACHABLE


def test_a_body_that_ends_early_is_corrupt_on_the_video_only() -> None:
    """A page that breaks off is unreachable; a video that breaks off is corrupt, also when only the words say so."""
    from yt_dlp.networking.exceptions import IncompleteRead
    from yt_dlp.utils import ContentTooShortError, DownloadError

    broken_off = IncompleteRead(partial=10, expected=20)
    given_up = DownloadError("ERROR: Got error: 18 bytes read, 12 more expected. Giving up after 5 retries")
    for error in (broken_off, ContentTooShortError(10, 20), given_up):
        assert outcome(error).outcome is Outcome.CORRUPT
    assert outcome(extractor_error("A network error", cause=broken_off)).outcome is Outcome.UNREACHABLE


def test_an_unreadable_generic_page_is_no_changed_site() -> None:
    """On a platform, an answer that yt-dlp cannot read means a change; on any other page, that it has no video."""
    from yt_dlp.networking.exceptions import RequestError
    from yt_dlp.utils import ExtractorError

    assert outcome(ExtractorError("Unable to extract x", ie="TikTok")).outcome is Outcome.SITE_CHANGED
    assert outcome(ExtractorError("Unable to extract x", ie="generic")).outcome is Outcome.NOT_A_VIDEO
    failed = ExtractorError("Unable to download webpage", ie="generic", cause=RequestError("odd"))
    assert outcome(failed).outcome is Outcome.DOWNLOAD_FAILED


@pytest.mark.parametrize("scheme", ["file", "ftp", "gopher", "data"])
def test_another_scheme_is_refused(scheme: str) -> None:
    """When a redirect leaves http and https, the share is refused and not tried again."""
    from yt_dlp.networking.exceptions import RequestError

    for words in (f"No connection adapters were found for '{scheme}:x'", f'Unsupported url scheme: "{scheme}"'):
        refused = outcome(extractor_error("Unable to download webpage", cause=RequestError(words)))
        assert refused.outcome is Outcome.REFUSED


def test_a_full_disk_is_found_behind_yt_dlps_words() -> None:
    """When the disk is full, the site is not blamed, whatever wraps the error."""
    from yt_dlp.utils import DownloadError

    full = OSError(errno.ENOSPC, "No space left on device")
    failure = outcome(DownloadError("ERROR: unable to write data", (OSError, full, None)))
    assert failure == Failure(Outcome.DOWNLOAD_FAILED, "the disk is full: No space left on device")


def test_yt_dlps_own_types_are_read_before_words() -> None:
    """Errors whose type says what they are need no words."""
    from yt_dlp.utils import GeoRestrictedError, PostProcessingError, UserNotLive

    assert outcome(GeoRestrictedError("no", countries=["DE"])).outcome is Outcome.GEO_RESTRICTED
    assert outcome(UserNotLive(video_id="user")).outcome is Outcome.LIVE
    assert outcome(PostProcessingError("Conversion failed!")).outcome is Outcome.DOWNLOAD_FAILED


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("Video is gone. Use --cookies-from-browser or --cookies", "Video is gone"),
        (f"Unable to extract title{BUG}", "Unable to extract title"),
        ("Unable to open https://u:p@cdn.example/v.mp4?sig=s3cret", "Unable to open https://cdn.example/v.mp4"),
        ("a\x1b[31mb\r\nc", "a[31mb c"),
        ("Failed (caused by HTTPError(<HTTP Error 404>))", "Failed"),
        ("x" * 1000, "x" * 299 + "\u2026"),
    ],
)
def test_a_reason_is_plain_and_short(message: str, kept: str) -> None:
    """A reason leaves out advice for yt-dlp's own users, wrappers, queries and control characters."""
    assert reason_of(message) == kept


# --- Info dicts -----------------------------------------------------------------------------------------------------


class ScriptedYdl:
    """Stands in for yt-dlp where only what it extracts matters."""

    def __init__(self, infos: Mapping[str, Any]) -> None:
        self._infos = infos

    def extract_info(self, url: str, *, download: bool, ie_key: str | None) -> Any:
        """Return the info dict behind a URL."""
        assert not download
        assert ie_key in {None, "Other"}
        return self._infos[url]


ONE: dict[str, Any] = {"id": "1", "title": "One"}


@pytest.mark.parametrize(
    "infos",
    [
        {"a": ONE},
        {"a": {"_type": "playlist", "entries": [ONE]}},
        {"a": {"_type": "playlist", "entries": [None, {"_type": "url", "url": "b", "ie_key": "Other"}]}, "b": ONE},
        {"a": {"_type": "multi_video", "entries": [ONE]}},
    ],
)
def test_a_page_around_one_video_is_that_video(infos: dict[str, Any]) -> None:
    """A list with one entry is that entry, even when it is behind a link of its own."""
    assert find_video(ScriptedYdl(infos), "a") == ONE


@pytest.mark.parametrize(
    ("info", "said"),
    [
        (None, "no video"),
        ({"_type": "playlist", "entries": []}, "without a video"),
        ({"_type": "playlist", "title": "Mix\u202e\x00", "entries": [ONE, ONE]}, "several videos (Mix)"),
        ({"_type": "multi_video", "entries": [ONE, ONE]}, "several videos"),
        ({"_type": "playlist", "entries": [{"_type": "url", "url": "a"}]}, "no video"),
    ],
)
def test_a_link_to_none_or_several_is_no_video(info: Any, said: str) -> None:
    """Playlists, pages with several videos, empty lists and lists that contain themselves are no single video."""
    with pytest.raises(ShareFailedError) as caught:
        find_video(ScriptedYdl({"a": info}), "a")
    assert caught.value.failure.outcome is Outcome.NOT_A_VIDEO
    assert said in caught.value.failure.reason


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"is_live": True}, Outcome.LIVE),
        ({"live_status": "is_upcoming"}, Outcome.LIVE),
        ({"duration": 61}, Outcome.TOO_LONG),
        ({"filesize": 1001}, Outcome.TOO_BIG),
        ({"requested_formats": [{"protocol": "https", "filesize": 600}] * 2}, Outcome.TOO_BIG),
        ({"protocol": "rtmp"}, Outcome.REFUSED),
        ({"protocol": "websocket_frag"}, Outcome.REFUSED),
        ({"protocol": None}, Outcome.REFUSED),
        ({"requested_formats": [{"protocol": "https"}, {"protocol": "mms"}]}, Outcome.REFUSED),
    ],
)
def test_an_excess_is_refused_before_it_is_fetched(info: dict[str, Any], expected: Outcome) -> None:
    """Live streams, and lengths, sizes and protocols beyond the limits, are refused by what the site declares."""
    with pytest.raises(ShareFailedError) as caught:
        refuse_over_limits({"protocol": "https"} | info, LIMITS)
    assert caught.value.failure.outcome is expected


def test_a_video_within_the_limits_is_fetched() -> None:
    """A recording of a finished stream, exactly at the limits, passes."""
    info = {"live_status": "was_live", "duration": 60, "filesize": 1000, "protocol": "https", "is_live": False}
    refuse_over_limits(info, LIMITS)
    assert not needs_ffmpeg(info)
    assert needs_ffmpeg({"protocol": "m3u8_native"})
    assert needs_ffmpeg({"protocol": "https+https", "requested_formats": [{}, {}]})


def test_bytes_are_summed_over_all_files() -> None:
    """Picture and sound that come as two files share one limit, and a declared size counts before its bytes do."""
    count = ByteCounter(1000)
    count({"filename": "picture", "downloaded_bytes": 400, "total_bytes": None})
    count({"filename": "picture", "downloaded_bytes": 600})
    count({"filename": "sound", "downloaded_bytes": 400})
    with pytest.raises(ShareFailedError) as caught:
        count({"filename": "sound", "downloaded_bytes": 401})
    assert caught.value.failure.outcome is Outcome.TOO_BIG
    with pytest.raises(ShareFailedError):
        ByteCounter(1000)({"filename": "video", "downloaded_bytes": 1, "total_bytes": 1001})


def test_a_sites_texts_are_cut_and_cleaned() -> None:
    """Title, author, description and thumbnail are cleaned and cut, whatever types they have."""
    info = video_info(
        {
            "title": "../\x00\u202e" + "t" * 1000,
            "uploader": "",
            "channel": 7,
            "description": "d" * 10_000 + "\x00",
            "thumbnail": "javascript:alert(1)",
            "timestamp": 1e30,
            "extractor": "TikTok",
        },
        duration_seconds=1.5,
        width=None,
        height=48,
    )
    assert info.title.startswith("../t")
    assert len(info.title) == 300
    assert info.author == "7"
    assert info.description
    assert len(info.description) == 5000
    assert info.thumbnail_url is None
    assert info.posted_at is None
    assert (info.extractor, info.duration_seconds, info.width, info.height) == ("TikTok", 1.5, None, 48)


def test_a_site_that_says_nothing_still_has_a_title() -> None:
    """When a site says nothing, there is still a title to show."""
    info = video_info({}, duration_seconds=1, width=None, height=None)
    assert (info.title, info.author, info.description, info.thumbnail_url) == ("Untitled", None, None, None)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"timestamp": 1_760_000_000, "upload_date": "20200101"}, datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)),
        ({"upload_date": "20251009"}, datetime(2025, 10, 9, tzinfo=UTC)),
        ({"upload_date": "20251399"}, None),
        ({"timestamp": "soon", "upload_date": 7}, None),
        ({"timestamp": float("inf")}, None),
        ({"timestamp": -62_135_596_800}, None),
        ({"upload_date": "99991231"}, None),
        ({"timestamp": float("nan")}, None),
        ({}, None),
    ],
)
def test_the_posting_time_is_the_sites(said: dict[str, Any], expected: datetime | None) -> None:
    """A timestamp is preferred to a date, and anything else is not kept."""
    assert video_info(said, duration_seconds=1, width=None, height=None).posted_at == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://www.tiktok.com/@user/photo/7300000000000000001",
        "https://www.tiktok.com/@/photo/7300000000000000001?_r=1",
    ],
)
def test_a_link_to_pictures_is_a_photo_post(url: str) -> None:
    """TikTok's photo posts differ from sites that are not served."""
    from yt_dlp.utils import DownloadError

    failure = outcome(DownloadError(f"ERROR: No suitable extractor found for URL {url}"))
    assert failure.outcome is Outcome.PHOTO_POST


class ScriptedTikTok:
    """Stands in for yt-dlp's extractor and its owner where only what a page contains matters."""

    def __init__(self, data: object) -> None:
        self._data = data

    def get_info_extractor(self, key: str) -> "ScriptedTikTok":
        """Return the extractor."""
        assert key == "TikTok"
        return self

    def _get_universal_data(self, webpage: str, display_id: str) -> object:
        assert (webpage, display_id) == ("<html>", "1")
        return self._data


@pytest.mark.parametrize(
    "data", [None, [], {"webapp.video-detail": 1}, {"webapp.video-detail": {"statusMsg": 7, "itemInfo": [1]}}]
)
def test_an_odd_page_of_a_post_changes_nothing(data: Any) -> None:
    """A page in a form other than TikTok's passes unchanged, and the failure stays yt-dlp's own."""
    scripted, page = ScriptedTikTok(data), PostPage()
    page.listen(cast("YoutubeDL", scripted))
    assert scripted._get_universal_data("<html>", "1") is data
    assert not page.is_photo_post
    failure = Failure(Outcome.BLOCKED, "turned away")
    assert page.failure(failure) is failure


def test_an_extractor_without_the_method_is_left_alone() -> None:
    """With a yt-dlp that has no such method, downloads go on with yt-dlp's words alone."""
    page = PostPage()
    page.listen(cast("YoutubeDL", SimpleNamespace(get_info_extractor=lambda _: object())))
    failure = Failure(Outcome.GONE, "gone")
    assert page.failure(failure) is failure


@pytest.mark.parametrize(
    ("name", "allowed", "expected"),
    [
        ("TikTok", ("tiktok",), True),
        ("vm.tiktok", ("tiktok",), False),
        ("vm.tiktok", (r".*tiktok.*",), True),
        ("vimeo", ("all",), True),
        ("vimeo", ("default",), True),
        ("vimeo", (), False),
    ],
)
def test_extractors_are_allowed_by_name_or_pattern(name: str, allowed: tuple[str, ...], expected: bool) -> None:
    """Names must match whole, in any case; patterns match as yt-dlp matches them."""
    assert is_allowed(name, allowed) is expected


# --- Between the processes ------------------------------------------------------------------------------------------


def test_a_job_and_its_result_survive_the_wire(tmp_path: Path) -> None:
    """What one process writes the other reads, with every field."""
    families = frozenset({FormatFamily(Codec.H265, Delivery.FILE), FormatFamily(Codec.UNKNOWN, Delivery.HLS)})
    job = Job(
        url="https://\u4e2d.example/\n",
        directory=tmp_path,
        limits=LIMITS,
        proxy_url="http://u:p@127.0.0.1:1",
        silent_formats=families,
    )
    assert b"\n" not in job.to_json()
    assert Job.from_json(job.to_json()) == job
    (tmp_path / "video.mp4").touch()
    video = DownloadedFile(tmp_path / "video.mp4", Digest(3, "ab"), "video/mp4")
    info = VideoInfo("T\u00eftle", None, "d", None, "generic", 1.5, None, 48)
    dated = replace(info, posted_at=datetime(2025, 10, 9, tzinfo=UTC))
    second = Fetched(video, video, dated, families)
    for result in (Fetched(video, None, info), second, Failure(Outcome.GONE, "gone")):
        assert result_from_json(result_to_json(result), url=job.url, directory=tmp_path) == result
    resolved = Resolved("https://www.tiktok.com/@_/video/1")
    assert result_from_json(result_to_json(resolved), url=SHORT, directory=tmp_path) == resolved


@pytest.mark.parametrize(
    "odd",
    [
        b'"silent_formats": ["h265"]',
        b'"silent_formats": ["h265/smoke"]',
        b'"silent_formats": [7]',
        b'"silent_formats": 7',
        b'"silent_format": []',
    ],
)
def test_a_result_with_odd_families_is_refused(tmp_path: Path, odd: bytes) -> None:
    """A download's report on a site's formats is stored for its next shares, so it is parsed as strictly."""
    (tmp_path / "video.mp4").touch()
    info = VideoInfo("Title", None, None, None, "generic", 1.5, None, None)
    fetched = Fetched(DownloadedFile(tmp_path / "video.mp4", Digest(3, "ab"), "video/mp4"), None, info)
    text = result_to_json(fetched)
    assert result_from_json(text, url=SHORT, directory=tmp_path) == fetched
    with pytest.raises(ValueError):  # noqa: PT011 - any: the caller only tells readable from not
        result_from_json(text.replace(b'"silent_formats": []', odd), url=SHORT, directory=tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"failure": {"outcome": "odd", "reason": ""}}',
        b'{"resolved": ["https://www.tiktok.com/@_/video/1"]}',
        b'{"resolved": "https://www.tiktok.com/@user/video/1"}',
        b'{"resolved": "https://www.youtube.com/watch?v=aaaaaaaaaaa"}',
        b'{"resolved": "https://vm.tiktok.com/ZMb/"}',
        *(
            b'{"video": {"name": "%b", "size_bytes": 1, "sha256": "", "content_type": ""}, "audio": null, "info": {}}'
            % name
            for name in (b"../other", b"link", b"none", b"file")
        ),
    ],
)
def test_a_result_that_leads_outside_is_refused(tmp_path: Path, text: bytes) -> None:
    """A result that is malformed, or names anything but a plain file in the directory, is an error."""
    directory = tmp_path / "attempt"
    directory.mkdir()
    (tmp_path / "other").touch()
    (directory / "link").symlink_to(tmp_path / "other")
    (directory / "file").touch()
    with pytest.raises(ValueError):  # noqa: PT011 - any: the caller only tells readable from not
        result_from_json(text, url=SHORT, directory=directory)


def code_of(module: str, function: Callable[[], object]) -> Callable[[], object]:
    """Return a function as if it were in another module."""
    return FunctionType(function.__code__, {"__name__": module, "__builtins__": builtins})


def _break() -> object:
    return int("not a number")


@pytest.mark.parametrize(
    ("module", "is_theirs"), [("yt_dlp.extractor.tiktok", True), ("bookmarkai_assets.adapters.downloader.fetch", False)]
)
def test_a_fault_of_ytdlp_is_no_passing_trouble(module: str, is_theirs: bool) -> None:
    """It breaks on the same answer again. A fault of ours is not put down to the site."""
    with pytest.raises(ValueError, match="invalid literal") as caught:
        code_of(module, _break)()
    assert is_ytdlps_own(caught.value) == is_theirs
    failure = failure_of_ytdlp(caught.value)
    assert (failure.outcome, failure.is_transient) == (Outcome.SITE_CHANGED, False)
    assert "ValueError: invalid literal" in failure.reason
