"""A transcript as one versioned JSON document with all that is recorded. docs/transcripts.md has the schema."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bookmarkai_assets.core.transcripts.languages import language_shares, languages_as_plain
from bookmarkai_assets.core.transcripts.transcript import UNKNOWN, Segment, Task, Transcript

VERSION = 1
"""The version of the schema. Adding a field keeps the version; removing one or changing its meaning raises it."""

ENGLISH = "en"


@dataclass(frozen=True)
class SharedTranscript:
    """A transcript and its share. `video_seconds` and `title` are from the site."""

    share_id: str
    url: str
    title: str | None
    video_seconds: float | None
    transcript: Transcript


def task_of(transcript: Transcript) -> Task | None:
    """Return whether the speech was transcribed or translated; None if that is not recorded."""
    task = transcript.recipe.parameters.get("task") if transcript.recipe else None
    return Task(task) if task in set(Task) else None


def written_languages(transcript: Transcript) -> Sequence[str]:
    """Return the languages of the text, the one with the most time first. A translation is in English."""
    if task_of(transcript) is Task.TRANSLATE:
        return (ENGLISH,)
    found = tuple(one.language for one in language_shares(transcript))
    return found or (() if transcript.language == UNKNOWN else (transcript.language,))


def transcript_document(shared: SharedTranscript, *, are_times_known: bool) -> dict[str, Any]:
    """Return the document as plain JSON values.

    Values that are not recorded are null. For a transcript that was not made here, these are all figures, and the times
    if they are not known.
    """
    transcript = shared.transcript
    is_ours = transcript.engine != UNKNOWN
    return {
        "version": VERSION,
        "share_id": shared.share_id,
        "video": {"url": shared.url, "title": shared.title, "duration_seconds": _number(shared.video_seconds)},
        "language": None if transcript.language == UNKNOWN else transcript.language,
        "language_probability": _number(transcript.language_probability) if is_ours else None,
        "languages": languages_as_plain(transcript),
        "task": task_of(transcript),
        "text": _replace_surrogates(transcript.text),
        "segments": [
            _segment(segment, transcript, is_ours=is_ours, are_times_known=are_times_known)
            for segment in transcript.segments
        ],
        "provenance": _provenance(transcript) if is_ours else None,
        "quality": _quality(transcript) if is_ours else None,
    }


def _segment(segment: Segment, transcript: Transcript, *, is_ours: bool, are_times_known: bool) -> dict[str, Any]:
    language = segment.language or transcript.language
    return {
        "start": _number(segment.start) if are_times_known else None,
        "end": _number(segment.end) if are_times_known else None,
        "text": _replace_surrogates(segment.text),
        "language": None if language == UNKNOWN else language,
        "avg_logprob": _number(segment.avg_logprob) if is_ours else None,
        "no_speech_prob": _number(segment.no_speech_prob) if is_ours else None,
        "compression_ratio": _number(segment.compression_ratio) if is_ours else None,
        "words": [
            {
                "start": _number(word.start),
                "end": _number(word.end),
                "word": _replace_surrogates(word.text),
                "probability": _number(word.probability),
            }
            for word in segment.words
        ],
    }


def _provenance(transcript: Transcript) -> dict[str, Any]:
    recipe = transcript.recipe
    return {
        "engine": transcript.engine,
        "engine_version": recipe.engine_version if recipe else None,
        "model": transcript.model,
        "weights_sha256": recipe.weights_sha256 or None if recipe else None,
        "parameters": dict(sorted(recipe.parameters.items())) if recipe else None,
        "recipe": recipe.fingerprint if recipe else None,
        "audio_sha256": transcript.audio_sha256,
        "audio_seconds": _number(transcript.duration_seconds),
        "transcribe_seconds": _number(transcript.transcribe_seconds),
    }


def _quality(transcript: Transcript) -> dict[str, Any]:
    return {
        "speech_seconds": _number(transcript.speech_seconds),
        "doubts": [
            {
                "kind": doubt.kind,
                "severity": doubt.severity,
                "figure": _number(doubt.figure),
                "limit": _number(doubt.limit),
                "words": doubt.words,
            }
            for doubt in transcript.doubts
        ],
    }


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _replace_surrogates(text: str) -> str:
    """Replace halves of surrogate pairs, which no encoding can represent."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
