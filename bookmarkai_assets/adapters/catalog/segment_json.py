"""Segments as JSON: what is written here, and what is read of `transcripts`, whoever wrote it."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bookmarkai_assets.adapters.catalog.columns import storable, text_of
from bookmarkai_assets.core.transcripts.transcript import Segment, Word

HOPELESS_LOGPROB = -100.0
"""Stands for a log-probability that is no number; Whisper's own threshold for a failed segment is -1."""


@dataclass(frozen=True)
class Said:
    """A stretch of text; the times are None where they are not known."""

    text: str
    start_seconds: float | None
    end_seconds: float | None


def segment_to_json(segment: Segment) -> dict[str, object]:
    """Write a segment down, with what a database cannot hold replaced."""
    words = [
        {
            "start": word.start,
            "end": word.end,
            "word": storable(word.text),
            "probability": _finite(word.probability, worst=0.0),
        }
        for word in segment.words
    ]
    return {
        "start": segment.start,
        "end": segment.end,
        "text": storable(segment.text),
        "avg_logprob": _finite(segment.avg_logprob, worst=HOPELESS_LOGPROB),
        "no_speech_prob": _finite(segment.no_speech_prob, worst=1.0),
        "compression_ratio": _finite(segment.compression_ratio, worst=0.0),
        **({"words": words} if words else {}),
    }


def segment_of(entry: Mapping[str, Any]) -> Segment:
    """Read what `is_segment`; a figure that is missing is 0.0, and of words in another form there are none."""
    return Segment(
        start=entry["start"],
        end=entry["end"],
        text=entry["text"],
        avg_logprob=entry.get("avg_logprob", 0.0),
        no_speech_prob=entry.get("no_speech_prob", 0.0),
        compression_ratio=entry.get("compression_ratio", 0.0),
        words=_words(entry.get("words")),
    )


def is_segment(entry: object) -> bool:
    """Tell whether an entry of `segments` has times and a text in the form that is written here."""
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("start"), int | float)
        and isinstance(entry.get("end"), int | float)
        and isinstance(entry.get("text"), str)
    )


def said_in(segments: object, full_text: object) -> Iterator[Said]:
    """Give what was said: the segments, or the whole text where they are missing or in a form of their own.

    `segments` is a list, or JSON as text.
    """
    entries = _parsed(segments)
    if isinstance(entries, list) and entries and all(map(is_segment, entries)):
        for entry in entries:
            start, end = _seconds(entry["start"]), _seconds(entry["end"])
            is_timed = start is not None and end is not None and 0 <= start <= end and end > 0
            yield Said(entry["text"], start if is_timed else None, end if is_timed else None)
        return
    whole = text_of(full_text)
    if whole:
        yield Said(whole, None, None)


def _parsed(segments: object) -> object:
    if not isinstance(segments, str | bytes):
        return segments
    try:
        return json.loads(segments)
    except (ValueError, RecursionError):
        # The gateway's row, in a column that takes any text: as if it had no segments.
        return None


def _seconds(number: float) -> float | None:
    try:
        seconds = float(number)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) else None


def _finite(number: float, *, worst: float) -> float:
    """Give `worst` for NaN and infinity, which a speech engine may report and JSON cannot say."""
    return number if math.isfinite(number) else worst


def _words(entries: object) -> tuple[Word, ...]:
    if not isinstance(entries, list) or not all(_is_word(entry) for entry in entries):
        return ()
    return tuple(Word(entry["start"], entry["end"], entry["word"], entry["probability"]) for entry in entries)


def _is_word(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and all(isinstance(entry.get(name), int | float) for name in ("start", "end", "probability"))
        and isinstance(entry.get("word"), str)
    )
