"""Moments in videos, as text and as links for the platforms that support them."""

_YOUTUBE = "https://www.youtube.com/watch?v="


def url_at(canonical_url: str, seconds: float | None) -> str:
    """Return a link that starts the video at that second; the video's URL if its platform has no such links.

    YouTube has them (`t`, in whole seconds). TikTok, Instagram, Reddit and X do not.
    """
    if seconds is None or not canonical_url.startswith(_YOUTUBE):
        return canonical_url
    return f"{canonical_url}&t={int(seconds)}s"


def as_clock(seconds: float) -> str:
    """Return a moment as hours, minutes and seconds: `0:12:05`."""
    whole = int(max(0.0, seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
