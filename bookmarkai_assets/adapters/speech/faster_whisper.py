"""The default speech engine: faster-whisper, Whisper's weights on CTranslate2. Nothing else imports that package.

Where the weights come from is `models`; when to transcribe what is the operations' business.
"""

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import override

from bookmarkai_assets.adapters.speech.models import find_model
from bookmarkai_assets.core.errors import ConfigurationError, TranscriptionError
from bookmarkai_assets.core.ports import SpeechEngine
from bookmarkai_assets.core.transcripts import Segment, Transcript

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ENGINE = "faster-whisper"
"""The engine's name in transcripts and settings."""

_SAMPLES_PER_SECOND = 16_000  # what Whisper was trained on; decode_audio's default


class LoadedModel(Protocol):
    """What is used of faster-whisper's `WhisperModel`, which ships no types. Safe to call from several threads."""

    @property
    def supported_languages(self) -> list[str]:
        """Whisper's language codes; only `en` for an English-only model."""

    def transcribe(self, audio: "npt.NDArray[np.float32]", **options: object) -> tuple[Iterable[Any], Any]:
        """Give the segments, decoded while they are read, and what is known of the whole."""


@dataclass(frozen=True)
class ModelParameters:
    """What decides whether two engines can share one loaded model. The values are CTranslate2's and WHISPER_MODEL's."""

    model: str
    device: str
    compute_type: str
    cpu_threads: int


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
    from faster_whisper import WhisperModel

    directory = find_model(parameters.model)
    try:
        model: LoadedModel = WhisperModel(
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
    return model


class FasterWhisperEngine(SpeechEngine):
    """Whisper on CTranslate2. Instances with the same model, device, compute type and threads share one loaded model.

    Silence is cut out before the model sees the sound (VAD), because Whisper invents words for it. Each window of 30 s
    is read on its own (`condition_on_previous_text` off): a repetition that starts in one window cannot go on through
    the rest, and short videos have next to no earlier text that could help.
    """

    def __init__(self, *, model: str, device: str, compute_type: str, cpu_threads: int, beam_size: int) -> None:
        self._parameters = ModelParameters(model, device, compute_type, cpu_threads)
        self._beam_size = beam_size

    @property
    @override
    def engine(self) -> str:
        return ENGINE

    @property
    @override
    def model(self) -> str:
        return self._parameters.model

    @override
    def transcribe(self, audio: Path, *, language: str | None) -> Transcript:
        """Transcribe one file of any container and codec that FFmpeg reads.

        `transcribe_seconds` leaves out the loading of the model. Sound without speech gives no segments, and a
        `language_probability` of 0.0 unless a language was given or the model has but one.

        Raises:
            ConfigurationError: The model cannot be loaded, or does not know `language`.
            TranscriptionError: The file is missing, is no media, has no sound that decodes, or the engine failed on it.
        """
        model = shared_model(self._parameters)
        if language is not None and language not in model.supported_languages:
            raise ConfigurationError(_unknown_language(language, self._parameters.model, model.supported_languages))
        started = time.perf_counter()
        samples = _decode(audio)
        duration_seconds = len(samples) / _SAMPLES_PER_SECOND
        try:
            found, info = model.transcribe(
                samples,
                language=language,
                beam_size=self._beam_size,
                vad_filter=True,
                condition_on_previous_text=False,
            )
            segments = tuple(_segments(found, duration_seconds))
        except (RuntimeError, ValueError) as error:
            raise TranscriptionError(
                f"expected {self._parameters.model} to transcribe {audio}, found: {error}; if every file fails "
                "like this, the model's files do not fit together"
            ) from error
        is_guess = language is None and len(model.supported_languages) > 1 and info.duration_after_vad == 0
        return Transcript(
            engine=ENGINE,
            model=self._parameters.model,
            language=info.language,
            language_probability=0.0 if is_guess else float(info.language_probability),
            duration_seconds=duration_seconds,
            segments=segments,
            transcribe_seconds=time.perf_counter() - started,
        )


def _decode(audio: Path) -> "npt.NDArray[np.float32]":
    import av.error
    from faster_whisper import decode_audio

    try:
        samples: npt.NDArray[np.float32] = decode_audio(str(audio), sampling_rate=_SAMPLES_PER_SECOND)
    except IndexError as error:  # how PyAV says that a container has no first audio stream
        raise TranscriptionError(
            f"expected a sound track in {audio}, found none; transcribe only media that have sound"
        ) from error
    except av.error.FFmpegError as error:
        raise TranscriptionError(
            f"expected an audio or video file at {audio}, found: {error.strerror}; fetch the media again"
        ) from error
    if not len(samples):  # frames that do not decode are skipped without a word
        raise TranscriptionError(f"expected sound in {audio}, found a track in which nothing decodes; fetch it again")
    return samples


def _segments(found: Iterable[Any], duration_seconds: float) -> Iterable[Segment]:
    for segment in found:
        # Whisper counts in steps of a padded window and may end a segment after the file has.
        yield Segment(
            start=min(float(segment.start), duration_seconds),
            end=min(float(segment.end), duration_seconds),
            text=segment.text,
            avg_logprob=float(segment.avg_logprob),
            no_speech_prob=float(segment.no_speech_prob),
        )


def _unknown_language(language: str, model: str, supported: Sequence[str]) -> str:
    if list(supported) == ["en"]:
        return (
            f"expected the language en or none, since {model} knows English only, found {language!r}; choose a model "
            "without .en, such as tiny or small"
        )
    return f"expected one of the languages {', '.join(supported)}, or none to detect it, found {language!r}"
