"""The metadata of raw_video and stored_media."""

import dagster as dg

from bookmarkai_assets.batches import RunMetadata
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.shares.share import Share
from bookmarkai_assets.operations.downloads.fetched_media import FetchedMedia


def raw_video_metadata(fetched: FetchedMedia) -> RunMetadata:
    """Return the metadata of a partition of raw_video."""
    media = fetched.media
    return {
        **share_metadata(fetched.share, media),
        "author": media.info.author,
        "extractor": media.info.extractor,
        "media_id": media.media_id,
        "duration_seconds": media.info.duration_seconds,
        "size_bytes": media.video.digest.size_bytes,
        "sha256": media.video.digest.sha256,
        "content_type": media.video.content_type,
        "has_audio": media.audio is not None,
        "sound_track": fetched.sound.words if fetched.sound else None,
        "sound_tracks": "; ".join(sound.words for sound in fetched.sounds) or None,
        "download_seconds": round(media.download_seconds, 3),
        "is_reused": fetched.is_reused,
    }


def stored_media_metadata(share: Share, media: Media) -> RunMetadata:
    """Return the metadata of a partition of stored_media. Raises `ValueError` if the media has no placement yet."""
    if media.placement is None:
        raise ValueError(f"expected a stored media, found {media.state} for {media.media_id}")
    return {
        **share_metadata(share, media),
        "storage_url": dg.MetadataValue.path(media.video.url),
        "audio_url": dg.MetadataValue.path(media.audio.url) if media.audio else None,
        "backend": media.placement.backend.value,
        "placement": media.placement.reason,
        "storage_mode": media.placement.mode.value,
        "s3_percentage": media.placement.percentage,
        "bucket": media.placement.bucket,
        "rollout_decision": media.placement.decision_id,
        "size_bytes": media.video.digest.size_bytes,
        "audio_size_bytes": media.audio.digest.size_bytes if media.audio else None,
        "sha256": media.video.digest.sha256,
        "upload_seconds": None if media.upload_seconds is None else round(media.upload_seconds, 3),
        "expires_at": media.expires_at.isoformat() if media.expires_at else None,
    }


def share_metadata(share: Share, media: Media) -> RunMetadata:
    """Return the metadata of a partition's share."""
    return {
        "outcome": Outcome.DONE.value,
        "url": dg.MetadataValue.url(share.url),
        "platform": share.platform,
        "title": media.info.title,
    }
