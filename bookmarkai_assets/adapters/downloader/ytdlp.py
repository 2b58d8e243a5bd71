"""yt-dlp's names: the options it runs with, the one video behind a link, and what its info dict says.

Runs in a download's own process. Its errors become outcomes in `ytdlp_errors`.
"""

import io
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
"""An info dict of yt-dlp, as a site filled it: any key may lack, any value may be odd."""

VIDEO_STEM = "video"
# What goes through the guard in every downloader that yt-dlp would pick. RTMP, MMS, RTSP and websockets would not.
_GUARDED_PROTOCOLS = frozenset({"http", "https", "m3u8", "m3u8_native", "http_dash_segments"})
_ALL_EXTRACTORS = frozenset({"all", "default"})  # yt-dlp's words for them
_PAGE_READERS = ("html5", "generic:quoted-html")
_LIVE_STATUSES = frozenset({"is_live", "is_upcoming", "post_live"})
_PLAYLIST_TYPES = frozenset({"playlist", "multi_video"})
_PREVIEWER = "facebookexternalhit/1.1"
_MAX_NESTING = 3  # a page whose player is a page whose player is a page
_READ_BYTES = 262_144  # at a time: how far a stream of unknown length may overshoot a limit
_YEARS_OF_THE_WEB = range(1991, 2100)  # what a site says outside of them is no date, and some databases cannot hold it
_TITLE_CHARACTERS, _NAME_CHARACTERS, _DESCRIPTION_CHARACTERS = 300, 100, 5000


class Log:
    """yt-dlp's logger. Keeps one thing: whether it gave up on a file for its size, which it reports as a success."""

    def __init__(self) -> None:
        self.is_too_big = False

    def debug(self, message: str) -> None:
        """Take what yt-dlp would print."""
        self.is_too_big = self.is_too_big or "larger than max-filesize" in message

    def warning(self, message: str) -> None:
        """Take a warning; what matters of it comes back as an error."""

    def error(self, message: str) -> None:
        """Take an error; it is raised as well."""


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
    """Give the options of one download. yt-dlp's Python API reads no configuration files beside these."""
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
        # A second entry is asked for so that a playlist can be told from a video; entries are looked at, not fetched.
        "noplaylist": True,
        "playlist_items": "1:2",
        "extract_flat": "in_playlist",
        "format": "b/bv*+ba",
        "format_sort": ["res:720", "+size"],
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
        # In memory: yt-dlp writes its cookies back when it is done, and no file of them may lie about.
        "cookiefile": None if appearance.cookies is None else io.StringIO(appearance.cookies),
        "impersonate": None if target is None else ImpersonateTarget.from_str(target),
        "sleep_interval_requests": appearance.pause_seconds,
    }


def keep_to_target(ydl: "YoutubeDL") -> None:
    """Have all requests impersonate the operator's target, where there is one.

    Extractors ask for any browser, and yt-dlp takes its own favourite: page and video would come to different ones.
    """
    target = ydl.params.get("impersonate")
    if target is not None:
        ydl._parse_impersonate_targets = lambda _: (target, [target])  # noqa: SLF001 - there is no option for it


def is_allowed(extractor: str, allowed_extractors: tuple[str, ...]) -> bool:
    """Tell whether yt-dlp, given these names and patterns, would use an extractor."""
    return not _ALL_EXTRACTORS.isdisjoint(allowed_extractors) or any(
        re.fullmatch(name, extractor, re.IGNORECASE) for name in allowed_extractors
    )


def warm_up(allowed_extractors: tuple[str, ...]) -> None:
    """Load what every download will want, for processes that fork afterwards: modules, patterns, extractors."""
    import av  # noqa: F401 - here to be shared
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
    unified_timestamp("Thu, 01 Jan 2026 00:00:00 GMT")  # patterns of dates: a twelfth of a short download


def _with_page_reader(allowed_extractors: tuple[str, ...]) -> list[str]:
    """Add the part of `generic` that reads a page's own players: yt-dlp counts it as an extractor, nobody else does."""
    return [*allowed_extractors, *(_PAGE_READERS if is_allowed("generic", allowed_extractors) else ())]


class ByteCounter:
    """A progress hook that ends a download at `max_bytes`, whatever lengths the site declares."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes_of_file: dict[str, int] = {}

    def __call__(self, status: Info) -> None:
        """Take one report of yt-dlp; raises `ShareFailedError` (too_big)."""
        known = status.get("total_bytes") or 0
        self._bytes_of_file[str(status.get("filename"))] = max(status.get("downloaded_bytes") or 0, known)
        if sum(self._bytes_of_file.values()) > self._max_bytes:
            raise ShareFailedError(too_big(self._max_bytes))


def too_big(max_bytes: int) -> Failure:
    """Say that a video is over the limit."""
    return Failure(Outcome.TOO_BIG, f"the video is bigger than the limit of {max_bytes} bytes")


def too_long(seconds: float, limits: DownloadLimits) -> Failure:
    """Say that a video is over the limit."""
    return Failure(
        Outcome.TOO_LONG, f"the video lasts {seconds:.0f} seconds; the limit is {limits.max_duration_seconds:.0f}"
    )


def find_video(ydl: "YoutubeDL", url: str, *, ie_key: str | None = None, nesting: int = 0) -> dict[str, Any]:
    """Give the info dict of the one video that a link means, downloading nothing.

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


def page_behind(ydl: "YoutubeDL", short_url: str) -> str | None:
    """Follow a short link to its page, whatever that answers, reading neither; None when the site does not answer.

    Sites send a crawler that makes a preview to the page itself, where a browser gets a script; yt-dlp's extractor for
    TikTok's short links counts on it as well.
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


def refuse_what_exceeds(info: Info, limits: DownloadLimits) -> None:
    """Check what the site says of a video before it is fetched. Raises `ShareFailedError` with the outcome."""
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
    """Tell whether yt-dlp will want ffmpeg for this video: to merge tracks, or to repair segments put together."""
    return bool(info.get("requested_formats")) or info.get("protocol") not in {"http", "https"}


def video_info(info: Info, *, duration_seconds: float, width: int | None, height: int | None) -> VideoInfo:
    """Read a site's words on a video, capped and cleaned; what can be measured was measured in the file."""
    title = clean_line(str(info.get("title") or ""), max_characters=_TITLE_CHARACTERS)
    if info.get("extractor") in {"generic", "html5"} and str(info.get("id")).endswith("-1"):
        title = title.removesuffix(" (1)")  # how yt-dlp counts the players of a page, of which there is one
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
    """Read when a site says that it showed the video first: in epoch seconds, or as a day, which begins in UTC."""
    seconds = next((info[key] for key in ("timestamp", "release_timestamp") if info.get(key)), None)
    day = str(info.get("upload_date") or "")
    try:
        if isinstance(seconds, int | float):
            posted_at = datetime.fromtimestamp(seconds, UTC)
        else:
            posted_at = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):  # nothing, or a number or a day that no calendar has
        return None
    return posted_at if posted_at.year in _YEARS_OF_THE_WEB else None
