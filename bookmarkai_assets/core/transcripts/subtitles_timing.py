"""When each part of a transcript was said, in whole milliseconds that never go back. Nothing of cues and lines."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bookmarkai_assets.core.transcripts.subtitles_text import clean_speech, divide, width_of
from bookmarkai_assets.core.transcripts.transcript import Segment

SLOWEST_COLUMNS_PER_SECOND = 5
"""Where only a segment's time is known: a third of a usual pace. Whisper's segments may reach over a long silence."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What a line keeps together; its width in columns without the space before; when it was said, in milliseconds."""

    text: str
    is_spaced: bool
    width: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Span:
    """So many characters, spaces not counted, were said from `start` to `end`."""

    characters: int
    start: int
    end: int

    def moment(self, characters: int) -> int:
        return self.start + round((self.end - self.start) * characters / self.characters)


def timed_pieces(segments: Sequence[Segment], *, max_width: int) -> Iterator[list[Piece]]:
    """Give the pieces of each segment that has any, in order, none before the one in front of it.

    By the words' times where a segment has words and they are its text; else its time is spread over its characters.
    A time that goes back, or is no number, becomes that of the piece before.
    """
    clock = 0
    for segment in segments:
        text = clean_speech(segment.text)
        if not text:
            continue
        pieces = []
        for piece, is_spaced, first, last in _spread(text, _spans(segment, text), max_width):
            start = max(first, clock)
            clock = max(start, last)
            pieces.append(Piece(piece, is_spaced, width_of(piece), start, clock))
        yield pieces


def _spans(segment: Segment, text: str) -> list[_Span]:
    letters = text.replace(" ", "")
    words = [(clean_speech(word.text).replace(" ", ""), word) for word in segment.words]
    if words and "".join(said for said, _ in words) == letters:
        return [_span(len(said), word.start, word.end) for said, word in words if said]
    whole = _span(len(letters), segment.start, segment.end)
    slowest = round(width_of(text) * 1000 / SLOWEST_COLUMNS_PER_SECOND)
    return [_Span(whole.characters, whole.start, min(whole.end, whole.start + slowest))]


def _span(characters: int, start: float, end: float) -> _Span:
    first = _milliseconds(start)
    return _Span(characters, first, max(first, _milliseconds(end)))


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000)) if math.isfinite(seconds * 1000) else 0


def _spread(text: str, spans: Sequence[_Span], max_width: int) -> Iterator[tuple[str, bool, int, int]]:
    """Give each piece of the text with the moments before its first character and after its last."""
    current, said = 0, 0
    for piece, is_spaced in divide(text, max_width=max_width):
        if said == spans[current].characters:
            current, said = current + 1, 0
        start = spans[current].moment(said)
        left = len(piece)
        while said + left > spans[current].characters:
            left -= spans[current].characters - said
            current, said = current + 1, 0
        said += left
        yield piece, is_spaced, start, spans[current].moment(said)
