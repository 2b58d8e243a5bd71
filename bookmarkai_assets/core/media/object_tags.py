"""The tags of stored objects, from which the catalog can be rebuilt.

Tags are names and values that are stored with every part. A media record can be read back from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Digest, Media, VideoInfo, media_id_of
from bookmarkai_assets.core.media.tag_safety import MAX_TAGS_BYTES, size_of_tag

_TITLE_CHARACTERS = 100
_NAME_CHARACTERS = 50


@dataclass(frozen=True)
class TaggedMedia:
    """What the tags of an object say about its media.

    The tags of a video describe its audio track too, if it has one: digest, content type and the extension of its key.
    """

    kind: PartKind
    media_id: str
    share_id: str
    canonical_url: str
    platform: str
    info: VideoInfo
    download_seconds: float
    audio: Digest | None
    audio_content_type: str
    audio_extension: str


def tags_of(media: Media, kind: PartKind) -> dict[str, str]:
    """Return the tags of one part of a media, by name. The least needed are left out if they do not fit.

    All tags always fit except a very long canonical URL, the picture size, the title and the author. Without the URL,
    the record can only be rebuilt while the share is still known.
    """
    info = media.info
    tags = {
        "share-id": media.share_id,
        "media-id": media.media_id,
        "kind": kind.value,
        "platform": media.platform[:_NAME_CHARACTERS],
        "extractor": info.extractor[:_NAME_CHARACTERS],
        "duration-seconds": repr(info.duration_seconds),
        "download-seconds": repr(round(media.download_seconds, 3)),
    }
    if media.audio is not None and kind is PartKind.VIDEO:
        tags |= {
            "audio-sha256": media.audio.digest.sha256,
            "audio-size": str(media.audio.digest.size_bytes),
            "audio-type": media.audio.content_type[:_NAME_CHARACTERS],
            "audio-extension": media.audio.key.rpartition(".")[2],
        }
    optional = {
        "canonical-url": media.canonical_url,
        "width": str(info.width) if info.width is not None else None,
        "height": str(info.height) if info.height is not None else None,
        "title": info.title[:_TITLE_CHARACTERS],
        "author": info.author[:_TITLE_CHARACTERS] if info.author else None,
    }
    free_bytes = MAX_TAGS_BYTES - sum(size_of_tag(name, value) for name, value in tags.items())
    for name, value in optional.items():
        if value is not None and (size := size_of_tag(name, value)) <= free_bytes:
            tags[name] = value
            free_bytes -= size
    return tags


def read_tags(tags: Mapping[str, str], *, canonical_url: str | None = None) -> TaggedMedia | None:
    """Parse tags; None for an object that is not ours, or whose tags contradict each other.

    `canonical_url` is used if the tags have none.
    """
    url = tags.get("canonical-url", canonical_url)
    try:
        if url is None or media_id_of(url) != tags["media-id"]:
            return None
        return TaggedMedia(
            kind=PartKind(tags["kind"]),
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
            audio=Digest(int(tags["audio-size"]), tags["audio-sha256"]) if "audio-sha256" in tags else None,
            audio_content_type=tags.get("audio-type", ""),
            audio_extension=tags.get("audio-extension", ""),
        )
    except (KeyError, ValueError):
        return None
