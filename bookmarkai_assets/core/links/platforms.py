"""Which hosts belong to which platform. What their links mean is in `canonical_urls`."""

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
    """Name the platform behind a host in lower case; `generic` for a site without a name of its own here."""
    for domain, platform in _DOMAINS.items():
        if host == domain or host.endswith("." + domain):
            return platform
    return Platform.GENERIC


def platform_of_link(url: str) -> Platform:
    """Name the platform of a recorded link as `unified` does; generic also for what is no link."""
    try:
        host = urlsplit(url.strip()).hostname or ""
    except ValueError:
        return Platform.GENERIC
    return unified(platform_of_host(host))


def unified(platform: Platform) -> Platform:
    """Give the one name that a platform is counted by: Twitter's two names are one, and what is unknown is generic."""
    return {Platform.TWITTER: Platform.X, Platform.UNKNOWN: Platform.GENERIC}.get(platform, platform)
