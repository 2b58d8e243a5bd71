"""Moments in videos, as text and as links for the platforms that support them."""

from bookmarkai_assets.core.links.platforms import FACTS


def url_at(canonical_url: str, seconds: float | None) -> str:
    """Return a link that starts the video at that second; the video's URL if its platform has no such links.

    The second is whole: the one in which that moment is.
    """
    if seconds is None:
        return canonical_url
    for facts in FACTS.values():
        if facts.moment_link is not None and canonical_url.startswith(facts.moment_link[0]):
            return canonical_url + facts.moment_link[1].format(seconds=int(seconds))
    return canonical_url


def as_clock(seconds: float) -> str:
    """Return a moment as hours, minutes and seconds: `0:12:05`."""
    whole = int(max(0.0, seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
