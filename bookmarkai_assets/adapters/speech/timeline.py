"""What engines say of times, made what transcripts promise: in order, apart from each other, within the sound."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bookmarkai_assets.core.transcripts.transcript import Segment, Word

_FULL_STOPS = (".", "?", "!", "…", "。", "？", "！", "।", "؟")  # noqa: RUF001 - other scripts have other ones
_CLOSING = "\"'”’»)]"  # noqa: RUF001 - as they are written


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


def shifted(segment: Segment, seconds: float) -> Segment:
    """Give a segment that is so much later."""
    words = tuple(replace(word, start=word.start + seconds, end=word.end + seconds) for word in segment.words)
    return replace(segment, start=segment.start + seconds, end=segment.end + seconds, words=words)


def sentences_of(segment: Segment) -> Iterator[Segment]:
    """Divide a segment behind each word that ends a sentence, as its words' times allow; each has its figures."""
    said: list[Word] = []
    for word in segment.words:
        said.append(word)
        if word.text.rstrip(_CLOSING).endswith(_FULL_STOPS):
            yield _of_words(segment, said)
            said = []
    if said or not segment.words:
        yield _of_words(segment, said) if said else segment


def _of_words(segment: Segment, words: Sequence[Word]) -> Segment:
    text = "".join(word.text for word in words)
    return replace(segment, start=words[0].start, end=words[-1].end, text=text, words=tuple(words))


def _words(words: Iterable[Word], begin: float, end: float) -> tuple[Word, ...]:
    trimmed: list[Word] = []
    for word in words:
        start = _between(begin, word.start, end)
        trimmed.append(replace(word, start=start, end=_between(start, word.end, end)))
        begin = trimmed[-1].end
    return tuple(trimmed)


def _between(least: float, value: float, most: float) -> float:
    return min(max(least, value), most)
