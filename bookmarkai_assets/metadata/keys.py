"""The metadata keys of each asset, and what they mean."""

from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.metadata.tables import key_table

_BUCKET_URLS = " or ".join(f"{backend.facts.scheme}://bucket/key" for backend in Backend if backend.is_remote)

_SHARE_KEYS = {
    "why_run_is_red": "that the run failed for other shares, at which step and how; absent if it did not",
    "title": "the video's title on the site, cleaned and shortened",
    "url": "the shared link",
    "author": "who published it, according to the site",
    "length": "length of the video",
    "storage_url": f"where the video is stored: a path, or {_BUCKET_URLS}",
    "platform": "the link's platform: tiktok, youtube, …, generic",
    "outcome": "done, or no_speech if nobody speaks; a partition that failed has an observation with its outcome, "
    "reason and next step",
    "share_page": "the share's page behind the HTTP door, with player and transcript; absent without DOOR_URL",
    "media_link": "the video itself, from where it is stored; absent without DOOR_URL, and at raw_video",
    "thumbnail": "a link to the picture that the site shows of it; the site sees who opens it",
}
"""The keys that the three assets of a share begin with. An entry without a value is absent."""

KEYS: dict[str, dict[str, str]] = {
    "raw_video": {
        **_SHARE_KEYS,
        "duration_seconds": "length of the video in seconds",
        "size": "size of the video file",
        "size_bytes": "the same in bytes",
        "picture": "width and height of the picture, in pixels",
        "has_audio": "whether there is an audio track to transcribe",
        "sound_track": "the sound track that is transcribed, if the video was downloaded in this run",
        "sound_tracks": "all sound tracks of the downloaded video, with their numbers and marks",
        "download": "how long fetching and checking took",
        "download_seconds": "the same in seconds",
        "is_reused": "true if the bytes were already there and nothing was fetched",
        "content_type": "media type of the video file",
        "extractor": "the part of yt-dlp that read the page",
        "media_id": "the media's id; shares of the same video have the same id",
        "sha256": "SHA-256 of the video file, hex",
    },
    "stored_media": {
        **_SHARE_KEYS,
        "audio_url": "where its audio track is",
        "backend": " or ".join(Backend),
        "placement": "why it was placed there, in words",
        "expires_at": "when the bucket's lifecycle rule may delete it; absent if no rule does",
        "size": "size of the video",
        "size_bytes": "the same in bytes",
        "audio_size": "size of the audio track",
        "audio_size_bytes": "the same in bytes",
        "upload": "how long storing or moving it took, including verification",
        "upload_seconds": "the same in seconds",
        "storage_mode": "the storage mode at the placement",
        "s3_percentage": "the percentage at the placement",
        "bucket": "the share's bucket, 0 to 99; S3 takes those below the percentage",
        "rollout_decision": "the rollout's decision that the placement followed; absent if it was the settings alone",
        "sha256": "SHA-256 of the video, hex",
    },
    "transcript": {
        **_SHARE_KEYS,
        "text": "what is said, with times that start the video there where its platform can; cut at 8 kB",
        "preview": "the first words",
        "doubtful": "the doubts in words; absent if there are none",
        "doubts": "number of doubts about the text; 0 means that no rule doubts it",
        "words": "number of words",
        "languages": "the languages and how much of the speech is in each; absent if nobody speaks",
        "language": "language of the speech, or of most of it, as Whisper names it",
        "language_probability": "how sure the engine is of the language, 0 to 1",
        "files": "table: its files (json, txt, srt, vtt), which are beside the video, at storage_url",
        "duration_seconds": "length of the sound in seconds",
        "transcription": "how long the engine took, including waits for sounds decoded together with it",
        "transcription_seconds": "the same in seconds",
        "engine": "the speech engine",
        "model": "the model's name or path",
        "is_reused": "true if it was reused from another share of the same video, made by the same recipe",
        "recipe": "a fingerprint of what made it: engine, version, weights and parameters",
    },
    "local_cleanup": {
        "removed": "files, staging directories and uploads that were removed",
        "removed_size": "the space that was freed",
        "removed_bytes": "the same in bytes",
        "removed_why": "removals by reason: in_s3, past_retention, expired, lifecycle, abandoned",
        "kept": "media that were kept, and files that no media claims",
        "kept_why": "what was kept, by reason",
        "failed": "what could not be checked or removed",
        "failures": "each failure, the first 200",
        "to_look_at": "what was kept for a reason that needs a person's attention, the first 200",
        "removals": "each removal, the first 200",
    },
    "dagster_retention": {
        "runs": "runs that were removed, with their events and logs",
        "partitions": "partitions of shares that were taken out of Dagster's lists; the shares stay in the catalog",
        "events": "rows of storage_events that were removed; they stay in event_totals",
        "freed": "the space that removed files took: logs, and on SQLite each run's events",
        "freed_bytes": "the same in bytes",
        "kept_runs": "old runs that were kept, by reason: is_latest (it shows the latest of an asset or a partition), "
        "has_partition (its share's partition is still listed)",
        "kept_partitions": "old partitions that were kept, by reason: not_done, not_old, in_use, no_share",
        "is_complete": "false if the time was over first; the rest is left for the next day",
    },
    "retry_debt": {
        "total": "shares whose failure stands",
        "transient": "those of them that another attempt may fix",
        "terminal": "those of them that need their cause to be removed first",
        "waiting": "those of them that are retried by themselves",
        "oldest_hours": "how long the oldest failure has stood, in hours",
        "put_off": "shares that wait for their site, or for room on the disk; these are not failures",
        "failures": "the failures by outcome, platform and age, most frequent first, with the command that retries "
        "them and the pages from which a backfill takes just them: press Materialize all there",
        "partitions": "the same lines with their partitions, as a selection: keys, and [first...last] for neighbours",
        "not_shares": "partitions that are no share, and how to remove them: somebody typed them in, or the gateway "
        "has deleted their share; empty if there are none",
    },
    "storage_verification": {
        "verdict": "whether anything is missing or different",
        "same": "videos, audio tracks and transcripts' files that are as recorded, at their recorded location",
        "missing": "recorded but absent",
        "different": "present, but with other bytes than recorded",
        "orphaned": "present but not recorded",
        "expired": "removed by rule; their transcripts stay",
        "in_both_places": "second copies that a move left: clean-up removes local ones, the bucket's rule the others",
        "unverified": "could not be checked",
        "not_taken_in": "uploads that have arrived and of which no share was made",
        "same_size": "the size of what is as recorded",
        "same_bytes": "the same in bytes",
        "findings": "each finding except the same, the worst first, at most 200",
    },
}
"""`{asset: {metadata key: meaning}}`, shown in each asset's description."""


SHARE_COLUMNS = {
    "id": "the share's id, a UUID: the partition key of raw_video, stored_media and transcript",
    "user_id": "who shared the link",
    "url": "the shared link",
    "platform": "the link's platform: tiktok, youtube, …, generic",
    "status": "pending, processing, fetching, fetched, done or error",
    "idempotency_key": "the gateway's key against sharing twice by accident",
    "title": "the video's title on the site, set with its download",
    "description": "the video's description on the site, set with its download",
    "author": "who published it, set with its download",
    "thumbnail_url": "the picture that the site shows of it",
    "media_url": "where the video is",
    "media_type": "media type of the video file",
    "platform_data": "what else is known of the video, such as when it was posted",
    "workflow_state": "the gateway's own",
    "created_at": "when the link was shared",
    "updated_at": "when the row was changed last",
}
"""The columns of the gateway's table, and what they mean."""

SHARE_COLUMN_TYPES = {
    "id": "uuid",
    "user_id": "uuid",
    "platform_data": "json",
    "created_at": "timestamp",
    "updated_at": "timestamp",
}
"""The types of those columns that are not text."""

DEBT_COLUMNS = {
    "outcome": "how the shares ended, as docs/failures.md lists it",
    "platform": "their platform",
    "age": "how long the failures have stood",
    "shares": "how many",
    "heals": "whether another attempt comes by itself, or the cause must be removed first",
    "what to do": "the command that retries them",
}
"""The columns of the table of failures, and what they mean."""

FINDING_COLUMNS = {
    "finding": "missing, different, orphaned, expired, in_both_places, not_taken_in or unverified",
    "share_id": "the share, which is its partition",
    "kind": "video, audio, or the kind of the transcript's file",
    "url": "a path, or a URL of the store",
    "size": "its size",
    "size_bytes": "the same in bytes",
    "detail": "what was found instead",
}
"""The columns of the table of findings, and what they mean."""


def describe_asset(asset: str, purpose: str) -> str:
    """Return an asset's description: what it is, then each metadata key and its meaning."""
    return f"{purpose}\n\n{key_table(KEYS[asset])}"
