"""Find where the language changes in a sound, whichever vendor's model hears it.

Each window of speech is encoded in any case. A few seconds of its encoding are enough for the model to say how likely
each language is in them, and cost it one token. Where the expected language is doubtful for some seconds, these are
encoded by themselves, which is much surer, and cheap for so short a sound. Only if they then speak for another
language, and for long enough, is the sound divided into passages, which costs more than all the watching.
`core/transcripts/language_stretches` has the limits.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol, TypeAlias

from bookmarkai_assets.adapters.speech.voice import extract_voice
from bookmarkai_assets.core.media.sound import SAMPLES_PER_SECOND
from bookmarkai_assets.core.transcripts.language_stretches import (
    Piece,
    Probabilities,
    doubtful_spans,
    find_stretches,
    likelihood_of_change,
    speaks_for_change,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples: TypeAlias = npt.NDArray[np.float32]
    Detect: TypeAlias = Callable[[Samples], Probabilities]

LANGUAGE_CHANGES = "slices-2"
"""Its name in recipes: another way to find the changes leads to other words."""

WINDOW_SECONDS = 30
"""The length of Whisper's window."""

_SLICE_SECONDS = 2.5
"""About the shortest speech of which the model can say the language. A sentence has as much."""

_PIECE_SECONDS = (4.0, 7.0)
"""The shortest and the longest piece of speech that is encoded by itself to find the changes."""

_QUIET_SECONDS = 0.2
_QUIET_STEP_SECONDS = 0.05
_QUIET_MOMENTS = 4
"""How many pauses are compared as the place of a change."""


class LanguageChangeError(Exception):
    """Not all of the sound is in the language in which it is decoded, which is `language`."""

    def __init__(self, language: str) -> None:
        super().__init__(f"expected all of the sound in {language}, found other languages")
        self.language = language


class EncodedSpeech(Protocol):
    """A window of speech as a model has encoded it."""

    @property
    def seconds(self) -> float:
        """The length of the speech in it, without what fills the window up."""

    def probabilities(self, spans: Sequence[tuple[float, float]]) -> Sequence[Probabilities]:
        """Return how likely each language is in each span of the window, from its start to its end in seconds.

        The spans are equally long.
        """

    def probabilities_alone(self, start: float, end: float) -> Probabilities:
        """Encode a span of the window by itself, and return how likely each language is."""


@dataclass(frozen=True)
class Passage:
    """The samples of a sound from `start` up to `end`, and the languages that they may be in, the likeliest first."""

    start: int
    end: int
    likeliest: Probabilities


def require_language(encoded: EncodedSpeech, language: str) -> None:
    """Raise `LanguageChangeError` if a window seems to have another language than this one in it."""
    doubtful = doubtful_spans(_slices_of(encoded), language)
    spans = [piece for start, end in doubtful for piece in _divide(start, end, _PIECE_SECONDS[1])]
    if speaks_for_change([Piece(*span, encoded.probabilities_alone(*span)) for span in spans], language):
        raise LanguageChangeError(language)


def passages_of(samples: "Samples", main: str, detect: "Detect") -> Sequence[Passage]:
    """Divide a sound whose language is mainly `main` into passages of one language each, cut in pauses.

    `detect` says how likely each language is in up to `WINDOW_SECONDS` of speech. What is short costs little.
    """
    voice = extract_voice(samples)

    def between(start: float, end: float) -> Probabilities:
        return detect(voice.samples[_count(start) : _count(min(end, start + WINDOW_SECONDS))])

    pieces = [Piece(start, end, between(start, end)) for start, end in pairwise(_piece_borders(voice.samples))]
    stretches = find_stretches(pieces, main, between)
    begins = [0]
    for before, after in pairwise(stretches):
        cut = _best_cut(
            voice.samples,
            [piece for piece in pieces if before.end in {piece.start, piece.end}],
            between,
            (before.language, after.language),
        )
        begins.append(max(begins[-1], _count(voice.original_time(cut))))
    return [
        Passage(start, end, stretch.likeliest)
        for stretch, (start, end) in zip(stretches, pairwise([*begins, len(samples)]), strict=True)
        if start < end
    ]


def _slices_of(encoded: EncodedSpeech) -> Sequence[Piece]:
    count = max(1, round(encoded.seconds / _SLICE_SECONDS))
    length = encoded.seconds / count
    spans = [(number * length, (number + 1) * length) for number in range(count)]
    found = zip(spans, encoded.probabilities(spans), strict=True)
    return [Piece(start, end, probabilities) for (start, end), probabilities in found]


def _divide(start: float, end: float, longest: float) -> Iterator[tuple[float, float]]:
    """Divide a span into equal ones that are no longer than `longest`."""
    count = math.ceil((end - start) / longest)
    borders = [start + (end - start) * number / count for number in range(count + 1)]
    return pairwise(borders)


def _piece_borders(samples: "Samples") -> Sequence[float]:
    """Divide speech into pieces of some seconds, in pauses. Return where they begin, and the end."""
    shortest, longest = _PIECE_SECONDS
    end = len(samples) / SAMPLES_PER_SECOND
    borders = [0.0]
    while end - borders[-1] > longest:
        borders += _quiet_moments(samples, borders[-1] + shortest, min(borders[-1] + longest, end - shortest / 2))[:1]
    return [*borders, end] if end else []


def _best_cut(
    samples: "Samples",
    pieces: Sequence[Piece],
    detect: Callable[[float, float], Probabilities],
    languages: tuple[str, str],
) -> float:
    """Return the pause in two neighbouring pieces at which one language gives way to the other."""
    start, border, end = pieces[0].start, pieces[0].end, pieces[-1].end

    def likelihood(moment: float) -> float:
        before = detect(max(0.0, moment - _SLICE_SECONDS), moment)
        after = detect(moment, min(moment + _SLICE_SECONDS, len(samples) / SAMPLES_PER_SECOND))
        return likelihood_of_change(before, after, languages)

    return max([border, *_quiet_moments(samples, start + _QUIET_SECONDS, end - _QUIET_SECONDS)], key=likelihood)


def _quiet_moments(samples: "Samples", start: float, end: float) -> Sequence[float]:
    """Return the quietest moments between two times, in seconds, the quietest first, and apart from each other."""
    import numpy as np  # noqa: PLC0415 - reading the settings does not need it

    length, step = _count(_QUIET_SECONDS), _count(_QUIET_STEP_SECONDS)
    last = min(len(samples), _count(end)) - length
    begins = np.arange(min(max(0, _count(start)), max(0, last)), max(1, last + 1), step)
    energy = np.array([float(np.square(samples[begin : begin + length]).sum()) for begin in begins])
    moments: list[float] = []
    while len(moments) < _QUIET_MOMENTS and np.isfinite(energy).any():
        quietest = begins[energy.argmin()]
        moments.append(float(quietest + length // 2) / SAMPLES_PER_SECOND)
        energy[abs(begins - quietest) < 2 * length] = np.inf
    return moments


def _count(seconds: float) -> int:
    return round(seconds * SAMPLES_PER_SECOND)
