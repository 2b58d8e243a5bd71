"""What a vendor is asked for a chunk of a sound, what it returns, and how passages in several languages are joined."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bookmarkai_assets.adapters.speech.languages import WINDOW_SECONDS, Passage
from bookmarkai_assets.adapters.speech.timeline import shift_segment
from bookmarkai_assets.core.media.sound import SAMPLES_PER_SECOND
from bookmarkai_assets.core.transcripts.language_stretches import CERTAIN, PLACEHOLDERS
from bookmarkai_assets.core.transcripts.languages import seconds_by_language
from bookmarkai_assets.core.transcripts.quality import DEFAULT_LIMITS
from bookmarkai_assets.core.transcripts.transcript import UNKNOWN, Segment

_LEAST_GAIN = 0.05
"""In average log-probability. Speech that is decoded in another language than its own loses 0.1 to 1.0."""

_UNDERSTOOD = -0.65
"""The least average log-probability of speech in a language that is not certain."""

_HOPELESS = -10.0


@dataclass(frozen=True)
class Request:
    """How a chunk is to be transcribed: in one language, or if that is None, in the one of its first window.

    `prompt` has names that may be spoken. With `is_watched`, every window must seem to be in the language
    (`languages.require_language`). With `is_trial`, it is not translated, and no window is decoded a second time.
    """

    language: str | None
    prompt: str | None = None
    is_watched: bool = False
    is_trial: bool = False


@dataclass(frozen=True)
class ChunkResult:
    """What a vendor returns for one chunk: its segments in order, with times from the chunk's start."""

    segments: Sequence[Segment]
    language: str
    language_probability: float
    speech_seconds: float


@dataclass(frozen=True)
class Settled:
    """The samples of a chunk from `start` up to `end`, and the language in which they are transcribed."""

    start: int
    end: int
    language: str


class Transcribe(Protocol):
    """Transcribes the samples of a chunk from `start` up to `end`. Times are from the chunk's start."""

    def __call__(self, start: int, end: int, language: str, *, is_trial: bool = False) -> ChunkResult:
        """Raise what the vendor raises."""


def shift_result(result: ChunkResult, seconds: float) -> ChunkResult:
    """Return a result that is this many seconds later."""
    return replace(result, segments=[shift_segment(segment, seconds) for segment in result.segments])


def settle_languages(passages: Sequence[Passage], transcribe: Transcribe, *, main: str) -> Sequence[Settled]:
    """Return the language of each passage, with no two neighbours in the same.

    Where no language is certain, it is the one in which the passage is understood best, and another than `main` only if
    that is clearly worse. Of a long passage, the first window decides.
    """
    settled: list[Settled] = []
    for passage in passages:
        language = _language_of(passage, transcribe, main)
        if settled and settled[-1].language == language:
            settled[-1] = replace(settled[-1], end=passage.end)
        else:
            settled.append(Settled(passage.start, passage.end, language))
    return settled


def join_results(results: Sequence[ChunkResult]) -> ChunkResult:
    """Join the results of passages. The language is the one with the most text, with its mean probability."""
    segments = [replace(segment, language=result.language) for result in results for segment in result.segments]
    seconds = seconds_by_language(segments, otherwise=UNKNOWN)
    language = max(seconds, key=seconds.__getitem__, default=results[0].language)
    those = [result for result in results if result.language == language]
    weight = sum(result.speech_seconds for result in those) or 1.0
    return ChunkResult(
        segments,
        language,
        sum(result.language_probability * result.speech_seconds for result in those) / weight,
        sum(result.speech_seconds for result in results),
    )


def _language_of(passage: Passage, transcribe: Transcribe, main: str) -> str:
    first = next(iter(passage.likeliest))
    if first == main or passage.likeliest[first] >= CERTAIN:
        return first
    end = min(passage.end, passage.start + WINDOW_SECONDS * SAMPLES_PER_SECOND)
    understanding = {
        language: _understanding(transcribe(passage.start, end, language, is_trial=True))
        for language in {main: 1.0, **passage.likeliest}
    }
    best = max(understanding, key=understanding.__getitem__)
    if main in PLACEHOLDERS:
        return best
    is_better = best != main and understanding[best] >= understanding[main] + _LEAST_GAIN
    return best if is_better and understanding[best] >= _UNDERSTOOD else main


def _understanding(result: ChunkResult) -> float:
    """Return the average log-probability of the text, weighted by time. Loops, and no text, count as not understood."""
    segments = [segment for segment in result.segments if segment.text.strip()]
    seconds = sum(segment.end - segment.start for segment in segments)
    if not seconds or any(segment.compression_ratio > DEFAULT_LIMITS.compression_ratio for segment in segments):
        return _HOPELESS
    return sum(segment.avg_logprob * (segment.end - segment.start) for segment in segments) / seconds
