"""What the metadata of a share's assets have in common: which entries come first, and none that is empty."""

import dagster as dg

from bookmarkai_assets.batches import RunMetadata
from bookmarkai_assets.core.links.upload_urls import upload_id_of
from bookmarkai_assets.core.media.media import UNTITLED, Media
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.shares.share import Share

_MINUTE = 60


def share_entries(share: Share, media: Media, *, outcome: Outcome = Outcome.DONE) -> RunMetadata:
    """Return what every partition of a share begins with: which video it is, and how its share ended.

    The thumbnail is a link and not a picture. It is on a server of the site's choosing, which would see every analyst
    who opens the page (docs/adr/0034).
    """
    from bookmarkai_assets.core.search.moments_in_videos import as_clock  # noqa: PLC0415 - only runs of shares need it

    info = media.info
    return {
        # An upload's name is its owner's own, and not the media's.
        "title": info.title if info.title != UNTITLED else share.title or UNTITLED,
        "url": share.url if upload_id_of(share.url) is not None else dg.MetadataValue.url(share.url),
        "author": info.author,
        "length": as_clock(info.duration_seconds),
        "storage_url": dg.MetadataValue.path(media.video.url) if media.placement else None,
        "platform": share.platform,
        "outcome": outcome.value,
        "thumbnail": dg.MetadataValue.url(info.thumbnail_url) if info.thumbnail_url else None,
    }


def without_empty(entries: RunMetadata) -> RunMetadata:
    """Drop the entries without a value, for they would take a line each."""
    return {key: value for key, value in entries.items() if not _is_empty(value)}


def format_seconds(seconds: float) -> str:
    """Format a length of time for a person: tenths below a minute, then hours, minutes and seconds."""
    from bookmarkai_assets.core.search.moments_in_videos import as_clock  # noqa: PLC0415 - as above

    return f"{seconds:.1f} s" if seconds < _MINUTE else as_clock(seconds)


def _is_empty(value: object) -> bool:
    match value:
        case dg.TableMetadataValue():
            return not value.records
        case dg.JsonMetadataValue():
            return value.value in ({}, [], None)
        case dg.MetadataValue() | bool():
            return False
        case _:
            return value is None or value == ""
