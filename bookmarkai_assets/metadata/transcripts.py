"""The metadata of transcripts, and of the stale ones."""

from collections.abc import Mapping

import dagster as dg

from bookmarkai_assets.batches import RunMetadata
from bookmarkai_assets.core.transcripts.doubts import in_words
from bookmarkai_assets.metadata.media import share_metadata
from bookmarkai_assets.metadata.tables import cap_selection, table
from bookmarkai_assets.operations.transcripts.stale import StalenessReport
from bookmarkai_assets.operations.transcripts.transcribing import TranscribedShare

TRANSCRIPT_KEYS: Mapping[str, str] = {
    "outcome": "done, or no_speech if nobody speaks; a failed partition has an observation with its outcome, "
    "reason and next step",
    "url": "the shared link",
    "platform": "the link's platform",
    "title": "the video's title on the site",
    "language": "language of the speech, as Whisper names it",
    "language_probability": "how sure the engine is of the language, 0 to 1",
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
}
"""`{key: meaning}` of transcript."""


def transcript_metadata(transcribed: TranscribedShare) -> RunMetadata:
    """Return the metadata of a partition of transcript."""
    transcript = transcribed.transcript
    return {
        **share_metadata(transcribed.share, transcribed.media),
        "outcome": transcribed.outcome.value,
        "language": transcript.language,
        "language_probability": round(transcript.language_probability, 3),
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


def staleness_metadata(report: StalenessReport) -> RunMetadata:
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
        **({"backfill": dg.MetadataValue.url(report.path)} if report.path else {}),
    }
