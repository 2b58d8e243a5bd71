"""What both engines share: read a sound in chunks, have the vendor transcribe each, and join them to a transcript.

Each vendor's own file loads its model and transcribes one chunk.
"""

import hashlib
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from typing_extensions import override

from bookmarkai_assets.adapters.speech.audio import SoundChunk, chunks_of
from bookmarkai_assets.adapters.speech.decoding import start_decoder
from bookmarkai_assets.adapters.speech.digests import sha256_of
from bookmarkai_assets.adapters.speech.languages import LanguageChangeError, passages_of
from bookmarkai_assets.adapters.speech.onsets import move_to_onsets
from bookmarkai_assets.adapters.speech.refusals import refuse_language, refuse_task
from bookmarkai_assets.adapters.speech.results import ChunkResult, Request, join_results, settle_languages, shift_result
from bookmarkai_assets.adapters.speech.setups import DecodingOptions, recipe_of, setup_of
from bookmarkai_assets.adapters.speech.timeline import trim_segments
from bookmarkai_assets.core.errors import TranscriptionError
from bookmarkai_assets.core.media.sound import SAMPLES_PER_SECOND
from bookmarkai_assets.core.transcripts.chunks import TranscriptChunk, ignore_chunk, join_chunks, last_language
from bookmarkai_assets.core.transcripts.language_stretches import Probabilities
from bookmarkai_assets.core.transcripts.ports import SpeechEngine, ignore_progress
from bookmarkai_assets.core.transcripts.transcript import Recipe, Segment, Setup, Task, Transcript

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class LoadedWhisper(Protocol):
    """What the engine needs of a model in memory, whichever vendor loaded it."""

    @property
    def languages(self) -> Sequence[str]:
        """Whisper's codes of the languages that it knows. An English-only model has only `en`."""

    @property
    def weights_sha256(self) -> str:
        """The SHA-256 of the file with the weights."""


Loaded = TypeVar("Loaded", bound=LoadedWhisper)


class WhisperEngine(SpeechEngine, Generic[Loaded]):
    """A Whisper engine. `name` is the name of the engine and of its package.

    Silence is cut out before the model sees the sound (VAD), because Whisper invents words for it. Each window of 30 s
    is decoded on its own (`condition_on_previous_text` is off). A repetition that starts in one window then cannot
    continue through the rest, and short videos have hardly any earlier text that could help.
    """

    def __init__(self, name: str, model: str, options: DecodingOptions) -> None:
        self._name = name
        self._model = model
        self._options = options

    @abstractmethod
    def _load(self) -> Loaded:
        """Return the model, which is loaded once per process. Raises `ConfigurationError`."""

    @abstractmethod
    def _weights(self) -> Path:
        """Find the file with the weights on this machine. Raises `ConfigurationError`."""

    @abstractmethod
    def _transcribe_samples(
        self,
        loaded: Loaded,
        samples: "npt.NDArray[np.float32]",
        request: Request,
        report: Callable[[float], object],
    ) -> ChunkResult:
        """Transcribe one chunk in one language. Call `report` with the seconds of it that are done, as they are.

        If no language is requested, the model knows several and nobody speaks, the language is `unknown` with a
        probability of 0.0. Raises `RuntimeError` and `ValueError`, as the vendors do, and `LanguageChangeError`.
        """

    @abstractmethod
    def _detect(self, loaded: Loaded, samples: "npt.NDArray[np.float32]") -> Probabilities:
        """Return how likely each language is in a few seconds of speech. Raises as the vendors do."""

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
        return setup_of(self._name, self._model, self._options)

    @override
    def recipe(self) -> Recipe:
        return recipe_of(self.setup, sha256_of(self._weights()) or "")

    @override
    def prepare(self) -> Recipe:
        start_decoder()
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
        names: Sequence[str] = (),
        on_progress: Callable[[float, float], object] = ignore_progress,
        kept: Sequence[TranscriptChunk] = (),
        on_chunk: Callable[[TranscriptChunk], object] = ignore_chunk,
    ) -> Transcript:
        """Transcribe one file, of any container and codec that FFmpeg reads.

        `transcribe_seconds` does not include the loading of the model. A sound without speech has no segments. Its
        language is `unknown` with a probability of 0.0, unless one was requested or the model knows only one. A
        language is detected in the first chunk in which something is said. The rest is decoded in it, unless the
        language may change and another one is heard.

        Raises:
            ConfigurationError: The model cannot be loaded, does not know `language`, or cannot translate.
            TranscriptionError: The file is missing, is not media or has no sound that decodes, or the engine failed.
        """
        loaded = self._load()
        refuse_language(language, self._model, loaded.languages)
        refuse_task(self._options.task, self._model, loaded.languages)
        chunks = list(kept)
        done = chunks[-1].end if chunks else 0.0
        started = time.perf_counter()
        left_out_seconds = 0.0
        chunk_seconds = self._options.chunk_seconds
        with closing(chunks_of(audio, chunk_seconds=chunk_seconds, start=done, language=language)) as sounds:
            for sound in sounds:
                left_out_seconds = sound.left_out_seconds
                request = Request(
                    language=language or last_language(chunks),
                    prompt=", ".join(names) if self._options.names and names else None,
                    is_watched=self._options.language_changes and language is None and len(loaded.languages) > 1,
                )
                chunk = self._transcribe_chunk(loaded, audio, sound, request, on_progress)
                chunks.append(replace(chunk, transcribe_seconds=time.perf_counter() - started))
                if len(chunks) > 1 or not sound.is_last:
                    on_chunk(chunks[-1])
                started = time.perf_counter()
        whole = join_chunks(chunks)
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
            left_out_seconds=left_out_seconds,
        )

    def _transcribe_chunk(
        self,
        loaded: Loaded,
        audio: Path,
        sound: SoundChunk,
        request: Request,
        on_progress: Callable[[float, float], object],
    ) -> TranscriptChunk:
        def report(done_seconds: float) -> None:
            on_progress(min(sound.start + done_seconds, sound.end), sound.whole_seconds)

        report(0.0)
        try:
            result = self._transcribe_languages(loaded, sound.samples, request, report)
        except (RuntimeError, ValueError) as error:
            raise TranscriptionError(
                f"expected {self._model} to transcribe {audio}, found: {error}; if every file fails like this, the "
                "model's files do not fit together, or are no Whisper model's"
            ) from error
        report(sound.seconds)
        return TranscriptChunk(
            start=sound.start,
            end=sound.end,
            segments=tuple(
                replace(_shift_to_sound(one, sound), language=one.language or result.language)
                for one in move_to_onsets(trim_segments(result.segments, sound.seconds), sound.samples)
            ),
            language=result.language,
            language_probability=result.language_probability,
            speech_seconds=result.speech_seconds,
            transcribe_seconds=0.0,
        )

    def _task_of(self, request: Request) -> Task:
        """Return the task of a request. A trial is never a translation, which reads well whatever was spoken."""
        return Task.TRANSCRIBE if request.is_trial else self._options.task

    def _transcribe_languages(
        self,
        loaded: Loaded,
        samples: "npt.NDArray[np.float32]",
        request: Request,
        report: Callable[[float], object],
    ) -> ChunkResult:
        """Transcribe a chunk. If its language seems to change, transcribe each passage in its own."""
        try:
            return self._transcribe_samples(loaded, samples, request, report)
        except LanguageChangeError as change:
            main = change.language

        def transcribe(start: int, end: int, language: str, *, is_trial: bool = False) -> ChunkResult:
            begin = start / SAMPLES_PER_SECOND
            asked = replace(request, language=language, is_watched=False, is_trial=is_trial)
            done = self._transcribe_samples(loaded, samples[start:end], asked, lambda seconds: report(begin + seconds))
            return shift_result(done, begin)

        passages = passages_of(samples, main, lambda speech: self._detect(loaded, speech))
        settled = settle_languages(passages, transcribe, main=main)
        return join_results([transcribe(one.start, one.end, one.language) for one in settled])


def _shift_to_sound(segment: Segment, chunk: SoundChunk) -> Segment:
    """Return a segment with times from the start of the whole sound instead of the chunk."""

    def shift(time: float) -> float:
        return min(chunk.start + time, chunk.end)

    words = tuple(replace(word, start=shift(word.start), end=shift(word.end)) for word in segment.words)
    return replace(segment, start=shift(segment.start), end=shift(segment.end), words=words)


def _sha256_of(audio: Path) -> str:
    with audio.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
