"""The metadata of raw_video and stored_media: the keys, their meanings and their values."""

from collections.abc import Mapping

import dagster as dg

from bookmarkai_assets.batches import RunMetadata
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.shares.share import Share
from bookmarkai_assets.operations.downloads.fetching import FetchedMedia

RAW_VIDEO_KEYS: Mapping[str, str] = {
    "outcome": "done; a partition that failed has an observation with its outcome, reason and next step",
    "url": "the shared link",
    "platform": "the link's platform: tiktok, youtube, …, generic",
    "title": "the video's title on the site, cleaned and shortened",
    "author": "who published it, according to the site",
    "extractor": "the part of yt-dlp that read the page",
    "media_id": "the media's id; shares of the same video have the same id",
    "duration_seconds": "length of the video in seconds",
    "size_bytes": "size of the video file in bytes",
    "sha256": "SHA-256 of the video file, hex",
    "content_type": "media type of the video file",
    "has_audio": "whether there is an audio track to transcribe",
    "download_seconds": "seconds that fetching and checking took",
    "is_reused": "true if the bytes were already there and nothing was fetched",
}
"""`{key: meaning}` of raw_video."""


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
        "download_seconds": round(media.download_seconds, 3),
        "is_reused": fetched.is_reused,
    }


_BUCKET_URLS = " or ".join(f"{backend.facts.scheme}://bucket/key" for backend in Backend if backend.is_remote)

STORED_MEDIA_KEYS: Mapping[str, str] = {
    "outcome": "done; a partition that failed has an observation with its outcome, reason and next step",
    "url": "the shared link",
    "platform": "the link's platform",
    "title": "the video's title on the site",
    "storage_url": f"where the video is: a path, or {_BUCKET_URLS}",
    "audio_url": "where its audio track is",
    "backend": " or ".join(Backend),
    "placement": "why it was placed there, in words",
    "storage_mode": "the storage mode at the placement",
    "s3_percentage": "the percentage at the placement",
    "bucket": "the share's bucket, 0 to 99; S3 takes those below the percentage",
    "rollout_decision": "the rollout's decision that the placement followed; empty if it was the settings alone",
    "size_bytes": "size of the video in bytes",
    "audio_size_bytes": "size of the audio track in bytes",
    "sha256": "SHA-256 of the video, hex",
    "upload_seconds": "seconds that storing or moving it took, including verification",
    "expires_at": "when the bucket's lifecycle rule may delete it; empty if no rule does",
}
"""`{key: meaning}` of stored_media."""


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
