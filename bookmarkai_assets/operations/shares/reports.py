"""Report what the pipeline knows of one share, for people and programs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import CatalogUnavailableError, UnknownShareError
from bookmarkai_assets.core.media.media import Media, MediaState
from bookmarkai_assets.core.media.ports import Tombstone
from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.media.transfers import TransferUnderWay, transfer_as_dict
from bookmarkai_assets.core.outcomes import FAILURES, Failure, Outcome
from bookmarkai_assets.core.shares.dagster_ui import DagsterUI, asset_to_open
from bookmarkai_assets.core.shares.share import Share, ShareProgress, ShareStatus
from bookmarkai_assets.core.transcripts.doubts import as_plain
from bookmarkai_assets.core.transcripts.languages import languages_as_plain
from bookmarkai_assets.core.transcripts.transcript import Transcript

_SHARES_AT_A_TIME = 5_000
"""How many shares are looked up together. It bounds the memory of a long list."""


_MEDIA_FOR_USERS = (
    "id",
    "state",
    "title",
    "author",
    "duration_seconds",
    "size_bytes",
    "sha256",
    "content_type",
    "stored_at",
    "expires_at",
)


@dataclass(frozen=True)
class ShareSummary:
    """One share's line in a list: who shared what, how far it is, and what to do about a failure."""

    share: Share
    progress: ShareProgress

    @property
    def is_done(self) -> bool:
        """Whether the share is done: transcribed, or found to have nothing to transcribe."""
        return self.share.status == ShareStatus.DONE

    @property
    def outcome(self) -> Outcome | None:
        """How the last attempt ended; None before the first. Raises `ValueError` if the row's outcome is unknown."""
        return Outcome(self.progress.outcome) if self.progress.outcome else None

    @property
    def next_step(self) -> str | None:
        """What a person can do about the failure; None for a share that has not failed."""
        outcome = self.outcome
        return None if outcome is None or outcome not in FAILURES else self.next_step_of(outcome)

    def next_step_of(self, outcome: Outcome) -> str:
        """Return what a person can do about this outcome. A share that is out of attempts can be retried."""
        kind = FAILURES[outcome]
        if kind.is_transient and self.share.status == ShareStatus.ERROR:
            retry = f"bookmarkai shares retry {self.share.share_id}"
            return f"It was tried as often as is allowed. `{retry}` tries it again."
        return kind.next_step

    def page_in(self, ui: DagsterUI) -> str:
        """Return the link to the share's partition, of the asset that its status names."""
        return ui.partition(asset_to_open(self.share.status), self.share.share_id)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: times in ISO 8601, the outcome by its value."""
        share, progress = self.share, self.progress
        return {
            "id": share.share_id,
            "url": share.url,
            "user_id": share.user_id,
            "platform": share.platform,
            "status": share.status,
            "outcome": self.outcome.value if self.outcome else None,
            "reason": progress.reason,
            "next_step": self.next_step,
            "attempts": progress.attempts,
            "next_attempt_at": progress.next_attempt_at.isoformat() if progress.next_attempt_at else None,
            "created_at": share.created_at.isoformat(),
            "finished_at": progress.finished_at.isoformat() if progress.finished_at else None,
            "title": share.title,
            "author": share.author,
        }


@dataclass(frozen=True)
class FailureSummary:
    """How a share failed in a run, and its summary, which is None if the catalog cannot provide one."""

    failure: Failure
    summary: ShareSummary | None

    @property
    def next_step(self) -> str:
        """What a person can do. The share's record does not count if another run has written it since."""
        if self._recorded is None:
            return self.failure.next_step
        return self._recorded.next_step_of(self.failure.outcome)

    @property
    def in_words(self) -> str:
        """How the share failed, what a person can do, and when it is tried again, in two lines."""
        how = f"{self.failure.outcome}: {self.failure.reason}\n  {self.next_step}"
        if self._recorded is None:
            return how
        progress = self._recorded.progress
        next_attempt = (
            f"the next at {progress.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC"
            if progress.next_attempt_at
            else "no other by itself"
        )
        return f"{how} Attempt {progress.attempts}, {next_attempt}."

    @property
    def _recorded(self) -> ShareSummary | None:
        """The summary, if this failure is what it is about."""
        is_recorded = self.summary is not None and self.summary.progress.outcome == self.failure.outcome
        return self.summary if is_recorded else None

    def as_dict(self) -> dict[str, str | int | bool | None]:
        """Return the JSON form. Without a summary it has no `attempts`, `next_attempt_at` and `url`.

        It has no `failed_at` where the step is not known.
        """
        values: dict[str, str | int | bool | None] = {
            "outcome": self.failure.outcome.value,
            "reason": self.failure.reason,
            **({"failed_at": self.failure.step} if self.failure.step else {}),
            "next_step": self.next_step,
            "is_transient": self.failure.is_transient,
        }
        if self.summary is None:
            return values
        progress = self.summary.progress
        return {
            **values,
            "attempts": progress.attempts,
            "next_attempt_at": progress.next_attempt_at.isoformat() if progress.next_attempt_at else None,
            "url": self.summary.share.url,
        }


@dataclass(frozen=True)
class ShareReport:
    """Everything about one share: its media, its transcript, its transfers (oldest first), deletions (newest first).

    `under_way` are the transfers that have not ended, oldest first.
    """

    summary: ShareSummary
    media: Media | None
    transcript: Transcript | None
    transfers: Sequence[StorageEvent]
    deletions: Sequence[Tombstone]
    under_way: Sequence[TransferUnderWay] = ()

    @property
    def is_taken_up(self) -> bool:
        """Whether a run or a claim of one has ever had the share. From then on it has a partition."""
        return self.summary.progress.media_id is not None or self.summary.progress.attempts > 0

    def page_in(self, ui: DagsterUI) -> str:
        """Return the link to the share's partition, of the last asset that it has come to."""
        state = self.media.state if self.media else None
        asset = asset_to_open(
            self.summary.share.status,
            has_staged=state is MediaState.STAGED and not self.transcript,
            has_stored=state is MediaState.STORED or self.transcript is not None,
        )
        return ui.partition(asset, self.summary.share.share_id)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: times in ISO 8601, enums by their values, sizes in bytes."""
        return {
            **self.summary.as_dict(),
            "media": _media(self.media) if self.media else None,
            "transcript": _transcript(self.transcript) if self.transcript else None,
            "transfers": [_transfer(event) for event in self.transfers],
            "transfers_under_way": [transfer_as_dict(transfer) for transfer in self.under_way],
            "deletions": [_deletion(tombstone) for tombstone in self.deletions],
        }

    def as_dict_for_user(self) -> dict[str, Any]:
        """Return what the user who shared may know: the same without where files are, and how they came there."""
        return {
            **self.summary.as_dict(),
            "media": _media_for_user(self.media) if self.media else None,
            "transcript": _transcript(self.transcript) if self.transcript else None,
        }


def share_summary(catalog: Catalog, share: Share) -> ShareSummary:
    """Look up how far a share is."""
    return ShareSummary(share, catalog.work.progress(share.share_id))


def share_summaries(catalog: Catalog, shares: Sequence[Share]) -> Iterator[ShareSummary]:
    """Yield how far each share is, looked up for many at a time."""
    for start in range(0, len(shares), _SHARES_AT_A_TIME):
        some = shares[start : start + _SHARES_AT_A_TIME]
        progress = catalog.work.progress_of([share.share_id for share in some])
        yield from map(ShareSummary, some, progress)


def failure_summary(catalog: Catalog, share_id: str, failure: Failure) -> FailureSummary:
    """Look up what is on record of a share that failed in a run. Without the catalog there is no summary."""
    try:
        return FailureSummary(failure, share_summary(catalog, catalog.shares.get(share_id)))
    except (UnknownShareError, CatalogUnavailableError):
        return FailureSummary(failure, None)


def share_report(catalog: Catalog, share_id: str, *, now: datetime | None = None) -> ShareReport:
    """Look up everything about one share; with `now` also what is under way. Raises `UnknownShareError`."""
    summary = share_summary(catalog, catalog.shares.get(share_id))
    media_id = summary.progress.media_id
    media = catalog.media.get(media_id) if media_id else None
    return ShareReport(
        summary=summary,
        media=media,
        transcript=catalog.transcripts.get(share_id),
        transfers=catalog.events.for_share(share_id),
        deletions=catalog.tombstones.list(media_id=media.media_id) if media else (),
        under_way=catalog.transfers.under_way(now=now, share_id=share_id) if now else (),
    )


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


def _media_for_user(media: Media) -> dict[str, Any]:
    whole = _media(media)
    return {name: whole[name] for name in _MEDIA_FOR_USERS}


def _transcript(transcript: Transcript) -> dict[str, Any]:
    return {
        "language": transcript.language,
        "language_probability": transcript.language_probability,
        "languages": languages_as_plain(transcript),
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


def _transfer(event: StorageEvent) -> dict[str, Any]:
    return {
        "at": event.occurred_at.isoformat(),
        "operation": event.operation,
        "backend": event.backend,
        "kind": event.kind,
        "size_bytes": event.size_bytes,
        "seconds": round(event.seconds, 3),
        "error_class": event.error_class,
        "error": event.error,
    }


def _deletion(tombstone: Tombstone) -> dict[str, Any]:
    return {
        "at": tombstone.at.isoformat(),
        "url": tombstone.url,
        "kind": tombstone.kind,
        "reason": tombstone.reason,
        "is_done": tombstone.is_done,
        "proof": dict(tombstone.proof),
    }
