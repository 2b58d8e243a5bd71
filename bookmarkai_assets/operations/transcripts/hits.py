"""What a search over transcripts has found, for commands and for the HTTP door."""

from bookmarkai_assets.core.search.moments_in_videos import url_at
from bookmarkai_assets.core.search.ports import Hit


def hit_as_dict(hit: Hit) -> dict[str, object]:
    """Return the JSON form, with seconds and the positions of the matches."""
    return {
        "rank": hit.rank,
        "share_id": hit.share_id,
        "title": hit.title,
        "platform": hit.platform,
        "url": hit.url,
        "url_at": url_at(hit.url, hit.start_seconds),
        "shared_at": hit.shared_at.isoformat() if hit.shared_at else None,
        "start_seconds": hit.start_seconds,
        "end_seconds": hit.end_seconds,
        "text": hit.text,
        "matches": [{"start": start, "end": end, "text": hit.text[start:end]} for start, end in hit.matches],
    }
