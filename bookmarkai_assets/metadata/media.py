"""The metadata of raw_video and stored_media."""

import dagster as dg

from bookmarkai_assets.batches import RunMetadata
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.shares.share import Share
from bookmarkai_assets.core.text import format_size
from bookmarkai_assets.metadata.entries import format_seconds, share_entries, without_empty
from bookmarkai_assets.operations.downloads.fetched_media import FetchedMedia


def raw_video_metadata(fetched: FetchedMedia) -> RunMetadata:
    """Return the metadata of a partition of raw_video."""
    media = fetched.media
    info, size_bytes = media.info, media.video.size_bytes
    return without_empty(
        {
            **share_entries(fetched.share, media),
            "duration_seconds": info.duration_seconds,
            "size": format_size(size_bytes),
            "size_bytes": size_bytes,
            "picture": f"{info.width} × {info.height}" if info.width and info.height else None,  # noqa: RUF001 - a times sign
            "has_audio": media.audio is not None,
            "sound_track": fetched.sound.words if fetched.sound else None,
            "sound_tracks": "; ".join(sound.words for sound in fetched.sounds),
            "download": format_seconds(media.download_seconds),
            "download_seconds": round(media.download_seconds, 3),
            "is_reused": fetched.is_reused,
            "content_type": media.video.content_type,
            "extractor": info.extractor,
            "media_id": media.media_id,
            "sha256": media.video.digest.sha256,
        }
    )


def stored_media_metadata(share: Share, media: Media) -> RunMetadata:
    """Return the metadata of a partition of stored_media. Raises `ValueError` if the media has no placement yet."""
    placement = media.placement
    if placement is None:
        raise ValueError(f"expected a stored media, found {media.state} for {media.media_id}")
    size_bytes, audio, seconds = media.video.size_bytes, media.audio, media.upload_seconds
    return without_empty(
        {
            **share_entries(share, media),
            "audio_url": dg.MetadataValue.path(audio.url) if audio else None,
            "backend": placement.backend.value,
            "placement": placement.reason,
            "expires_at": dg.MetadataValue.timestamp(media.expires_at) if media.expires_at else None,
            "size": format_size(size_bytes),
            "size_bytes": size_bytes,
            "audio_size": format_size(audio.size_bytes) if audio else None,
            "audio_size_bytes": audio.size_bytes if audio else None,
            "upload": None if seconds is None else format_seconds(seconds),
            "upload_seconds": None if seconds is None else round(seconds, 3),
            "storage_mode": placement.mode.value,
            "s3_percentage": placement.percentage,
            "bucket": placement.bucket,
            "rollout_decision": placement.decision_id,
            "sha256": media.video.digest.sha256,
        }
    )
