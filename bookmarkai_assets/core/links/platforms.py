"""Which hosts belong to which platform. The forms of their links are in `canonical_urls`."""

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


_DOMAINS = {
    "tiktok.com": Platform.TIKTOK,
    "tiktokv.com": Platform.TIKTOK,
    "youtube.com": Platform.YOUTUBE,
    "youtu.be": Platform.YOUTUBE,
    "youtube-nocookie.com": Platform.YOUTUBE,
    "youtubekids.com": Platform.YOUTUBE,
    "instagram.com": Platform.INSTAGRAM,
    "reddit.com": Platform.REDDIT,
    "redd.it": Platform.REDDIT,
    "twitter.com": Platform.TWITTER,
    "x.com": Platform.X,
}


def platform_of_host(host: str) -> Platform:
    """Return the platform of a host in lower case; `generic` for a host that is not listed here."""
    for domain, platform in _DOMAINS.items():
        if host == domain or host.endswith("." + domain):
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
