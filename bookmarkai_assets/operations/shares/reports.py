"""What the pipeline knows of one share, put together for people and programs that ask."""

from typing import Any

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import CatalogUnavailableError, UnknownShareError
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.outcomes import FAILURES, Failure, Outcome
from bookmarkai_assets.core.shares.share import Share, ShareStatus
from bookmarkai_assets.core.transcripts.doubts import as_plain
from bookmarkai_assets.core.transcripts.transcript import Transcript


def share_summary(catalog: Catalog, share: Share) -> dict[str, Any]:
    """Give one share's line in a list: who, what, how far, and what to do about a failure."""
    progress = catalog.work.progress(share.share_id)
    outcome = Outcome(progress.outcome) if progress.outcome else None
    return {
        "id": share.share_id,
        "url": share.url,
        "user_id": share.user_id,
        "platform": share.platform,
        "status": share.status,
        "outcome": progress.outcome,
        "reason": progress.reason,
        "next_step": _next_step(share, outcome),
        "attempts": progress.attempts,
        "next_attempt_at": progress.next_attempt_at.isoformat() if progress.next_attempt_at else None,
        "created_at": share.created_at.isoformat(),
        "finished_at": progress.finished_at.isoformat() if progress.finished_at else None,
    }


def failure_summary(catalog: Catalog, share_id: str, failure: Failure) -> dict[str, str | int | bool | None]:
    """Say how a share failed in a run and what comes next; no more than the failure itself when the catalog is away."""
    summary: dict[str, str | int | bool | None] = {
        "outcome": failure.outcome.value,
        "reason": failure.reason,
        "next_step": failure.next_step,
        "is_transient": failure.is_transient,
    }
    try:
        share, progress = catalog.shares.get(share_id), catalog.work.progress(share_id)
    except (UnknownShareError, CatalogUnavailableError):
        return summary
    is_recorded = progress.outcome == failure.outcome  # else another run has the share, and its record is of that one
    return {
        **summary,
        "next_step": _next_step(share, failure.outcome) if is_recorded else failure.next_step,
        "attempts": progress.attempts,
        "next_attempt_at": progress.next_attempt_at.isoformat() if progress.next_attempt_at else None,
        "url": share.url,
    }


def _next_step(share: Share, outcome: Outcome | None) -> str | None:
    """Say what a person can do: for a share that was tried as often as is allowed, to try it again by hand."""
    if outcome is None or outcome not in FAILURES:
        return None
    kind = FAILURES[outcome]
    if kind.is_transient and share.status == ShareStatus.ERROR:
        return f"It was tried as often as is allowed. `bookmarkai shares retry {share.share_id}` tries it again."
    return kind.next_step


def share_report(catalog: Catalog, share_id: str) -> dict[str, Any]:
    """Give everything about one share as plain values. Raises `UnknownShareError`."""
    share = catalog.shares.get(share_id)
    media_id = catalog.work.progress(share_id).media_id
    media = catalog.media.get(media_id) if media_id else None
    transcript = catalog.transcripts.get(share_id)
    return {
        **share_summary(catalog, share),
        "media": _media(media) if media else None,
        "transcript": _transcript(transcript) if transcript else None,
        "transfers": [
            {
                "at": event.occurred_at.isoformat(),
                "operation": event.operation,
                "backend": event.backend,
                "kind": event.kind,
                "size_bytes": event.size_bytes,
                "seconds": round(event.seconds, 3),
                "error_class": event.error_class,
                "error": event.error,
            }
            for event in catalog.events.for_share(share_id)
        ],
        "deletions": [
            {
                "at": (tombstone.removed_at or tombstone.written_at).isoformat(),
                "url": tombstone.url,
                "kind": tombstone.kind,
                "reason": tombstone.reason,
                "is_done": tombstone.removed_at is not None,
                "proof": dict(tombstone.proof),
            }
            for tombstone in (catalog.tombstones.list(media_id=media.media_id) if media else ())
        ],
    }


def _media(media: Media) -> dict[str, Any]:
    placement = media.placement
    return {
        "id": media.media_id,
        "state": media.state.value,
        "title": media.info.title,
        "author": media.info.author,
        "duration_seconds": media.info.duration_seconds,
        "url": media.video.url,
        "backend": media.backend.value if media.backend else None,
        "size_bytes": media.video.digest.size_bytes,
        "sha256": media.video.digest.sha256,
        "audio_url": media.audio.url if media.audio else None,
        "transcript_files": {kind: blob.url for kind, blob in media.transcript_files.items()},
        "content_type": media.video.content_type,
        "placement": {
            "decided_by": placement.decided_by.value,
            "mode": placement.mode.value,
            "percentage": placement.percentage,
            "bucket": placement.bucket,
            "rollout_decision": placement.decision_id,
            "reason": placement.reason,
        }
        if placement
        else None,
        "stored_at": media.stored_at.isoformat() if media.stored_at else None,
        "expires_at": media.expires_at.isoformat() if media.expires_at else None,
        "download_seconds": media.download_seconds,
        "upload_seconds": media.upload_seconds,
    }


def _transcript(transcript: Transcript) -> dict[str, Any]:
    return {
        "language": transcript.language,
        "language_probability": transcript.language_probability,
        "text": transcript.text,
        "words": transcript.word_count,
        "doubts": [as_plain(doubt) for doubt in transcript.doubts],
        "segments": [
            {"start": segment.start, "end": segment.end, "text": segment.text} for segment in transcript.segments
        ],
        "engine": transcript.engine,
        "model": transcript.model,
        "duration_seconds": transcript.duration_seconds,
        "transcribe_seconds": transcript.transcribe_seconds,
    }
