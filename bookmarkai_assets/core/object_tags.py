"""What a stored object says of itself, so that a bucket or a directory can rebuild the catalog.

The names and values that travel with every video and audio track, and the media record read back from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from bookmarkai_assets.core.media import Media, VideoInfo, media_id_of

MAX_TAG_BYTES = 1800
"""Of the 2,048 bytes that Amazon S3 allows for user metadata, what is left beside the digest and its names."""

_TITLE_CHARACTERS = 100


@dataclass(frozen=True)
class TaggedMedia:
    """What the tags of an object tell of its media. `kind` is video or audio."""

    kind: str
    media_id: str
    share_id: str
    canonical_url: str
    platform: str
    info: VideoInfo
    download_seconds: float


def tags_of(media: Media, kind: str) -> dict[str, str]:
    """Give the tags of a media's video or audio track, by name; the least needed are left out if they do not fit.

    The ids and the kind always fit. Without the canonical URL (a very long one) the record can only be rebuilt where
    the share is still known.
    """
    info = media.info
    tags = {"share-id": media.share_id, "media-id": media.media_id, "kind": kind}
    optional = {
        "canonical-url": media.canonical_url,
        "platform": media.platform,
        "extractor": info.extractor,
        "duration-seconds": repr(info.duration_seconds),
        "download-seconds": repr(round(media.download_seconds, 3)),
        "width": str(info.width) if info.width is not None else None,
        "height": str(info.height) if info.height is not None else None,
        "title": info.title[:_TITLE_CHARACTERS],
        "author": info.author[:_TITLE_CHARACTERS] if info.author else None,
    }
    room = MAX_TAG_BYTES - sum(_size_of(name, value) for name, value in tags.items())
    for name, value in optional.items():
        if value is not None and (size := _size_of(name, value)) <= room:
            tags[name] = value
            room -= size
    return tags


def read_tags(tags: Mapping[str, str], *, canonical_url: str | None = None) -> TaggedMedia | None:
    """Read the tags back; None for an object that is not ours, or whose tags contradict each other.

    `canonical_url` stands in where the tags have none.
    """
    url = tags.get("canonical-url", canonical_url)
    try:
        if url is None or media_id_of(url) != tags["media-id"] or tags["kind"] not in {"video", "audio"}:
            return None
        return TaggedMedia(
            kind=tags["kind"],
            media_id=tags["media-id"],
            share_id=tags["share-id"],
            canonical_url=url,
            platform=tags["platform"],
            info=VideoInfo(
                title=tags.get("title", ""),
                author=tags.get("author"),
                description=None,
                thumbnail_url=None,
                extractor=tags["extractor"],
                duration_seconds=float(tags["duration-seconds"]),
                width=int(tags["width"]) if "width" in tags else None,
                height=int(tags["height"]) if "height" in tags else None,
            ),
            download_seconds=float(tags["download-seconds"]),
        )
    except (KeyError, ValueError):
        return None


def _size_of(name: str, value: str) -> int:
    # As stores write it: header-safe, percent-encoded.
    return len(name) + len(quote(value, safe="/:@"))
