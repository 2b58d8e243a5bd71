"""What is known of each platform, in one table. The forms of their links are in `canonical_urls`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit


class Platform(StrEnum):
    """`shares.platform`, the gateway's vocabulary."""

    TIKTOK = "tiktok"
    REDDIT = "reddit"
    TWITTER = "twitter"
    X = "x"
    YOUTUBE = "youtube"
    INSTAGRAM = "instagram"
    GENERIC = "generic"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class PlatformFacts:
    """What is known of a platform.

    `domains` are its hosts' domains. `extractors` are the names of those of yt-dlp that read its links.
    `login_cookie` is the cookie that shows a login: the one that these extractors look for. `moment_link` is the
    beginning of a video's URL, and what to append to it to start the video at `{seconds}`; None for a platform that
    has no such links.
    """

    domains: tuple[str, ...]
    extractors: tuple[str, ...] = ()
    login_cookie: str | None = None
    moment_link: tuple[str, str] | None = None


FACTS: Mapping[Platform, PlatformFacts] = {
    Platform.TIKTOK: PlatformFacts(
        domains=("tiktok.com", "tiktokv.com"), extractors=("tiktok", "vm.tiktok"), login_cookie="sid_tt"
    ),
    Platform.YOUTUBE: PlatformFacts(
        domains=("youtube.com", "youtu.be", "youtube-nocookie.com", "youtubekids.com"),
        extractors=("youtube",),
        login_cookie="LOGIN_INFO",
        moment_link=("https://www.youtube.com/watch?v=", "&t={seconds}s"),
    ),
    Platform.INSTAGRAM: PlatformFacts(domains=("instagram.com",), extractors=("instagram",), login_cookie="sessionid"),
    Platform.REDDIT: PlatformFacts(
        domains=("reddit.com", "redd.it"), extractors=("reddit",), login_cookie="reddit_session"
    ),
    Platform.TWITTER: PlatformFacts(domains=("twitter.com",)),
    Platform.X: PlatformFacts(domains=("x.com",), extractors=("twitter",), login_cookie="auth_token"),
}
"""The two names of one platform each have an entry, for their own hosts. Generic and unknown have none."""

EXTRACTORS = tuple(name for facts in FACTS.values() for name in facts.extractors)
"""The extractors of yt-dlp that read the links of all platforms."""


def platform_of_host(host: str) -> Platform:
    """Return the platform of a host in lower case; `generic` for a host that belongs to none."""
    for platform, facts in FACTS.items():
        if any(host == domain or host.endswith("." + domain) for domain in facts.domains):
            return platform
    return Platform.GENERIC


def platform_of_link(url: str) -> Platform:
    """Return the platform of a recorded link, as `unify_platform` names it; `generic` also for text that is no link."""
    try:
        host = urlsplit(url.strip()).hostname or ""
    except ValueError:
        return Platform.GENERIC
    return unify_platform(platform_of_host(host))


def unify_platform(platform: Platform) -> Platform:
    """Return the one name that a platform is counted under: Twitter becomes X, and unknown becomes generic."""
    return {Platform.TWITTER: Platform.X, Platform.UNKNOWN: Platform.GENERIC}.get(platform, platform)
