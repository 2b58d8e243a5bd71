"""An in-memory `SpeechEngine`, for tests of its users. It passes the port's contract suite."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from typing_extensions import override

from bookmarkai_assets.core.errors import BookmarkAIError, ConfigurationError, TranscriptionError
from bookmarkai_assets.core.transcripts.chunks import TranscriptChunk, chunk_with_speech, ignore_chunk, join_chunks
from bookmarkai_assets.core.transcripts.ports import SpeechEngine, ignore_progress
from bookmarkai_assets.core.transcripts.transcript import UNKNOWN, Recipe, Segment, Setup, Transcript, Word

_SPEECH = b"speech:"
_SILENCE = b"silence:"
_WORDS_PER_SECOND = 2.5
_LANGUAGES = ("en", "de")


def speech_bytes(text: str) -> bytes:
    """Return a sound track that the fake engine transcribes as this text."""
    return _SPEECH + text.encode()


def silence_bytes() -> bytes:
    """Return a sound track that the fake engine transcribes as nothing."""
    return _SILENCE


@dataclass(frozen=True)
class HeardFile:
    """One call that was made."""

    path: Path
    language: str | None
    names: Sequence[str] = ()


class FakeSpeechEngine(SpeechEngine):
    """Transcribes `speech_bytes` and `silence_bytes`, makes up text for any other file, and keeps `calls`.

    `heard_seconds` adds up what was transcribed, without kept chunks. `on_sentence` is called after each sentence with
    the seconds that are done.

    Two files with different bytes never give the same text. It refuses an empty file and a web page.
    """

    def __init__(
        self, *, engine: str = "fake", model: str = "fake-model", beam_size: int = 1, chunk_seconds: float = 300.0
    ) -> None:
        self._engine = engine
        self._model = model
        self._beam_size = beam_size
        self._chunk_seconds = chunk_seconds
        self._failures: list[BookmarkAIError] = []
        self.calls: list[HeardFile] = []
        self.heard_seconds = 0.0
        self.on_sentence: Callable[[float], object] = lambda _: None

    def fail_next(self, error: BookmarkAIError, *, times: int = 1) -> None:
        """Have the next `times` calls raise this error."""
        self._failures += [error] * times

    @property
    @override
    def engine(self) -> str:
        return self._engine

    @property
    @override
    def model(self) -> str:
        return self._model

    @property
    @override
    def setup(self) -> Setup:
        return Setup(self._engine, "1.0", self._model, {"beam_size": self._beam_size})

    @override
    def recipe(self) -> Recipe:
        weights = hashlib.sha256(self._model.encode()).hexdigest()
        return Recipe(self._engine, "1.0", self._model, weights, self.setup.parameters)

    @override
    def prepare(self) -> Recipe:
        return self.recipe()

    @override
    def supports(self, language: str) -> bool:
        return language in _LANGUAGES

    @override
    def transcribe(
        self,
        audio: Path,
        *,
        language: str | None,
        names: Sequence[str] = (),
        on_progress: Callable[[float, float], object] = ignore_progress,
        kept: Sequence[TranscriptChunk] = (),
        on_chunk: Callable[[TranscriptChunk], object] = ignore_chunk,
    ) -> Transcript:
        self.calls.append(HeardFile(audio, language, tuple(names)))
        if self._failures:
            raise self._failures.pop(0)
        if language is not None and language not in _LANGUAGES:
            raise ConfigurationError(f"expected one of the languages en, de, or none to detect it, found {language!r}")
        data = audio.read_bytes() if audio.is_file() else b""
        if not data or data.startswith(b"<"):
            raise TranscriptionError(f"expected an audio or video file at {audio}, found none; fetch the media again")
        segments = _segments(_heard(data))
        duration_seconds = segments[-1].end + 0.5 if segments else 3.0
        parts = list(kept)
        for start, end in _divide(segments, duration_seconds, self._chunk_seconds):
            if parts and end <= parts[-1].end:
                continue
            on_progress(start, duration_seconds)
            first_with_speech = chunk_with_speech(parts)
            heard = tuple(segment for segment in segments if start <= segment.start < end)
            for segment in heard:
                self.on_sentence(segment.end)
                on_progress(segment.end, duration_seconds)
            parts.append(
                _part(start, end, heard, language or (first_with_speech.language if first_with_speech else None))
            )
            self.heard_seconds += end - start
            if len(parts) > 1 or end < duration_seconds:
                on_chunk(parts[-1])
        on_progress(duration_seconds, duration_seconds)
        whole = join_chunks(parts)
        return Transcript(
            engine=self._engine,
            model=self._model,
            language=whole.language,
            language_probability=whole.language_probability,
            duration_seconds=duration_seconds,
            segments=whole.segments,
            transcribe_seconds=whole.transcribe_seconds,
            recipe=self.recipe(),
            audio_sha256=hashlib.sha256(data).hexdigest(),
            speech_seconds=whole.speech_seconds,
        )


def _divide(segments: Sequence[Segment], duration_seconds: float, chunk_seconds: float) -> list[tuple[float, float]]:
    """Divide a sound that is longer than a chunk. Each chunk ends with the last segment that ends within it, if any."""
    cuts = [0.0]
    while duration_seconds - cuts[-1] > chunk_seconds:
        ends = [segment.end for segment in segments if cuts[-1] < segment.end <= cuts[-1] + chunk_seconds]
        cuts.append(ends[-1] if ends else cuts[-1] + chunk_seconds)
    return list(pairwise([*cuts, duration_seconds]))


def _part(start: float, end: float, segments: tuple[Segment, ...], language: str | None) -> TranscriptChunk:
    return TranscriptChunk(
        start=start,
        end=end,
        segments=segments,
        language=language or ("en" if segments else UNKNOWN),
        language_probability=1.0 if language else 0.9 * bool(segments),
        speech_seconds=segments[-1].end - segments[0].start if segments else 0.0,
        transcribe_seconds=0.01,
    )


def _heard(data: bytes) -> str:
    if data.startswith(_SILENCE):
        return ""
    if data.startswith(_SPEECH):
        return data.removeprefix(_SPEECH).decode()
    return f"Nobody planned these words. They stand for {hashlib.sha256(data).hexdigest()}."


def _segments(text: str) -> tuple[Segment, ...]:
    """Make each sentence a segment, spoken at an even pace, with a leading space as Whisper writes it."""
    segments: list[Segment] = []
    start = 0.0
    for sentence in text.split(". "):
        text_said = sentence if text.endswith(sentence) else f"{sentence}."
        if not text_said.split():
            continue
        words = tuple(
            Word(start + number / _WORDS_PER_SECOND, start + (number + 1) / _WORDS_PER_SECOND, f" {word}", 0.9)
            for number, word in enumerate(text_said.split())
        )
        end = words[-1].end
        segments.append(Segment(start, end, f" {text_said}", -0.2, 0.01, compression_ratio=1.2, words=words))
        start = end
    return tuple(segments)
