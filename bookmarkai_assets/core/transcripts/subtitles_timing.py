"""When each piece of a transcript was said, in whole milliseconds that never go back. Cues are in `subtitles`."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bookmarkai_assets.core.transcripts.subtitles_text import clean_speech, divide, width_of
from bookmarkai_assets.core.transcripts.transcript import Segment

SLOWEST_COLUMNS_PER_SECOND = 5
"""The pace if only a segment's time is known: a third of the usual. Whisper's segments may include a long silence."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of text that no line may break, and when it was said, in milliseconds.

    `width` is in columns, without the space before it. `language` is that of its segment, if that has one of its own.
    """

    text: str
    is_spaced: bool
    width: int
    start: int
    end: int
    language: str | None = None


@dataclass(frozen=True, slots=True)
class _Interval:
    """So many characters, without spaces, were said from `start` to `end`."""

    characters: int
    start: int
    end: int

    def moment(self, characters: int) -> int:
        return self.start + round((self.end - self.start) * characters / self.characters)


def timed_pieces(segments: Sequence[Segment], *, max_width: int) -> Iterator[list[Piece]]:
    """Yield the pieces of each segment that has any, in order, none earlier than the one before it.

    A segment's words give the times if together they are its text. Otherwise its time is spread over its characters. A
    time that goes back, or is not a number, becomes that of the piece before.
    """
    clock = 0
    for segment in segments:
        text = clean_speech(segment.text)
        if not text:
            continue
        pieces = []
        for piece, is_spaced, first, last in _spread(text, _intervals(segment, text), max_width):
            start = max(first, clock)
            clock = max(start, last)
            pieces.append(Piece(piece, is_spaced, width_of(piece), start, clock, segment.language))
        yield pieces


def _intervals(segment: Segment, text: str) -> list[_Interval]:
    letters = text.replace(" ", "")
    words = [(clean_speech(word.text).replace(" ", ""), word) for word in segment.words]
    if words and "".join(word_letters for word_letters, _ in words) == letters:
        return [_interval(len(word_letters), word.start, word.end) for word_letters, word in words if word_letters]
    whole = _interval(len(letters), segment.start, segment.end)
    slowest = round(width_of(text) * 1000 / SLOWEST_COLUMNS_PER_SECOND)
    return [_Interval(whole.characters, whole.start, min(whole.end, whole.start + slowest))]


def _interval(characters: int, start: float, end: float) -> _Interval:
    first = _milliseconds(start)
    return _Interval(characters, first, max(first, _milliseconds(end)))


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000)) if math.isfinite(seconds * 1000) else 0


def _spread(text: str, intervals: Sequence[_Interval], max_width: int) -> Iterator[tuple[str, bool, int, int]]:
    """Yield each piece of the text with the moments before its first character and after its last."""
    current, done = 0, 0
    for piece, is_spaced in divide(text, max_width=max_width):
        if done == intervals[current].characters:
            current, done = current + 1, 0
        start = intervals[current].moment(done)
        left = len(piece)
        while done + left > intervals[current].characters:
            left -= intervals[current].characters - done
            current, done = current + 1, 0
        done += left
        yield piece, is_spaced, start, intervals[current].moment(done)
