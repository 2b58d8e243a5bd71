"""What engines say of times, made what transcripts promise: in order, apart from each other, within the sound."""

from collections.abc import Iterable
from dataclasses import replace

from bookmarkai_assets.core.transcripts import Segment, Word


def in_order(segments: Iterable[Segment], duration_seconds: float) -> tuple[Segment, ...]:
    """Trim segments and their words to what is left of the sound after those before; drop those without a text.

    Whisper counts in steps of a padded window, and may end a segment after the file has, or after the next begins.
    """
    ordered: list[Segment] = []
    begin = 0.0
    for segment in segments:
        if not segment.text.strip():
            continue
        start = _between(begin, segment.start, duration_seconds)
        end = _between(start, segment.end, duration_seconds)
        ordered.append(replace(segment, start=start, end=end, words=_words(segment.words, start, end)))
        begin = end
    return tuple(ordered)


def _words(words: Iterable[Word], begin: float, end: float) -> tuple[Word, ...]:
    trimmed: list[Word] = []
    for word in words:
        start = _between(begin, word.start, end)
        trimmed.append(replace(word, start=start, end=_between(start, word.end, end)))
        begin = trimmed[-1].end
    return tuple(trimmed)


def _between(least: float, value: float, most: float) -> float:
    return min(max(least, value), most)
