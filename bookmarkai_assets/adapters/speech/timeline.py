"""Make the times of engines what transcripts promise: in order, without overlaps, and within the sound."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bookmarkai_assets.core.transcripts.transcript import Segment, Word

_FULL_STOPS = (".", "?", "!", "…", "。", "？", "！", "।", "؟")  # noqa: RUF001 - the full stops of other scripts
_CLOSING = "\"'”’»)]"  # noqa: RUF001 - typographic quotation marks


def trim_segments(segments: Iterable[Segment], duration_seconds: float) -> tuple[Segment, ...]:
    """Trim each segment and its words to begin after the one before and end within the sound. Drop those without text.

    Whisper counts in steps of a padded window. It may end a segment after the file's end, or after the next one begins.
    """
    ordered: list[Segment] = []
    begin = 0.0
    for segment in segments:
        if not segment.text.strip():
            continue
        start = _clamp(begin, segment.start, duration_seconds)
        end = _clamp(start, segment.end, duration_seconds)
        ordered.append(replace(segment, start=start, end=end, words=_trim_words(segment.words, start, end)))
        begin = end
    return tuple(ordered)


def shift_segment(segment: Segment, seconds: float) -> Segment:
    """Return a segment that is this many seconds later."""
    words = tuple(replace(word, start=word.start + seconds, end=word.end + seconds) for word in segment.words)
    return replace(segment, start=segment.start + seconds, end=segment.end + seconds, words=words)


def split_sentences(segment: Segment) -> Iterator[Segment]:
    """Split a segment after each word that ends a sentence. Each sentence keeps the segment's figures."""
    words: list[Word] = []
    for word in segment.words:
        words.append(word)
        if word.text.rstrip(_CLOSING).endswith(_FULL_STOPS):
            yield _segment_of(segment, words)
            words = []
    if words or not segment.words:
        yield _segment_of(segment, words) if words else segment


def _segment_of(segment: Segment, words: Sequence[Word]) -> Segment:
    text = "".join(word.text for word in words)
    return replace(segment, start=words[0].start, end=words[-1].end, text=text, words=tuple(words))


def _trim_words(words: Iterable[Word], begin: float, end: float) -> tuple[Word, ...]:
    trimmed: list[Word] = []
    for word in words:
        start = _clamp(begin, word.start, end)
        trimmed.append(replace(word, start=start, end=_clamp(start, word.end, end)))
        begin = trimmed[-1].end
    return tuple(trimmed)


def _clamp(least: float, value: float, most: float) -> float:
    return min(max(least, value), most)
