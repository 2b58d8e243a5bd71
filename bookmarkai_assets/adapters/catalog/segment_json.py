"""Segments as JSON: writing them, and reading those in `transcripts`, whoever wrote them."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bookmarkai_assets.adapters.catalog.columns import storable, text_of
from bookmarkai_assets.core.transcripts.transcript import Segment, Word

HOPELESS_LOGPROB = -100.0
"""Replaces a log-probability that is not a finite number. Whisper's own threshold for a failed segment is -1."""


@dataclass(frozen=True)
class Passage:
    """A stretch of text. The times are None if they are not known."""

    text: str
    start_seconds: float | None
    end_seconds: float | None


def segment_to_json(segment: Segment) -> dict[str, object]:
    """Return a segment as a JSON object, with what a database cannot store replaced."""
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
        **({"language": segment.language} if segment.language else {}),
    }


def segment_of(entry: Mapping[str, Any]) -> Segment:
    """Read an entry that `is_segment` accepts. A missing figure is 0.0. What is in another form is left out."""
    language = entry.get("language")
    return Segment(
        start=entry["start"],
        end=entry["end"],
        text=entry["text"],
        avg_logprob=entry.get("avg_logprob", 0.0),
        no_speech_prob=entry.get("no_speech_prob", 0.0),
        compression_ratio=entry.get("compression_ratio", 0.0),
        words=_words(entry.get("words")),
        language=language if isinstance(language, str) and language else None,
    )


def is_segment(entry: object) -> bool:
    """Whether an entry of `segments` has times and a text in the form that is written here."""
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("start"), int | float)
        and isinstance(entry.get("end"), int | float)
        and isinstance(entry.get("text"), str)
    )


def passages_of(segments: object, full_text: object) -> Iterator[Passage]:
    """Return what was said: the segments, or the whole text if they are missing or in another form.

    `segments` is a list, or JSON as text.
    """
    entries = _load(segments)
    if isinstance(entries, list) and entries and all(map(is_segment, entries)):
        for entry in entries:
            start, end = _seconds(entry["start"]), _seconds(entry["end"])
            is_timed = start is not None and end is not None and 0 <= start <= end and end > 0
            yield Passage(entry["text"], start if is_timed else None, end if is_timed else None)
        return
    whole = text_of(full_text)
    if whole:
        yield Passage(whole, None, None)


def _load(segments: object) -> object:
    if not isinstance(segments, str | bytes):
        return segments
    try:
        return json.loads(segments)
    except (ValueError, RecursionError):
        # A row of the gateway's, in a column that takes any text. It counts as having no segments.
        return None


def _seconds(number: float) -> float | None:
    try:
        seconds = float(number)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) else None


def _finite(number: float, *, worst: float) -> float:
    """Replace NaN and infinity by `worst`: a speech engine may report them, and JSON has no form for them."""
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
