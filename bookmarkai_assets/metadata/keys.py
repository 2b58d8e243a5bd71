"""The metadata keys of each asset, and what they mean."""

from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.metadata.tables import key_table

_BUCKET_URLS = " or ".join(f"{backend.facts.scheme}://bucket/key" for backend in Backend if backend.is_remote)

KEYS: dict[str, dict[str, str]] = {
    "raw_video": {
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
        "sound_track": "the sound track that is transcribed, if the video was downloaded in this run",
        "sound_tracks": "all sound tracks of the downloaded video, with their numbers and marks",
        "download_seconds": "seconds that fetching and checking took",
        "is_reused": "true if the bytes were already there and nothing was fetched",
    },
    "stored_media": {
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
    },
    "transcript": {
        "outcome": "done, or no_speech if nobody speaks; a failed partition has an observation with its outcome, "
        "reason and next step",
        "url": "the shared link",
        "platform": "the link's platform",
        "title": "the video's title on the site",
        "language": "language of the speech, or of most of it, as Whisper names it",
        "language_probability": "how sure the engine is of the language, 0 to 1",
        "languages": "the languages and how much of the speech is in each; empty if nobody speaks",
        "words": "number of words",
        "doubts": "number of doubts about the text; 0 means that no rule doubts it",
        "doubtful": "the doubts in words; empty if there are none",
        "preview": "the first words",
        "duration_seconds": "length of the sound in seconds",
        "transcription_seconds": "seconds that the engine took, including waits for sounds decoded together with it",
        "engine": "the speech engine",
        "model": "the model's name or path",
        "files": "where its files are (json, txt, srt, vtt), beside the video",
        "recipe": "a fingerprint of what made it: engine, version, weights and parameters",
        "is_reused": "true if it was reused from another share of the same video, made by the same recipe",
    },
    "local_cleanup": {
        "removed": "files, staging directories and uploads that were removed",
        "removed_bytes": "the space that was freed, in bytes",
        "removed_why": "removals by reason: in_s3, past_retention, expired, lifecycle, abandoned",
        "kept": "media that were kept, and files that no media claims",
        "kept_why": "what was kept, by reason",
        "failed": "what could not be checked or removed",
        "removals": "each removal, the first 200",
        "failures": "each failure, the first 200",
        "to_look_at": "what was kept for a reason that needs a person's attention, the first 200",
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
        "same_bytes": "the bytes of what is as recorded",
        "findings": "each finding except the same, the worst first, at most 200",
    },
}
"""`{asset: {metadata key: meaning}}`, shown in each asset's description."""


def describe_asset(asset: str, purpose: str) -> str:
    """Return an asset's description: what it is, then each metadata key and its meaning."""
    return f"{purpose}\n\n{key_table(KEYS[asset])}"
