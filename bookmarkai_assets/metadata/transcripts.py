"""The metadata of transcripts, and of the stale ones."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import dagster as dg

from bookmarkai_assets.batches import RunMetadata
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.shares.dagster_ui import BackfillLink
from bookmarkai_assets.core.text import format_size
from bookmarkai_assets.core.transcripts.doubts import in_words
from bookmarkai_assets.core.transcripts.languages import languages_in_words
from bookmarkai_assets.metadata.entries import format_seconds, share_entries, without_empty
from bookmarkai_assets.metadata.tables import backfill_links, cap_selection, table
from bookmarkai_assets.operations.transcripts.transcribed_share import TranscribedShare

if TYPE_CHECKING:
    from bookmarkai_assets.operations.transcripts.stale import StalenessReport


def transcript_metadata(transcribed: TranscribedShare) -> RunMetadata:
    """Return the metadata of a partition of transcript."""
    from bookmarkai_assets.metadata.spoken_text import spoken_text  # noqa: PLC0415 - only its own runs need it

    transcript, media = transcribed.transcript, transcribed.media
    share = transcribed.share
    return without_empty(
        {
            **share_entries(share, media, outcome=transcribed.outcome),
            "text": spoken_text(transcript, media.canonical_url, share.share_id),
            "preview": transcript.preview,
            "doubtful": in_words(transcript.doubts),
            "doubts": len(transcript.doubts),
            "words": transcript.word_count,
            "languages": languages_in_words(transcript),
            "language": transcript.language,
            "language_probability": round(transcript.language_probability, 3),
            "files": _file_table(media),
            "duration_seconds": round(transcript.duration_seconds, 3),
            "transcription": format_seconds(transcript.transcribe_seconds),
            "transcription_seconds": round(transcript.transcribe_seconds, 3),
            "engine": transcript.engine,
            "model": transcript.model,
            "is_reused": transcribed.is_reused,
            "recipe": transcript.recipe.fingerprint if transcript.recipe else None,
        }
    )


def _file_table(media: Media) -> dg.MetadataValue:
    # Names and not places: a table as wide as a path pushes the text beyond the page's edge.
    return table(
        {"file": "its kind", "name": "its name, beside the video", "size": "its size", "bytes": "the same in bytes"},
        [
            (kind, PurePosixPath(part.key).name, format_size(part.size_bytes), part.size_bytes)
            for kind, part in media.transcript_files.items()
        ],
    )


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
        "made_by": table(
            {
                "transcripts": "how many",
                "engine": "the speech engine",
                "version": "its version",
                "model": "the model's name or path",
                "recipe": "the fingerprint of what made them",
                "what differs": "from what is set",
            },
            made_by,
        ),
        "newest": table(
            {
                "share_id": "the share, which is its partition",
                "made_at": "when the transcript was made, UTC",
                "recipe": "the fingerprint of what made it",
                "has_media": "whether a backend has the sound to make it again",
            },
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
