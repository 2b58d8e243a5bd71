"""The default speech engine: faster-whisper, Whisper's weights on CTranslate2.

Where the weights come from is `models`; when to transcribe what is the operations' business.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import override

from bookmarkai_assets.adapters.speech.audio import Sound, read_sound
from bookmarkai_assets.adapters.speech.digests import sha256_of
from bookmarkai_assets.adapters.speech.models import WEIGHTS, find_installed_model, find_model
from bookmarkai_assets.adapters.speech.refusals import refuse_language, refuse_task
from bookmarkai_assets.adapters.speech.timeline import in_order
from bookmarkai_assets.adapters.speech.voice import VOICE_DETECTION, is_over
from bookmarkai_assets.core.errors import ConfigurationError, TranscriptionError
from bookmarkai_assets.core.ports import SpeechEngine, unwatched
from bookmarkai_assets.core.transcripts import UNKNOWN, Recipe, Segment, Task, Transcript, Word

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ENGINE = "faster-whisper"
"""The engine's name in transcripts and settings."""


class WhisperModel(Protocol):
    """What is used of faster-whisper's class of this name, which ships no types. Safe to call from several threads."""

    @property
    def supported_languages(self) -> list[str]:
        """Whisper's language codes; only `en` for an English-only model."""

    def transcribe(self, audio: "npt.NDArray[np.float32]", **options: object) -> tuple[Iterable[Any], Any]:
        """Give the segments, decoded while they are read, and what is known of the whole."""

    @property
    def model(self) -> Any:  # noqa: ANN401 - CTranslate2 ships no types
        """The model as CTranslate2 has it."""


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, and the SHA-256 of the weights that it has."""

    whisper: WhisperModel
    weights_sha256: str


@dataclass(frozen=True)
class ModelParameters:
    """What decides whether two engines can share one loaded model. The values are CTranslate2's and WHISPER_MODEL's."""

    model: str
    device: str
    compute_type: str
    cpu_threads: int


class _EndOfSpeechError(Exception):
    """Nobody speaks in the rest of the sound."""


_under_way = threading.local()
"""`stops`: whether the sound that this thread reads is over. `encoded`: its first window."""

_models: dict[ModelParameters, LoadedModel] = {}
_loading = threading.Lock()


def shared_model(parameters: ModelParameters) -> LoadedModel:
    """Load a model at the first call and return that one ever after; threads that come meanwhile wait for it.

    Raises:
        ConfigurationError: The model cannot be found, or not be loaded with these parameters.
    """
    with _loading:
        if parameters not in _models:
            _models[parameters] = _load(parameters)
        return _models[parameters]


def _load(parameters: ModelParameters) -> LoadedModel:
    import faster_whisper

    directory = find_model(parameters.model)
    try:
        model = faster_whisper.WhisperModel(
            str(directory),
            device=parameters.device,
            compute_type=parameters.compute_type,
            cpu_threads=parameters.cpu_threads,
        )
    except Exception as error:  # for a tokenizer.json that it cannot read, tokenizers raises no narrower class
        raise ConfigurationError(
            f"WHISPER_MODEL: expected a model in {directory} that loads on device {parameters.device} as "
            f"{parameters.compute_type}, found: {error}; cpu with int8 works everywhere, cuda needs NVIDIA's driver"
        ) from error
    _leave_silent_rests(model)
    return LoadedModel(model, sha256_of(directory / WEIGHTS) or "")


def _leave_silent_rests(model: Any) -> None:  # noqa: ANN401 - faster-whisper ships no types
    """Have the model stop where nobody speaks any more (`voice.is_over`). Encoding begins each window."""
    encode = model.encode

    def encode_speech(features: object) -> object:
        stops: Callable[[], bool] | None = getattr(_under_way, "stops", None)
        if stops is not None and stops():
            raise _EndOfSpeechError
        encoded: object = encode(features)
        if stops is not None and _under_way.encoded is None:
            _under_way.encoded = encoded
        return encoded

    model.encode = encode_speech


class FasterWhisperEngine(SpeechEngine):
    """Whisper on CTranslate2. Instances with the same model, device, compute type and threads share one loaded model.

    Silence is cut out before the model sees the sound (VAD), because Whisper invents words for it. Each window of 30 s
    is read on its own (`condition_on_previous_text` off): a repetition that starts in one window cannot go on through
    the rest, and short videos have next to no earlier text that could help. A translation has no times of single words:
    there are none that were said.
    """

    def __init__(
        self,
        *,
        model: str,
        device: str,
        compute_type: str,
        cpu_threads: int,
        beam_size: int,
        task: Task = Task.TRANSCRIBE,
    ) -> None:
        self._parameters = ModelParameters(model, device, compute_type, cpu_threads)
        self._beam_size = beam_size
        self._task = task

    @property
    @override
    def engine(self) -> str:
        return ENGINE

    @property
    @override
    def model(self) -> str:
        return self._parameters.model

    @override
    def recipe(self) -> Recipe:
        directory = find_installed_model(self._parameters.model)
        return self._recipe(sha256_of(directory / WEIGHTS) or "")

    @override
    def supports(self, language: str) -> bool:
        return language in shared_model(self._parameters).whisper.supported_languages

    @override
    def transcribe(
        self, audio: Path, *, language: str | None, on_progress: Callable[[float, float], object] = unwatched
    ) -> Transcript:
        """Transcribe one file of any container and codec that FFmpeg reads.

        `transcribe_seconds` leaves out the loading of the model. Sound without speech gives no segments, and the
        language `unknown` with a probability of 0.0 unless one was given or the model has but one.

        Raises:
            ConfigurationError: The model cannot be loaded, or does not know `language`, or cannot translate.
            TranscriptionError: The file is missing, is no media, has no sound that decodes, or the engine failed on it.
        """
        loaded = shared_model(self._parameters)
        languages = loaded.whisper.supported_languages
        refuse_language(language, self._parameters.model, languages)
        refuse_task(self._task, self._parameters.model, languages)
        started = time.perf_counter()
        sound = read_sound(audio)
        try:
            found, info = loaded.whisper.transcribe(
                sound.samples,
                language=language,
                task=self._task.value,
                beam_size=self._beam_size,
                vad_filter=True,
                condition_on_previous_text=False,
                word_timestamps=self._has_words,
            )
            segments = in_order(_read(found, sound, on_progress), sound.duration_seconds)
            # Told a language, it does not look which one it hears.
            is_told = language is not None and len(languages) > 1 and bool(segments)
            probability = _likelihood(loaded, info.language) if is_told else float(info.language_probability)
        except (RuntimeError, ValueError) as error:
            raise TranscriptionError(
                f"expected {self._parameters.model} to transcribe {audio}, found: {error}; if every file fails "
                "like this, the model's files do not fit together"
            ) from error
        is_guess = language is None and len(languages) > 1 and info.duration_after_vad == 0
        return Transcript(
            engine=ENGINE,
            model=self._parameters.model,
            language=UNKNOWN if is_guess else info.language,
            language_probability=0.0 if is_guess else probability,
            duration_seconds=sound.duration_seconds,
            segments=segments,
            transcribe_seconds=time.perf_counter() - started,
            recipe=self._recipe(loaded.weights_sha256),
            audio_sha256=sound.sha256,
            speech_seconds=float(info.duration_after_vad),
        )

    @property
    def _has_words(self) -> bool:
        return self._task is Task.TRANSCRIBE

    def _recipe(self, weights_sha256: str) -> Recipe:
        return Recipe(
            engine=ENGINE,
            engine_version=version(ENGINE),
            model=self._parameters.model,
            weights_sha256=weights_sha256,
            parameters={
                "beam_size": self._beam_size,
                "compute_type": self._parameters.compute_type,
                "task": self._task.value,
                "vad": VOICE_DETECTION,
                "condition_on_previous_text": False,
                "word_timestamps": self._has_words,
            },
        )


def _likelihood(loaded: LoadedModel, language: str) -> float:
    """Give the probability of a language in the first window of what this thread has just read, as it was encoded."""
    [likely] = loaded.whisper.model.detect_language(_under_way.encoded)
    return float(dict(likely)[f"<|{language}|>"])


def _read(found: Iterable[Any], sound: Sound, on_progress: Callable[[float, float], object]) -> Iterator[Segment]:
    """Read the segments as they are decoded, and tell how far that is."""
    done = 0.0
    on_progress(done, sound.duration_seconds)
    # Before the first word nothing is over: what voice detection let through is read.
    _under_way.encoded = None
    _under_way.stops = lambda: done > 0 and is_over(sound.samples, done)
    try:
        with suppress(_EndOfSpeechError):
            for segment in found:
                done = max(done, min(float(segment.end), sound.duration_seconds))
                on_progress(done, sound.duration_seconds)
                yield _segment(segment)
    finally:
        _under_way.stops = None
    on_progress(sound.duration_seconds, sound.duration_seconds)


def _segment(found: Any) -> Segment:  # noqa: ANN401 - faster-whisper ships no types
    return Segment(
        start=float(found.start),
        end=float(found.end),
        text=found.text,
        avg_logprob=float(found.avg_logprob),
        no_speech_prob=float(found.no_speech_prob),
        compression_ratio=float(found.compression_ratio),
        words=tuple(
            Word(float(word.start), float(word.end), word.word, float(word.probability)) for word in found.words or ()
        ),
    )
