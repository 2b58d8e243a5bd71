"""What both engines have in common: a sound is read span by span, heard by the vendor, and becomes a transcript.

What only one vendor needs is in its own file: loading, and hearing one span.
"""

import hashlib
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from typing_extensions import override

from bookmarkai_assets.adapters.speech.audio import Span, spans_of
from bookmarkai_assets.adapters.speech.digests import sha256_of
from bookmarkai_assets.adapters.speech.refusals import refuse_language, refuse_task
from bookmarkai_assets.adapters.speech.setups import DecodingOptions, recipe_of, setup_of
from bookmarkai_assets.adapters.speech.timeline import in_order
from bookmarkai_assets.core.errors import TranscriptionError
from bookmarkai_assets.core.transcripts.chunks import TranscriptChunk, chunk_with_speech, ignore_chunk, joined
from bookmarkai_assets.core.transcripts.ports import SpeechEngine, ignore_progress
from bookmarkai_assets.core.transcripts.transcript import Recipe, Segment, Setup, Transcript

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class LoadedWhisper(Protocol):
    """What is asked of a model in memory, whichever vendor loaded it."""

    @property
    def languages(self) -> Sequence[str]:
        """Whisper's codes of the languages that it knows; only `en` for an English-only model."""

    @property
    def weights_sha256(self) -> str:
        """The SHA-256 of the file that the weights are from."""


Loaded = TypeVar("Loaded", bound=LoadedWhisper)


@dataclass(frozen=True)
class Heard:
    """What a vendor heard in one span, by the span's own times, in the order of the sound."""

    segments: Sequence[Segment]
    language: str
    language_probability: float
    speech_seconds: float


class WhisperEngine(SpeechEngine, Generic[Loaded]):
    """A Whisper engine. `name` is that of the engine and of the package it comes in.

    Silence is cut out before the model sees the sound (VAD), because Whisper invents words for it. Each window of 30 s
    is read on its own (`condition_on_previous_text` off): a repetition that starts in one window cannot go on through
    the rest, and short videos have next to no earlier text that could help.
    """

    def __init__(self, name: str, model: str, manner: DecodingOptions) -> None:
        self._name = name
        self._model = model
        self._manner = manner

    @abstractmethod
    def _load(self) -> Loaded:
        """Give the model, loaded once per process. Raises `ConfigurationError`."""

    @abstractmethod
    def _weights(self) -> Path:
        """Find the file with the weights on this machine. Raises `ConfigurationError`."""

    @abstractmethod
    def _hear(
        self,
        loaded: Loaded,
        samples: "npt.NDArray[np.float32]",
        *,
        language: str | None,
        tell: Callable[[float], object],
    ) -> Heard:
        """Hear one span. `tell` wants the seconds of it that are done, as often as the vendor says.

        Without a language given, and of several that the model knows, the language is `unknown` with a probability of
        0.0 where nobody speaks. Raises `RuntimeError` and `ValueError`, as the vendors do.
        """

    @property
    @override
    def engine(self) -> str:
        return self._name

    @property
    @override
    def model(self) -> str:
        return self._model

    @property
    @override
    def setup(self) -> Setup:
        return setup_of(self._name, self._model, self._manner)

    @override
    def recipe(self) -> Recipe:
        return recipe_of(self.setup, sha256_of(self._weights()) or "")

    @override
    def prepare(self) -> Recipe:
        return recipe_of(self.setup, self._load().weights_sha256)

    @override
    def supports(self, language: str) -> bool:
        return language in self._load().languages

    @override
    def transcribe(
        self,
        audio: Path,
        *,
        language: str | None,
        on_progress: Callable[[float, float], object] = ignore_progress,
        kept: Sequence[TranscriptChunk] = (),
        on_chunk: Callable[[TranscriptChunk], object] = ignore_chunk,
    ) -> Transcript:
        """Transcribe one file of any container and codec that FFmpeg reads.

        `transcribe_seconds` leaves out the loading of the model. Sound without speech gives no segments, and the
        language `unknown` with a probability of 0.0 unless one was given or the model has but one. A language that is
        detected is that of the first part in which something is said, and the others are heard in it.

        Raises:
            ConfigurationError: The model cannot be loaded, or does not know `language`, or cannot translate.
            TranscriptionError: The file is missing, is no media, has no sound that decodes, or the engine failed on it.
        """
        loaded = self._load()
        refuse_language(language, self._model, loaded.languages)
        refuse_task(self._manner.task, self._model, loaded.languages)
        parts = list(kept)
        done = parts[-1].end if parts else 0.0
        started = time.perf_counter()
        with closing(spans_of(audio, span_seconds=self._manner.span_seconds, start=done)) as spans:
            for span in spans:
                told_by = chunk_with_speech(parts)
                part = self._part(loaded, audio, span, language or (told_by.language if told_by else None), on_progress)
                parts.append(replace(part, transcribe_seconds=time.perf_counter() - started))
                if len(parts) > 1 or not span.is_last:
                    on_chunk(parts[-1])
                started = time.perf_counter()
        whole = joined(parts)
        on_progress(whole.end, whole.end)
        return Transcript(
            engine=self._name,
            model=self._model,
            language=whole.language,
            language_probability=whole.language_probability,
            duration_seconds=whole.end,
            segments=whole.segments,
            transcribe_seconds=whole.transcribe_seconds,
            recipe=recipe_of(self.setup, loaded.weights_sha256),
            audio_sha256=_sha256_of(audio),
            speech_seconds=whole.speech_seconds,
        )

    def _part(
        self,
        loaded: Loaded,
        audio: Path,
        span: Span,
        language: str | None,
        on_progress: Callable[[float, float], object],
    ) -> TranscriptChunk:
        def tell(done_seconds: float) -> None:
            on_progress(min(span.start + done_seconds, span.end), span.whole_seconds)

        tell(0.0)
        try:
            heard = self._hear(loaded, span.samples, language=language, tell=tell)
        except (RuntimeError, ValueError) as error:
            raise TranscriptionError(
                f"expected {self._model} to transcribe {audio}, found: {error}; if every file fails like this, the "
                "model's files do not fit together, or are no Whisper model's"
            ) from error
        tell(span.seconds)
        return TranscriptChunk(
            start=span.start,
            end=span.end,
            segments=tuple(_placed(segment, span) for segment in in_order(heard.segments, span.seconds)),
            language=heard.language,
            language_probability=heard.language_probability,
            speech_seconds=heard.speech_seconds,
            transcribe_seconds=0.0,
        )


def _placed(segment: Segment, span: Span) -> Segment:
    """Give a segment's times from the start of the sound, and not of the span."""

    def moment(time: float) -> float:
        return min(span.start + time, span.end)

    words = tuple(replace(word, start=moment(word.start), end=moment(word.end)) for word in segment.words)
    return replace(segment, start=moment(segment.start), end=moment(segment.end), words=words)


def _sha256_of(audio: Path) -> str:
    with audio.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
