"""Turn yt-dlp's errors into outcomes: first by their class, then by the HTTP status, last by the site's message.

Runs in a download's own process.
"""

import errno
import re
import traceback
from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

from bookmarkai_assets.adapters.common.pyav.containers import DISK_ERRORS
from bookmarkai_assets.adapters.downloader.tiktok import is_photo_link, photo_post
from bookmarkai_assets.adapters.downloader.ytdlp import is_allowed, too_much_memory
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.text import clean_line, without_secrets

if TYPE_CHECKING:
    from yt_dlp.utils import ExtractorError

_MAX_REASON_CHARACTERS = 300
_MAX_CHAIN = 20

# The first pattern that matches decides. Sources: the messages of yt-dlp's extractors for TikTok, YouTube, Instagram,
# Reddit and X, and those of its base class.
_OUTCOME_PATTERNS = tuple(
    (outcome, re.compile("|".join(patterns), re.IGNORECASE))
    for outcome, patterns in (
        (Outcome.REFUSED, (r"file:// URLs are disabled",)),
        (Outcome.UNSUPPORTED_SITE, (r"\bDRM\b",)),
        (Outcome.CORRUPT, (r"invalid data found when processing input",)),  # ffmpeg's message about joined segments
        (
            Outcome.NOT_A_VIDEO,
            (r"requested format is not available", r"only images", r"extension .* is unusual", r"no m3u8? header"),
        ),
        (
            Outcome.BLOCKED,
            (
                r"\bIP (address )?is (likely being )?blocked",
                r"\bIP address is unable to access",
                r"not a bot",
                r"captcha",
            ),
        ),
        (Outcome.RATE_LIMITED, (r"rate.?limit", r"too many requests", r"try again later")),
        (Outcome.GONE, (r"reason given: banned", r"replay is disabled")),
        (
            Outcome.PRIVATE,
            (r"\bprivate\b", r"\bprotected\b", r"have permission", r"who follow", r"been approved", r"limits who can"),
        ),
        (
            Outcome.GEO_RESTRICTED,
            (r"geo.?(restrict|block)", r"\b(in|from) your (country|region|location)"),
        ),
        (
            Outcome.LIVE,
            (
                r"\blive (event|stream(?! recording)|broadcast)(?! no longer)",
                r"livestream",
                r"\bpremieres?\b",
                r"not (currently |yet )?(live|started)",
            ),
        ),
        (Outcome.DOWNLOAD_FAILED, (r"\bprocessing\b", r"check back later")),
        (
            Outcome.LOGIN_NEEDED,
            (
                r"\blog(ged)?.?in\b",
                r"\bsign in\b",
                r"registered users",
                r"authentication",
                r"members",
                r"subscri",
                r"payment",
                r"purchase",
                r"\brent\b",
                r"\bNSFW\b",
                r"empty media response",
                r"account that has opted in",
            ),
        ),
        (
            Outcome.GONE,
            (
                r"removed",
                r"deleted",
                r"terminated",
                r"suspended",
                r"no longer",
                r"(does not|doesn't) exist",
                r"not found",
                r"(un|not |n't )available",
            ),
        ),
        (Outcome.PHOTO_POST, (r"no video in this post",)),
        (Outcome.NOT_A_VIDEO, (r"\bno (video|media)\b", r"not a video")),
    )
)
_STATUS_OUTCOMES = {
    HTTPStatus.UNAUTHORIZED: (Outcome.LOGIN_NEEDED, "it wants a login"),
    HTTPStatus.FORBIDDEN: (Outcome.LOGIN_NEEDED, "it shows this to members only, or not to this machine"),
    HTTPStatus.NOT_FOUND: (Outcome.GONE, "there is nothing at this link"),
    HTTPStatus.GONE: (Outcome.GONE, "what was at this link is gone"),
    HTTPStatus.REQUEST_TIMEOUT: (Outcome.UNREACHABLE, "it took too long"),
    HTTPStatus.TOO_MANY_REQUESTS: (Outcome.RATE_LIMITED, "it was asked too often"),
    HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS: (Outcome.GEO_RESTRICTED, "it may not show this here"),
}
# yt-dlp's advice to its own users and its prefixes. Neither helps a reader here.
_ADVICE = re.compile(
    r"[;,.]?\s*(please report this issue|confirm you are on|use --|see\s+https?://|you might want to use a VPN|"
    r"\(caused by|try again with|it is recommended to).*",
    re.IGNORECASE | re.DOTALL,
)
_STATUS_IN_MESSAGE = re.compile(r"HTTP Error (\d{3})")
_BROKEN_OFF_IN_MESSAGE = re.compile(r"bytes read, \d+ more expected|Downloaded \d+ bytes, expected \d+")
_OURS, _YTDLP = "bookmarkai_assets", "yt_dlp"
_GAVE_UP_IN_MESSAGE = "Giving up after"
_OUT_OF_MEMORY = "Cannot allocate memory"  # ffmpeg's words
_NO_EXTRACTOR = re.compile(r"No suitable extractor(?: \(\w+\))? found for URL (?P<url>\S+)")
_REFUSING_EXTRACTORS = frozenset({"DRM", "Liability", "Piracy"})  # for sites that yt-dlp knows and does not support
_LIST_EXTRACTORS = frozenset({"youtube:tab"})  # channels and playlists, although it does not declare that
# yt-dlp's HTTP clients say this about the target of a redirect or a playlist. Only http and https reach the guard.
_OTHER_SCHEME = re.compile(r"no connection adapters were found|unsupported url scheme", re.IGNORECASE)
_PAGE_EXTRACTOR = "generic"
_WRAPPING = re.compile(r"^(ERROR:\s*)?(\[[^\]]{1,60}\]\s*)?(Got error:\s*)?([\w.-]{1,80}:\s+)?")


def reason_of(message: str) -> str:
    """Make a plain, short reason of a vendor's message, without its advice, URL queries and control characters."""
    return clean_line(without_secrets(_ADVICE.sub("", message[:2000])), max_characters=_MAX_REASON_CHARACTERS)


def failure_of(error: Exception, *, url: str, allowed_extractors: tuple[str, ...]) -> Failure:
    """Return the failure behind an error that yt-dlp raised while it read or fetched `url`."""
    from yt_dlp.networking.exceptions import RequestError
    from yt_dlp.utils import ExtractorError, GeoRestrictedError, UnsupportedError, UserNotLive

    chain = list(_error_chain(error))
    extractor_error = next((link for link in chain if isinstance(link, ExtractorError)), None)
    message = extractor_error.orig_msg if extractor_error else _WRAPPING.sub("", str(error))
    unsupported = _NO_EXTRACTOR.match(message)
    if unsupported or isinstance(extractor_error, UnsupportedError):
        return _failure_of_unsupported(unsupported["url"] if unsupported else url, allowed_extractors)
    if isinstance(extractor_error, GeoRestrictedError):
        return Failure(Outcome.GEO_RESTRICTED, f"the site says: {reason_of(message)}")
    if isinstance(extractor_error, UserNotLive):
        return Failure(Outcome.LIVE, f"the site says: {reason_of(message)}")
    outcome_in_message = next((outcome for outcome, pattern in _OUTCOME_PATTERNS if pattern.search(message)), None)
    if extractor_error is None or extractor_error.cause is not None or outcome_in_message is None:
        failure = _failure_of_transport(chain, message, is_page=extractor_error is not None)
        if failure is not None:
            return failure
    is_about_request = any(isinstance(link, RequestError) for link in chain)
    if _is_from_page_reader(extractor_error) and outcome_in_message is None and not is_about_request:
        return Failure(Outcome.NOT_A_VIDEO, f"yt-dlp makes nothing of the page: {reason_of(message)}")
    is_expected = extractor_error is None or extractor_error.expected or _is_from_page_reader(extractor_error)
    if not is_expected and outcome_in_message is not Outcome.GONE:
        return Failure(Outcome.SITE_CHANGED, f"yt-dlp does not understand the site's answer: {reason_of(message)}")
    return Failure(outcome_in_message or Outcome.DOWNLOAD_FAILED, f"the site or yt-dlp says: {reason_of(message)}")


def is_ytdlps_own(error: Exception) -> bool:
    """Whether an error was raised in yt-dlp, or in what it calls, and not in our own code that it calls."""
    modules = (str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__))
    packages = [module.partition(".")[0] for module in modules]
    return [package for package in packages if package in {_OURS, _YTDLP}][-1:] == [_YTDLP]


def failure_of_ytdlp(error: Exception) -> Failure:
    """Return the failure of a link on which yt-dlp itself breaks, as on a number that is none. It would break again."""
    return Failure(
        Outcome.SITE_CHANGED,
        f"yt-dlp does not understand the site's answer: {reason_of(f'{type(error).__name__}: {error}')}",
    )


def _is_from_page_reader(error: "ExtractorError | None") -> bool:
    """Whether the error is from the extractor that reads any page. Its errors do not mean that a site has changed."""
    return error is not None and str(error.ie).lower() == _PAGE_EXTRACTOR


def _failure_of_transport(chain: list[BaseException], message: str, *, is_page: bool) -> Failure | None:
    """Find the network, HTTP or the disk among the causes. Return None if it was none of them."""
    from yt_dlp.networking.exceptions import HTTPError, IncompleteRead, ProxyError, RequestError, TransportError
    from yt_dlp.utils import ContentTooShortError

    if any(isinstance(link, OSError) and link.errno == errno.EFBIG for link in chain):
        return Failure(Outcome.TOO_BIG, "the video grew past the limit of its size while it was written")
    if any(_is_out_of_memory(link) for link in chain) or _OUT_OF_MEMORY in message:
        return too_much_memory()
    disk = next((link for link in chain if isinstance(link, OSError) and link.errno in DISK_ERRORS), None)
    if disk is not None:
        return Failure(Outcome.DOWNLOAD_FAILED, f"the disk is full: {disk.strerror}")
    requests = (str(link) for link in chain if isinstance(link, RequestError))
    if any(_OTHER_SCHEME.search(text) for text in (message, *requests)):
        return Failure(Outcome.REFUSED, "the link leads to something else than http:// or https://; it is not opened")
    # After its last retry yt-dlp keeps only the message of the cause.
    status_match = None if is_page else _STATUS_IN_MESSAGE.search(message)
    status = next((link.status for link in chain if isinstance(link, HTTPError)), status_match and int(status_match[1]))
    if status is not None:
        return _failure_of_status(status)
    is_broken_off = any(isinstance(link, ContentTooShortError | IncompleteRead) for link in chain)
    if not is_page and (is_broken_off or _BROKEN_OFF_IN_MESSAGE.search(message)):
        return Failure(Outcome.CORRUPT, f"the site broke off in the middle of the video: {reason_of(message)}")
    if any(isinstance(link, ProxyError) for link in chain):
        # The proxy is the egress guard, which has connected, or its own record would say what went wrong.
        return Failure(Outcome.UNREACHABLE, "the site closed the connection without an answer")
    if any(isinstance(link, TransportError) for link in chain) or _GAVE_UP_IN_MESSAGE in message:
        return Failure(Outcome.UNREACHABLE, f"the site did not answer: {reason_of(message)}")
    return None


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)


def _failure_of_status(status: int) -> Failure:
    """Return the failure for an HTTP status. Outside the table, 500 and above are the server's fault."""
    if status in _STATUS_OUTCOMES:
        outcome, meaning = _STATUS_OUTCOMES[HTTPStatus(status)]
        return Failure(outcome, f"the site answered {status}: {meaning}")
    outcome = Outcome.UNREACHABLE if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Outcome.DOWNLOAD_FAILED
    return Failure(outcome, f"the site answered {status}")


def _failure_of_unsupported(url: str, allowed_extractors: tuple[str, ...]) -> Failure:
    """Distinguish a page without a video from a site that yt-dlp knows and this installation does not allow."""
    from yt_dlp.extractor import gen_extractor_classes

    if is_photo_link(url):
        return photo_post()
    # This compiles two thousand regular expressions in half a second. Only a failing link pays for it.
    for extractor in gen_extractor_classes():
        if not extractor.suitable(url):
            continue
        name = clean_line(extractor.IE_NAME, max_characters=100)
        if is_allowed(name, allowed_extractors):
            break
        if name in _REFUSING_EXTRACTORS:
            return Failure(Outcome.UNSUPPORTED_SITE, "yt-dlp knows this site and does not support it")
        if name in _LIST_EXTRACTORS or extractor.is_single_video(url) is False:
            return Failure(Outcome.NOT_A_VIDEO, f"the link is a playlist, a channel or a search ({name})")
        return Failure(
            Outcome.UNSUPPORTED_SITE,
            f"the extractor {name} would serve this link, and YTDLP_ALLOWED_EXTRACTORS does not name it",
        )
    return Failure(Outcome.NOT_A_VIDEO, "the page holds no video that yt-dlp can find")


def _error_chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, by Python's links and yt-dlp's own."""
    seen: list[BaseException] = []
    waiting: list[BaseException] = [error]
    while waiting and len(seen) < _MAX_CHAIN:
        link = waiting.pop(0)
        if any(link is one for one in seen):
            continue
        seen.append(link)
        yield link
        kept = getattr(link, "exc_info", None) or (None, None)
        links = (getattr(link, "cause", None), kept[1], link.__cause__, link.__context__)
        waiting.extend(one for one in links if isinstance(one, BaseException))
