"""The metadata of transcripts, and of the stale ones."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from bookmarkai_assets.batches import RunMetadata
from bookmarkai_assets.core.shares.dagster_ui import BackfillLink
from bookmarkai_assets.core.transcripts.doubts import in_words
from bookmarkai_assets.core.transcripts.languages import languages_in_words
from bookmarkai_assets.metadata.media import share_metadata
from bookmarkai_assets.metadata.tables import backfill_links, cap_selection, table
from bookmarkai_assets.operations.transcripts.transcribed_share import TranscribedShare

if TYPE_CHECKING:
    from bookmarkai_assets.operations.transcripts.stale import StalenessReport


def transcript_metadata(transcribed: TranscribedShare) -> RunMetadata:
    """Return the metadata of a partition of transcript."""
    transcript = transcribed.transcript
    return {
        **share_metadata(transcribed.share, transcribed.media),
        "outcome": transcribed.outcome.value,
        "language": transcript.language,
        "language_probability": round(transcript.language_probability, 3),
        "languages": languages_in_words(transcript),
        "words": transcript.word_count,
        "doubts": len(transcript.doubts),
        "doubtful": in_words(transcript.doubts),
        "preview": transcript.preview,
        "duration_seconds": round(transcript.duration_seconds, 3),
        "transcription_seconds": round(transcript.transcribe_seconds, 3),
        "engine": transcript.engine,
        "model": transcript.model,
        "files": dg.MetadataValue.json({kind: blob.url for kind, blob in transcribed.media.transcript_files.items()}),
        "recipe": transcript.recipe.fingerprint if transcript.recipe else None,
        "is_reused": transcribed.is_reused,
    }


def staleness_metadata(report: "StalenessReport") -> RunMetadata:
    """Return the metadata of the stale transcripts."""
    present = report.present
    made_by = [
        (use.count, use.engine, use.engine_version, use.model, use.fingerprint, present.differences_in_words(use))
        for use in report.made_by
    ]
    return {
        "stale": report.stale,
        "transcripts": report.transcripts,
        "without_media": report.without_media,
        "not_made_here": report.not_made_here,
        "set": dg.MetadataValue.json(present.as_dict()),
        **({"weights_unknown": present.weights_unknown} if present.weights_unknown else {}),
        "made_by": table(["transcripts", "engine", "version", "model", "recipe", "what differs"], made_by),
        "newest": table(
            ["share_id", "made_at", "recipe", "has_media"],
            [
                (one.share_id, one.made_at.isoformat(timespec="seconds"), one.recipe, one.has_media)
                for one in report.newest
            ],
        ),
        "partitions": cap_selection(report.partitions or "", "bookmarkai transcripts stale --partitions"),
        **_backfill(report.backfills),
    }


def _backfill(pages: Sequence[BackfillLink]) -> RunMetadata:
    if len(pages) > 1:
        return {"backfill": dg.MetadataValue.md(backfill_links(pages, "bookmarkai transcripts stale --partitions"))}
    return {"backfill": dg.MetadataValue.url(pages[0].url)} if pages else {}
