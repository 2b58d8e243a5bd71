"""Decide where the language may change within a sound, from how likely each language is in pieces of it.

A wrong change is worse than none. These rules only say where to look: whether the speech is understood in the other
language, decoding shows.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

MIN_SECONDS = 4.0
"""The shortest speech in another language that counts. An interjection is shorter, a sentence about as long."""

MIN_PROBABILITY = 0.3
"""The least probability of a language to which speech changes. Noise and music are spread over many languages."""

CERTAIN = 0.8
"""From this probability on, a language is spoken."""

MIN_UNCERTAIN_SECONDS = 6.0
"""The shortest speech that counts where no other language is certain."""

UNLIKELY = 0.2
"""Below this probability in speech by itself, a language is probably not spoken."""

DOUBTFUL = 0.5
"""Below this probability in a slice of a longer encoding, it is worth encoding the slice by itself. What is around a
slice shows in its encoding, so that the language of the rest is never quite unlikely."""

FLOOR = 0.005
"""The least probability that counts. No piece alone can rule a language out."""

POSSIBLE = 0.1
"""The least probability of a language that is tried where another one is likelier."""

PLACEHOLDERS = frozenset({"la"})
"""Whisper's models take speech that they cannot place for Latin. Nothing changes to it."""

Probabilities = Mapping[str, float]
"""The probability of each language, by Whisper's codes."""


@dataclass(frozen=True)
class Piece:
    """A few seconds of speech, from `start` to `end`, and how likely each language is in them."""

    start: float
    end: float
    probabilities: Probabilities

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


@dataclass(frozen=True)
class Stretch:
    """Speech in one language, from `start` to `end`. `likeliest` are those that it may be in, the likeliest first."""

    start: float
    end: float
    likeliest: Probabilities

    @property
    def language(self) -> str:
        """The likeliest language."""
        return next(iter(self.likeliest))


def doubtful_spans(slices: Iterable[Piece], language: str) -> Iterator[tuple[float, float]]:
    """Yield the spans, of `MIN_SECONDS` or more, in all of whose slices a language is doubtful."""
    for is_doubtful, run in _runs(slices, language, DOUBTFUL):
        if is_doubtful:
            yield run[0].start, run[-1].end


def speaks_for_change(pieces: Iterable[Piece], language: str) -> bool:
    """Whether pieces that were encoded by themselves are probably in another language than this one, for long enough.

    All pieces in which this language is unlikely count together. What the model takes for a placeholder, it cannot
    place: that speaks for no other language, and neither does what is left of the probability for the others.
    """
    foreign = [piece for piece in pieces if piece.probabilities.get(language, 0.0) < UNLIKELY]
    seconds = sum(piece.seconds for piece in foreign)

    def is_heard(name: str) -> bool:
        certain_seconds = sum(piece.seconds for piece in foreign if piece.probabilities.get(name, 0.0) >= CERTAIN)
        mean = sum(piece.probabilities.get(name, 0.0) * piece.seconds for piece in foreign) / seconds
        return _is_long_enough(certain_seconds, is_certain=True) or (
            mean >= MIN_PROBABILITY and _is_long_enough(seconds, is_certain=False)
        )

    return any(map(is_heard, {name for piece in foreign for name in piece.probabilities} - PLACEHOLDERS))


def find_stretches(
    pieces: Sequence[Piece], main: str, detect: Callable[[float, float], Probabilities]
) -> Sequence[Stretch]:
    """Divide speech into stretches of one language each: without gaps, no two neighbours in the same language.

    `pieces` are in order and without gaps. All is in the language `main`, but where that is unlikely for some seconds.
    `detect` says how likely each language is from one time to another.
    """
    if main in PLACEHOLDERS:
        main = _likeliest_throughout(pieces) or main
    merged: list[Stretch] = []
    for stretch in _divide(pieces, main, detect, frozenset({main})):
        if merged and merged[-1].language == stretch.language:
            merged[-1] = replace(merged[-1], end=stretch.end)
        else:
            merged.append(stretch)
    return merged


def likelihood_of_change(before: Probabilities, after: Probabilities, languages: tuple[str, str]) -> float:
    """Return the log-likelihood that what is before a moment is in one language, and what is after it in another."""
    return sum(
        math.log(max(probabilities.get(language, 0.0), FLOOR))
        for probabilities, language in zip((before, after), languages, strict=True)
    )


def _divide(
    pieces: Sequence[Piece], main: str, detect: Callable[[float, float], Probabilities], tried: frozenset[str]
) -> Iterator[Stretch]:
    for is_foreign_run, run in _runs(pieces, main, UNLIKELY):
        start, end = run[0].start, run[-1].end
        if is_foreign_run:
            likeliest = _likeliest(detect(start, end))
            language = next(iter(likeliest), main)
            is_certain = likeliest.get(language, 0.0) >= CERTAIN
            if language not in tried and _is_long_enough(end - start, is_certain=is_certain):
                # A third language may be spoken in a part of the run.
                inner = tuple(_divide(run, language, detect, tried | {language}))
                yield from inner if len(inner) > 1 else [Stretch(start, end, likeliest)]
                continue
        yield Stretch(start, end, {main: sum(one.probabilities.get(main, 0.0) for one in run) / len(run)})


def _is_long_enough(seconds: float, *, is_certain: bool) -> bool:
    return seconds >= (MIN_SECONDS if is_certain else MIN_UNCERTAIN_SECONDS)


def _likeliest_throughout(pieces: Sequence[Piece]) -> str | None:
    sums: dict[str, float] = {}
    for piece in pieces:
        for name, probability in piece.probabilities.items():
            sums[name] = sums.get(name, 0.0) + probability
    return max((name for name in sums if name not in PLACEHOLDERS), key=sums.__getitem__, default=None)


def _likeliest(probabilities: Probabilities) -> Probabilities:
    """Return the likeliest languages, the first most, without placeholders. None if not even the first is likely."""
    found = {name: one for name, one in probabilities.items() if name not in PLACEHOLDERS}
    whole = sum(found.values()) or 1.0
    ordered = sorted(found, key=found.__getitem__, reverse=True)
    is_likely = bool(ordered) and found[ordered[0]] / whole >= MIN_PROBABILITY
    return {name: found[name] / whole for name in ordered if found[name] / whole >= POSSIBLE} if is_likely else {}


def _runs(pieces: Iterable[Piece], language: str, limit: float) -> Iterator[tuple[bool, Sequence[Piece]]]:
    """Yield the runs of pieces in which a language is below a limit, if they are long enough, and those between."""
    rest: list[Piece] = []
    for is_below, group in groupby(pieces, lambda piece: piece.probabilities.get(language, 0.0) < limit):
        run = tuple(group)
        if not is_below or run[-1].end - run[0].start < MIN_SECONDS:
            rest += run
            continue
        if rest:
            yield False, rest
            rest = []
        yield True, run
    if rest:
        yield False, rest
