"""Use yt-dlp: set its options, find the one video behind a link, and read its info dict.

Runs in a download's own process. `ytdlp_errors` turns its errors into outcomes.
"""

import io
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bookmarkai_assets.adapters.downloader.formats import SELECTOR, SORT
from bookmarkai_assets.adapters.downloader.job import Appearance
from bookmarkai_assets.core.downloads.ports import DownloadLimits
from bookmarkai_assets.core.errors import ShareFailedError
from bookmarkai_assets.core.links.urls import MAX_URL_CHARACTERS
from bookmarkai_assets.core.media.media import UNTITLED, VideoInfo
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.text import clean_line, clean_paragraphs

if TYPE_CHECKING:
    from yt_dlp import YoutubeDL

Info = Mapping[str, Any]
"""An info dict of yt-dlp, filled by a site. Any key may be missing, and any value may be odd."""

VIDEO_STEM = "video"
# With these, every downloader that yt-dlp may choose uses the guard. RTMP, MMS, RTSP and websockets would not.
_GUARDED_PROTOCOLS = frozenset({"http", "https", "m3u8", "m3u8_native", "http_dash_segments"})
_ALL_EXTRACTORS = frozenset({"all", "default"})  # yt-dlp's words for all extractors
_PAGE_READERS = ("html5", "generic:quoted-html")
_LIVE_STATUSES = frozenset({"is_live", "is_upcoming", "post_live"})
_PLAYLIST_TYPES = frozenset({"playlist", "multi_video"})
_PREVIEWER = "facebookexternalhit/1.1"
_MAX_NESTING = 3  # a page whose player is a page whose player is a page
_READ_BYTES = 262_144  # per read: a stream of unknown length may exceed a limit by this much
_YEARS_OF_THE_WEB = range(1991, 2100)  # a year outside of them is not a date, and some databases cannot store it
_TITLE_CHARACTERS, _NAME_CHARACTERS, _DESCRIPTION_CHARACTERS = 300, 100, 5000


class Log:
    """yt-dlp's logger. Records whether it gave up on a file for its size, because yt-dlp reports that as a success."""

    def __init__(self) -> None:
        self.is_too_big = False

    def debug(self, message: str) -> None:
        """Check a message that yt-dlp would print."""
        self.is_too_big = self.is_too_big or "larger than max-filesize" in message

    def warning(self, message: str) -> None:
        """Ignore a warning. If it matters, an error follows."""

    def error(self, message: str) -> None:
        """Ignore an error, because it is raised as well."""


def options(
    *,
    directory: Path,
    proxy_url: str,
    max_bytes: int,
    allowed_extractors: tuple[str, ...],
    appearance: Appearance,
    log: Log,
    on_progress: Callable[[Info], None],
) -> dict[str, Any]:
    """Return the options of one download. yt-dlp's Python API reads no configuration files."""
    return {
        **_options_of(appearance),
        "paths": {"home": str(directory)},
        "outtmpl": {"default": f"{VIDEO_STEM}.%(ext)s"},
        "restrictfilenames": True,
        "windowsfilenames": True,
        "cachedir": False,
        "updatetime": False,
        "proxy": proxy_url,
        "allowed_extractors": _with_page_reader(allowed_extractors),
        # A second entry distinguishes a playlist from a video. Entries are listed, not fetched.
        "noplaylist": True,
        "playlist_items": "1:2",
        "extract_flat": "in_playlist",
        "format": SELECTOR,
        "format_sort": SORT,
        "max_filesize": max_bytes,
        "retries": 5,
        "fragment_retries": 5,
        "socket_timeout": 20,
        "skip_unavailable_fragments": False,
        "hls_prefer_native": True,  # ffmpeg would open connections of its own
        "geo_bypass": False,  # no made-up X-Forwarded-For
        "buffersize": _READ_BYTES,
        "noresizebuffer": True,
        "quiet": True,
        "noprogress": True,
        "color": "no_color",
        "logger": log,
        "progress_hooks": [on_progress],
    }


def _options_of(appearance: Appearance) -> dict[str, Any]:
    from yt_dlp.networking.impersonate import ImpersonateTarget

    target = appearance.impersonate
    return {
        # In memory: yt-dlp writes its cookies back at the end, and no file may keep them.
        "cookiefile": None if appearance.cookies is None else io.StringIO(appearance.cookies),
        "impersonate": None if target is None else ImpersonateTarget.from_str(target),
        "sleep_interval_requests": appearance.pause_seconds,
    }


def force_target(ydl: "YoutubeDL") -> None:
    """Make all requests impersonate the operator's target, if there is one.

    Extractors ask for any browser, and yt-dlp takes its own preference. The page and the video would then be requested
    by different browsers.
    """
    target = ydl.params.get("impersonate")
    if target is not None:
        ydl._parse_impersonate_targets = lambda _: (target, [target])  # noqa: SLF001 - there is no option for it


def is_allowed(extractor: str, allowed_extractors: tuple[str, ...]) -> bool:
    """Whether yt-dlp would use an extractor with these names and patterns."""
    return not _ALL_EXTRACTORS.isdisjoint(allowed_extractors) or any(
        re.fullmatch(name, extractor, re.IGNORECASE) for name in allowed_extractors
    )


def warm_up(allowed_extractors: tuple[str, ...]) -> None:
    """Load what every download needs before processes fork: modules, regular expressions, extractors."""
    import av  # noqa: F401 - imported here so that the forks share it
    from yt_dlp import YoutubeDL
    from yt_dlp.extractor import gen_extractor_classes
    from yt_dlp.utils import unified_timestamp

    names = tuple(_with_page_reader(allowed_extractors))
    if not _ALL_EXTRACTORS.isdisjoint(names):
        names = ("generic",)
    with YoutubeDL({"quiet": True, "logger": Log(), "cachedir": False, "allowed_extractors": ["generic"]}) as ydl:
        for extractor in gen_extractor_classes():
            if is_allowed(extractor.IE_NAME, names):
                ydl.get_info_extractor(extractor.ie_key())
        rehearsed = {"id": "0", "title": "rehearsal", "extractor": "generic", "url": "https://example.com/0.mp4"}
        ydl.process_ie_result(rehearsed, download=False)
    unified_timestamp("Thu, 01 Jan 2026 00:00:00 GMT")  # compiles its patterns: a twelfth of a short download


def _with_page_reader(allowed_extractors: tuple[str, ...]) -> list[str]:
    """Add the part of `generic` that reads a page's own players. To yt-dlp it is an extractor of its own."""
    return [*allowed_extractors, *(_PAGE_READERS if is_allowed("generic", allowed_extractors) else ())]


class ByteCounter:
    """A progress hook that ends a download at `max_bytes`, whatever length the site declares."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes_of_file: dict[str, int] = {}

    def __call__(self, status: Info) -> None:
        """Handle one report of yt-dlp. Raises `ShareFailedError` (too_big)."""
        known = status.get("total_bytes") or 0
        self._bytes_of_file[str(status.get("filename"))] = max(status.get("downloaded_bytes") or 0, known)
        if sum(self._bytes_of_file.values()) > self._max_bytes:
            raise ShareFailedError(too_big(self._max_bytes))


def too_big(max_bytes: int) -> Failure:
    """Return the failure of a video with more bytes than the limit."""
    return Failure(Outcome.TOO_BIG, f"the video is bigger than the limit of {max_bytes} bytes")


def too_much_memory() -> Failure:
    """Return the failure of a link whose page, playlist or video takes more memory than the limit."""
    return Failure(Outcome.TOO_BIG, "what the site sent takes more memory than a download may use")


def too_long(seconds: float, limits: DownloadLimits) -> Failure:
    """Return the failure of a video that is longer than the limit."""
    return Failure(
        Outcome.TOO_LONG, f"the video lasts {seconds:.0f} seconds; the limit is {limits.max_duration_seconds:.0f}"
    )


def find_video(ydl: "YoutubeDL", url: str, *, ie_key: str | None = None, nesting: int = 0) -> dict[str, Any]:
    """Return the info dict of the one video that a link means. Downloads no video.

    Raises `ShareFailedError` (not_a_video) for a playlist or a page with several videos, and yt-dlp's own errors.
    """
    info = ydl.extract_info(url, download=False, ie_key=ie_key)
    if info is None or nesting > _MAX_NESTING:
        raise ShareFailedError(Failure(Outcome.NOT_A_VIDEO, "the link leads to no video"))
    if info.get("_type", "video") not in _PLAYLIST_TYPES:
        return dict(info)
    entries = [entry for entry in info.get("entries") or () if entry]
    if len(entries) != 1:
        raise ShareFailedError(Failure(Outcome.NOT_A_VIDEO, _playlist_reason(info, entries)))
    (entry,) = entries
    if entry.get("_type", "video") == "video":
        return dict(entry)
    return find_video(ydl, entry["url"], ie_key=entry.get("ie_key"), nesting=nesting + 1)


def follow_short_link(ydl: "YoutubeDL", short_url: str) -> str | None:
    """Follow a short link to the URL of its page, whatever status that has. Return None if the site does not answer.

    No content is read. Sites redirect a crawler that makes previews to the page itself, where a browser gets a script.
    yt-dlp's extractor for TikTok's short links relies on that, too.
    """
    from yt_dlp.networking import HEADRequest
    from yt_dlp.networking.exceptions import HTTPError, RequestError

    try:
        with ydl.urlopen(HEADRequest(short_url, headers={"User-Agent": _PREVIEWER})) as page:
            return str(page.url)
    except HTTPError as error:
        return str(error.response.url)
    except RequestError:
        return None


def _playlist_reason(info: Info, entries: list[Info]) -> str:
    if not entries:
        return "the link leads to a playlist or page without a video"
    title = clean_line(str(info.get("title") or ""), max_characters=_NAME_CHARACTERS)
    named = f" ({title})" if title else ""
    return f"the link leads to several videos{named}; share the link of a single one"


def refuse_over_limits(info: Info, limits: DownloadLimits) -> None:
    """Check a video's info dict against the limits before it is fetched. Raises `ShareFailedError` with the outcome."""
    if info.get("is_live") or info.get("live_status") in _LIVE_STATUSES:
        raise ShareFailedError(Failure(Outcome.LIVE, "the link leads to a live stream that is not over"))
    seconds = info.get("duration") or 0
    if seconds > limits.max_duration_seconds:
        raise ShareFailedError(too_long(seconds, limits))
    formats = info.get("requested_formats") or [info]
    if sum(max(0, chosen.get("filesize") or 0) for chosen in formats) > limits.max_bytes:
        raise ShareFailedError(too_big(limits.max_bytes))
    protocols = {protocol for chosen in formats for protocol in str(chosen.get("protocol") or "").split("+")}
    if not protocols <= _GUARDED_PROTOCOLS:
        names = clean_line(", ".join(sorted(protocols - _GUARDED_PROTOCOLS)), max_characters=_NAME_CHARACTERS)
        raise ShareFailedError(
            Failure(Outcome.REFUSED, f"expected a video over http or https, found {names or 'no protocol'}")
        )


def needs_ffmpeg(info: Info) -> bool:
    """Whether yt-dlp will need ffmpeg for this video: to merge tracks, or to repair joined segments."""
    return bool(info.get("requested_formats")) or info.get("protocol") not in {"http", "https"}


def video_info(info: Info, *, duration_seconds: float, width: int | None, height: int | None) -> VideoInfo:
    """Read a site's texts about a video, shortened and cleaned. Duration and size were measured in the file."""
    title = clean_line(str(info.get("title") or ""), max_characters=_TITLE_CHARACTERS)
    if info.get("extractor") in {"generic", "html5"} and str(info.get("id")).endswith("-1"):
        title = title.removesuffix(" (1)")  # yt-dlp's number for the only player of a page
    author = next((info[key] for key in ("uploader", "channel", "creator", "uploader_id") if info.get(key)), "")
    description = clean_paragraphs(str(info.get("description") or ""), max_characters=_DESCRIPTION_CHARACTERS)
    thumbnail = clean_line(str(info.get("thumbnail") or ""), max_characters=MAX_URL_CHARACTERS + 1)
    is_link = thumbnail.startswith(("https://", "http://")) and len(thumbnail) <= MAX_URL_CHARACTERS
    return VideoInfo(
        title=title or UNTITLED,
        author=clean_line(str(author), max_characters=_NAME_CHARACTERS) or None,
        description=description or None,
        thumbnail_url=thumbnail if is_link else None,
        extractor=clean_line(str(info.get("extractor") or "unknown"), max_characters=_NAME_CHARACTERS),
        duration_seconds=duration_seconds,
        width=width,
        height=height,
        posted_at=_posted_at(info),
    )


def _posted_at(info: Info) -> datetime | None:
    """Read when the site first showed the video: in epoch seconds, or as a day, which begins in UTC."""
    seconds = next((info[key] for key in ("timestamp", "release_timestamp") if info.get(key)), None)
    day = str(info.get("upload_date") or "")
    try:
        if isinstance(seconds, int | float):
            posted_at = datetime.fromtimestamp(seconds, UTC)
        else:
            posted_at = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):  # missing, or a number or a day that no calendar has
        return None
    return posted_at if posted_at.year in _YEARS_OF_THE_WEB else None
