"""Rules that find doubts about a transcript from its text and the engine's figures, without the sound.

A doubt changes nothing in the transcript, with one exception. Text that was invented over silence or music is dropped
(see `invented_text`), and the transcript then has no segments.
"""

import math
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bookmarkai_assets.core.transcripts.doubts import Doubt, DoubtKind, Severity
from bookmarkai_assets.core.transcripts.invented_text import is_invented
from bookmarkai_assets.core.transcripts.languages import language_shares
from bookmarkai_assets.core.transcripts.transcript import UNKNOWN, Segment, Transcript


@dataclass(frozen=True)
class Rate:
    """How many units of text per second of speech are plausible."""

    unit: str
    least: float
    most: float


WORDS = Rate("words", 0.3, 7.0)
"""English conversation has 190 to 230 words a minute (Tauroza and Allison 1990, Applied Linguistics 11), and the most
is twice that. Below the least, the text cannot be all that was said in its own time."""

SYLLABLES = Rate("characters", 0.5, 15.0)
"""Chinese and Japanese, where a character is about a syllable. Languages average 5 to 8 syllables a second (Pellegrino,
Coupé and Marsico 2011, Language 87)."""

LETTERS = Rate("characters", 1.0, 40.0)
"""Thai, Lao, Burmese, Khmer and Tibetan, with no spaces either, and up to four letters and marks a syllable."""


@dataclass(frozen=True)
class QualityLimits:
    """The limits at which doubt begins.

    The first three are Whisper's `compression_ratio_threshold` and `logprob_threshold`, and faster-whisper's
    `language_detection_threshold`. A hinted language may be less likely, because hints are for languages that are hard
    to detect: with the model base, wrong hints gave 0.0003 to 0.04 and right ones over 0.7. A loop is a phrase that is
    said at least `loop_repeats` times in a row and makes up at least `loop_units` words. Rates are checked from
    `rate_seconds` of speech on. Speech without text is a doubt only beyond both `uncovered_seconds` and
    `uncovered_percent`, because voice detection takes singing for speech. A second of sound may be left out where a
    recording begins or breaks off, and a track may end some frames after the picture: more than `left_out_seconds` and
    `outlasting_seconds` is a doubt.
    """

    compression_ratio: float = 2.4
    avg_logprob: float = -1.0
    language_probability: float = 0.5
    hinted_probability: float = 0.1
    loop_repeats: int = 4
    loop_units: int = 10
    rate_seconds: float = 5.0
    uncovered_seconds: float = 10.0
    uncovered_percent: float = 25.0
    left_out_seconds: float = 1.0
    outlasting_seconds: float = 1.0


DEFAULT_LIMITS = QualityLimits()

PAUSE_SECONDS = 2.8
"""Voice detection counts a pause of up to 2 s as speech, and 0.4 s at each end of a longer one (faster-whisper's
`VadOptions`). A gap of this length between segments is therefore not missing text."""

LONGEST_LOOP_PHRASE = 40
"""The most words of a phrase that is checked for immediate repetition: two or three sentences."""

LEFT_OUT_SHARE = 0.1
"""A transcript of less than the rest of the sound is none."""

SHOWN_CHARACTERS = 80

_SENSIBLE = 1e6
"""No valid figure of an engine is larger. One that is, or that is not a number, is an error of the engine."""

_NO_LETTERS = re.compile(r"[\W_]+")
_SYLLABLE = re.compile("[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_LETTER = re.compile("[\u0e01-\u0fff\u1000-\u109f\u1780-\u17ff]")


def assess(
    transcript: Transcript,
    *,
    hinted_language: str | None,
    video_seconds: float | None = None,
    limits: QualityLimits = DEFAULT_LIMITS,
) -> Transcript:
    """Return the transcript with its doubts, and without segments if all its text was invented."""
    if not is_invented(transcript):
        doubts = find_doubts(transcript, hinted_language=hinted_language, video_seconds=video_seconds, limits=limits)
        return replace(transcript, doubts=doubts)
    detail = f"nobody speaks; what {transcript.engine} made up was dropped: {_quote(transcript.text)}"
    doubt = Doubt(DoubtKind.NO_SPEECH, Severity.WARN, float(transcript.word_count), None, detail)
    return replace(transcript, segments=(), doubts=(doubt,))


def is_mostly_heard(transcript: Transcript) -> bool:
    """Whether the engine got to hear nine tenths of the sound."""
    return transcript.left_out_seconds <= LEFT_OUT_SHARE * transcript.duration_seconds


def find_doubts(
    transcript: Transcript,
    *,
    hinted_language: str | None,
    video_seconds: float | None = None,
    limits: QualityLimits = DEFAULT_LIMITS,
) -> tuple[Doubt, ...]:
    """Find the doubts about a transcript, at most one of each kind, in the order of the kinds.

    `hinted_language` is the expected language and `video_seconds` the length of the video, None if they are not known.
    The figures of the doubts are:

    * no_speech: the words that were dropped (0 here)
    * repetition_loop: the words in the loop, or the compression ratio if no loop is found
    * implausible_rate: units a second
    * unexpected_language: the language's probability
    * low_confidence: the log-probability, or the language's probability if that is good
    * not_covered: the seconds of speech without text
    * sound_left_out: the seconds of the sound that do not decode, or that other sound takes the place of
    * outlasts_video: the length of the sound in seconds
    """
    doubts = (
        _no_speech(transcript),
        _repetition_loop(transcript, limits),
        _implausible_rate(transcript, limits),
        _unexpected_language(transcript, hinted_language, limits),
        _low_confidence(transcript, hinted_language, limits),
        _not_covered(transcript, limits),
        _sound_left_out(transcript, limits),
        _outlasts_video(transcript, video_seconds, limits),
    )
    return tuple(doubt for doubt in doubts if doubt is not None)


def compression_ratio(text: str) -> float:
    """Return the ratio by which zlib compresses a text, as Whisper computes it; 0.0 for an empty one."""
    data = text.encode("utf-8", "replace")
    return len(data) / len(zlib.compress(data)) if data else 0.0


def units_of(text: str) -> tuple[Rate, Sequence[str]]:
    """Split a text into words, or into characters if most of it is in a script without spaces between words."""
    syllables, letters = _SYLLABLE.findall(text), _LETTER.findall(text)
    plain = _NO_LETTERS.sub("", text)
    if 2 * (len(syllables) + len(letters)) > len(plain):
        return (SYLLABLES, list(plain)) if len(syllables) >= len(letters) else (LETTERS, list(plain))
    return WORDS, [word for word in (_NO_LETTERS.sub("", part) for part in text.casefold().split()) if word]


@dataclass(frozen=True)
class Loop:
    """A phrase that is said `times` times in a row."""

    phrase: tuple[str, ...]
    times: int

    @property
    def units(self) -> int:
        """The words or characters of all repetitions together."""
        return len(self.phrase) * self.times


def longest_loop(units: Sequence[str], limits: QualityLimits = DEFAULT_LIMITS) -> Loop | None:
    """Find the loop that takes up the most units: a phrase said again and again with nothing in between, or None."""
    best: Loop | None = None
    for length in range(1, min(LONGEST_LOOP_PHRASE, len(units) // limits.loop_repeats) + 1):
        run = longest = end = 0
        for at in range(length, len(units)):
            run = run + 1 if units[at] == units[at - length] else 0
            if run > longest:
                longest, end = run, at + 1
        loop = Loop(tuple(units[end - length : end]), longest // length + 1)
        is_loop = loop.times >= limits.loop_repeats and loop.units >= limits.loop_units
        if is_loop and (best is None or loop.units > best.units):
            best = loop
    return best


def covered_seconds(segments: Iterable[Segment], *, margin: float = 0.0) -> float:
    """Return the seconds that have text. Where segments overlap, the time counts once.

    `margin` seconds before and after each segment count as well, but nothing before the sound begins.
    """
    covered = reached = 0.0
    for start, end in sorted((segment.start - margin, segment.end + margin) for segment in segments):
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return covered


def _no_speech(transcript: Transcript) -> Doubt | None:
    if transcript.segments:
        return None
    words = "no words were found, although a voice was detected" if transcript.speech_seconds else "nobody speaks"
    return Doubt(DoubtKind.NO_SPEECH, Severity.WARN, 0.0, None, words)


def _repetition_loop(transcript: Transcript, limits: QualityLimits) -> Doubt | None:
    rate, units = units_of(transcript.text)
    loop = longest_loop(units, limits)
    ratios = [
        _finite(segment.compression_ratio, 0.0) or compression_ratio(segment.text) for segment in transcript.segments
    ]
    repetitive = sum(ratio > limits.compression_ratio for ratio in ratios)
    if loop is None and not repetitive:
        return None
    is_most = 2 * repetitive > len(ratios) or (loop is not None and 2 * loop.units > len(units))
    severity = Severity.ERROR if is_most else Severity.WARN
    if loop is None:
        words = (
            f"{repetitive} of {len(ratios)} segments repeat themselves: they compress by up to {max(ratios):.1f}, "
            f"and Whisper takes more than {limits.compression_ratio:g} for a loop"
        )
        return Doubt(DoubtKind.REPETITION_LOOP, severity, round(max(ratios), 3), limits.compression_ratio, words)
    phrase = ("" if rate is not WORDS else " ").join(loop.phrase)
    words = f"{loop.times} times in a row, {loop.units} of {len(units)} {rate.unit}: {_quote(phrase)}"
    return Doubt(DoubtKind.REPETITION_LOOP, severity, float(loop.units), float(limits.loop_units), words)


def _implausible_rate(transcript: Transcript, limits: QualityLimits) -> Doubt | None:
    """Doubt the rate in any of the languages: each is counted by its own units."""
    languages = dict.fromkeys(segment.language for segment in transcript.segments)
    spoken = ([segment for segment in transcript.segments if segment.language == one] for one in languages)
    found = [doubt for doubt in (_implausible_rate_of(segments, limits) for segments in spoken) if doubt is not None]
    return min(found, key=lambda doubt: doubt.severity is not Severity.ERROR, default=None)


def _implausible_rate_of(segments: Sequence[Segment], limits: QualityLimits) -> Doubt | None:
    seconds = covered_seconds(segments)
    rate, units = units_of(" ".join(segment.text for segment in segments))
    # A short text is compared with what `rate_seconds` could have, so that a burst in next to no time is found too.
    is_burst = len(units) > rate.most * max(seconds, limits.rate_seconds)
    is_sparse = seconds >= limits.rate_seconds and len(units) < rate.least * seconds
    if not (is_burst or is_sparse):
        return None
    figure = round(len(units) / max(seconds, 0.01), 3)
    limit = rate.most if is_burst else rate.least
    words = (
        f"{len(units)} {rate.unit} in {seconds:.1f} s of speech, {figure:.2g} a second; "
        f"{'at most' if is_burst else 'at least'} {limit:g} are plausible"
    )
    return Doubt(DoubtKind.IMPLAUSIBLE_RATE, Severity.ERROR if is_burst else Severity.WARN, figure, limit, words)


def _unexpected_language(transcript: Transcript, hinted: str | None, limits: QualityLimits) -> Doubt | None:
    if hinted is None or not transcript.segments or transcript.language == UNKNOWN:
        return None
    probability = _finite(transcript.language_probability, 0.0)
    if transcript.language != hinted:
        words = f"{hinted} was expected, {transcript.language} was heard with a probability of {probability:.2f}"
        share = next((one.share for one in language_shares(transcript) if one.language == hinted), None)
        severity = Severity.ERROR if share is None else Severity.WARN
        words += "" if share is None else f"; {hinted} is {share:.0%} of the speech"
        return Doubt(DoubtKind.UNEXPECTED_LANGUAGE, severity, round(probability, 3), None, words)
    limit = limits.hinted_probability
    if probability >= limit:
        return None
    words = f"{hinted} was expected, but does not sound like it: its probability is {probability:.2f}"
    return Doubt(DoubtKind.UNEXPECTED_LANGUAGE, Severity.ERROR, round(probability, 3), limit, words)


def _low_confidence(transcript: Transcript, hinted: str | None, limits: QualityLimits) -> Doubt | None:
    if not transcript.segments:
        return None
    logprob = _weighted_logprob(transcript.segments)
    if logprob < limits.avg_logprob:
        words = (
            f"the engine's average log-probability is {logprob:.2f}; below {limits.avg_logprob:g} Whisper itself takes "
            "decoding for failed"
        )
        return Doubt(DoubtKind.LOW_CONFIDENCE, Severity.ERROR, round(logprob, 3), limits.avg_logprob, words)
    probability = _finite(transcript.language_probability, 0.0)
    if hinted is None and probability < limits.language_probability:
        words = f"the language may not be {transcript.language}: its probability is {probability:.2f}"
        return Doubt(DoubtKind.LOW_CONFIDENCE, Severity.WARN, round(probability, 3), limits.language_probability, words)
    return None


def _not_covered(transcript: Transcript, limits: QualityLimits) -> Doubt | None:
    """Doubt a text that leaves out speech, if the engine says how much speech there is. Silence is no gap."""
    speech = transcript.speech_seconds
    if speech is None or not math.isfinite(speech):
        return None
    missing = speech - covered_seconds(transcript.segments, margin=PAUSE_SECONDS / 2)
    if missing <= limits.uncovered_seconds or 100 * missing <= limits.uncovered_percent * speech:
        return None
    words = f"a voice was detected for {speech:.1f} s, and {missing:.1f} s of that have no text"
    if not transcript.segments:
        words += ": it may be singing, or speech that the model does not understand"
    severity = Severity.ERROR if transcript.segments and 2 * missing > speech else Severity.WARN
    limit = max(limits.uncovered_seconds, speech * limits.uncovered_percent / 100)
    return Doubt(DoubtKind.NOT_COVERED, severity, round(missing, 3), round(limit, 3), words)


def _sound_left_out(transcript: Transcript, limits: QualityLimits) -> Doubt | None:
    seconds = transcript.left_out_seconds
    if seconds <= limits.left_out_seconds:
        return None
    words = f"{seconds:.1f} s of the sound were left out: they do not decode, or other sound is due in their place"
    severity = Severity.WARN if is_mostly_heard(transcript) else Severity.ERROR
    return Doubt(DoubtKind.SOUND_LEFT_OUT, severity, round(seconds, 3), limits.left_out_seconds, words)


def _outlasts_video(transcript: Transcript, video_seconds: float | None, limits: QualityLimits) -> Doubt | None:
    if video_seconds is None:
        return None
    limit = video_seconds + limits.outlasting_seconds
    seconds = transcript.duration_seconds
    if seconds <= limit:
        return None
    words = f"the sound lasts {seconds:.1f} s and the video {video_seconds:.1f} s, so the times cannot be right"
    return Doubt(DoubtKind.OUTLASTS_VIDEO, Severity.ERROR, round(seconds, 3), round(limit, 3), words)


def _weighted_logprob(segments: Sequence[Segment]) -> float:
    worst = -100.0  # replaces what is not a valid number
    weights = [max(0.0, segment.end - segment.start) for segment in segments]
    if not any(weights):
        weights = [1.0] * len(segments)
    total = sum(w * _finite(segment.avg_logprob, worst) for w, segment in zip(weights, segments, strict=True))
    return total / sum(weights)


def _finite(number: float, otherwise: float) -> float:
    return number if abs(number) <= _SENSIBLE else otherwise


def _quote(text: str) -> str:
    line = " ".join(text.split())
    return f"“{line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + '…'}”"
