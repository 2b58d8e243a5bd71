"""Lay a transcript out as cues: what is on the screen, on which lines, from when to when. File formats are elsewhere.

The rules are Netflix's Timed Text Style Guide (general requirements, and the English template's line length and reading
speed) and, for how long a cue may stay after the speech, the BBC's Subtitle Guidelines.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from bookmarkai_assets.core.transcripts.subtitles_text import ends_clause, ends_sentence
from bookmarkai_assets.core.transcripts.subtitles_timing import Piece, timed_pieces
from bookmarkai_assets.core.transcripts.transcript import Transcript

MAX_LINES = 2
"""Netflix."""

MAX_COLUMNS = 42
"""Of a line (Netflix). Wide characters count two, so 21 Chinese ones fit, and Netflix allows 16 to 23 by language."""

MIN_MILLISECONDS = 1_000
"""Of a cue, if the next one allows it (Netflix: 5/6 of a second)."""

MAX_MILLISECONDS = 7_000
"""Of a cue, always (Netflix)."""

MIN_GAP_MILLISECONDS = 80
"""Between two cues that do not touch: two frames of 25 a second (Netflix)."""

COLUMNS_PER_SECOND = 17
"""A cue stays until it can be read at this speed (Netflix: 17 to 20), if the next one allows it."""

MAX_LINGER_MILLISECONDS = 1_500
"""How long a cue may stay for that after its last word (BBC)."""

PAUSE_MILLISECONDS = 1_000
"""A silence that ends a cue: the shortest gap that does not flicker (BBC)."""

# What good breaks are worth and bad ones cost, against their distance from the even division (1 is a full cue or line).
_SENTENCE_IS_WORTH, _CLAUSE_IS_WORTH = 0.4, 0.2
# Articles, prepositions and conjunctions belong with what follows (Netflix). In most languages they are short.
_SHORT_WORD_COSTS, _SHORT_WORD_COLUMNS = 0.2, 3
# Netflix prefers the longer line below.
_TOP_HEAVY_COSTS = 0.05
# Some readers of SRT take a line of digits for the number of the next cue.
_NUMBER_ALONE_COSTS = 2.0


@dataclass(frozen=True)
class Cue:
    """One or two lines of text on the screen. Times are milliseconds from the start of the video. `end` > `start`."""

    start: int
    end: int
    lines: tuple[str, ...]


def has_times(transcript: Transcript) -> bool:
    """Whether a transcript has times. One without text counts as having them."""
    return not transcript.text.strip() or any(segment.end > 0 for segment in transcript.segments)


def cues_of(transcript: Transcript) -> tuple[Cue, ...]:
    """Lay a transcript out as cues: in order, without overlaps, and with all the text.

    A cue ends at a silence, at a change of language, and at the end of a segment unless its sentence continues in the
    next one. It also ends
    where the rules allow no more text, at the end of a sentence or clause close to an even division of the rest. Speech
    shorter than `MIN_MILLISECONDS` is joined to what follows. A cue that must still be shorter is followed by the next
    one without a gap.
    """
    segments = timed_pieces(transcript.segments, max_width=MAX_COLUMNS)
    return tuple(_time_cues([cue for stretch in _stretches(segments) for cue in _split(stretch)]))


def _stretches(segments: Iterable[list[Piece]]) -> Iterator[list[Piece]]:
    stretch: list[Piece] = []
    for pieces in segments:
        for at, piece in enumerate(pieces):
            if stretch and _is_new_stretch(stretch, piece, begins_segment=at == 0):
                yield stretch
                stretch = []
            stretch.append(piece)
    if stretch:
        yield stretch


def _is_new_stretch(stretch: Sequence[Piece], piece: Piece, *, begins_segment: bool) -> bool:
    if piece.start - stretch[-1].end >= PAUSE_MILLISECONDS or piece.language != stretch[-1].language:
        return True
    is_continued = piece.text[0].islower() and not ends_sentence(stretch[-1].text)
    return begins_segment and not is_continued and stretch[-1].end - stretch[0].start >= MIN_MILLISECONDS


def _split(stretch: Sequence[Piece]) -> Iterator[Sequence[Piece]]:
    """Cut speech without a pause into as few cues as possible, at good breaks."""
    width_before = list(accumulate((piece.width + piece.is_spaced for piece in stretch), initial=0))
    begin = 0
    while begin < len(stretch):
        end = _longest_end(stretch, begin)
        if end < len(stretch):
            rest = width_before[-1] - width_before[begin]
            duration = stretch[-1].end - stretch[begin].start
            cues = max(2, -(-rest // (MAX_LINES * MAX_COLUMNS)), -(-duration // MAX_MILLISECONDS))
            ideal = width_before[begin] + rest / cues
            end = min(
                range(begin + 1, end + 1),
                key=lambda at: abs(width_before[at] - ideal) / (MAX_LINES * MAX_COLUMNS) - _worth(stretch[at - 1]),
            )
        yield stretch[begin:end]
        begin = end


def _longest_end(stretch: Sequence[Piece], begin: int) -> int:
    """Return the end of the longest cue from `begin` that the rules allow. It has at least one piece."""
    line, used = 1, 0
    for at in range(begin, len(stretch)):
        piece = stretch[at]
        if at > begin and piece.end - stretch[begin].start > MAX_MILLISECONDS:
            return at
        needed = piece.width + (piece.is_spaced and at > begin)
        if used + needed <= MAX_COLUMNS:
            used += needed
            continue
        line, used = line + 1, piece.width
        if line > MAX_LINES:
            return at
    return len(stretch)


def _worth(piece: Piece) -> float:
    if ends_sentence(piece.text):
        return _SENTENCE_IS_WORTH
    if ends_clause(piece.text):
        return _CLAUSE_IS_WORTH
    return -_SHORT_WORD_COSTS if piece.is_spaced and piece.width <= _SHORT_WORD_COLUMNS else 0.0


def _break_lines(cue: Sequence[Piece]) -> tuple[str, ...]:
    """Return one line if the text fits, else two of about the same length, broken where the sense allows."""
    if _width(cue) <= MAX_COLUMNS:
        return (_text(cue),)

    def cost(at: int) -> float:
        above, below = cue[:at], cue[at:]
        difference = _width(below) - _width(above)
        return (
            abs(difference) / MAX_COLUMNS
            + (_TOP_HEAVY_COSTS if difference < 0 else 0.0)
            + (_NUMBER_ALONE_COSTS if _text(above).isdecimal() or _text(below).isdecimal() else 0.0)
            - _worth(above[-1])
        )

    breaks = [at for at in range(1, len(cue)) if _width(cue[:at]) <= MAX_COLUMNS and _width(cue[at:]) <= MAX_COLUMNS]
    at = min(breaks, key=cost)
    return (_text(cue[:at]), _text(cue[at:]))


def _width(line: Sequence[Piece]) -> int:
    return sum(piece.width + piece.is_spaced for piece in line) - line[0].is_spaced


def _text(line: Sequence[Piece]) -> str:
    return "".join(" " + piece.text if piece.is_spaced else piece.text for piece in line).removeprefix(" ")


def _time_cues(cues: Sequence[Sequence[Piece]]) -> Iterator[Cue]:
    # At least a millisecond apart, so that cues with the same time are still shown one after the other.
    starts = list(accumulate((cue[0].start for cue in cues), lambda before, start: max(start, before + 1)))
    for cue, start, following in zip(cues, starts, [*starts, None][1:], strict=True):
        yield Cue(start, _end(cue, start, following), _break_lines(cue))


def _end(cue: Sequence[Piece], start: int, following: int | None) -> int:
    speech_end = max(start, cue[-1].end)
    readable = min(start + _width(cue) * 1000 // COLUMNS_PER_SECOND, speech_end + MAX_LINGER_MILLISECONDS)
    end = min(max(speech_end, readable, start + MIN_MILLISECONDS), start + MAX_MILLISECONDS)
    if following is None or end <= following - MIN_GAP_MILLISECONDS:
        return end
    before_a_gap = following - MIN_GAP_MILLISECONDS
    return before_a_gap if before_a_gap - start >= MIN_MILLISECONDS else following
