"""Which hosts belong to which platform. What their links mean is in `canonical_urls`."""

from bookmarkai_assets.core.shares import Platform

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
