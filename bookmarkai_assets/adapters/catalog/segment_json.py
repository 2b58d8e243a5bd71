"""What is read of `transcripts.segments` and `full_text`, whoever wrote them: sentences with their times."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

from bookmarkai_assets.adapters.catalog.columns import text_of


@dataclass(frozen=True)
class Said:
    """A stretch of text; the times are None where they are not known."""

    text: str
    start_seconds: float | None
    end_seconds: float | None


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
