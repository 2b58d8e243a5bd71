"""OpenAI's own engine: openai-whisper on PyTorch, an extra. PyAV decodes its sounds, and their silence is cut out.

`checkpoints` finds the weights. `whisper_engine` has what both engines share.
"""

import importlib
import math
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from typing_extensions import override

from bookmarkai_assets.adapters.speech.audio import CHUNK_SECONDS
from bookmarkai_assets.adapters.speech.checkpoints import (
    CHECKPOINTS,
    find_checkpoint,
    find_installed_checkpoint,
    require_package,
)
from bookmarkai_assets.adapters.speech.digests import sha256_of
from bookmarkai_assets.adapters.speech.languages import WINDOW_SECONDS, EncodedSpeech, require_language
from bookmarkai_assets.adapters.speech.results import ChunkResult, Request
from bookmarkai_assets.adapters.speech.setups import DecodingOptions
from bookmarkai_assets.adapters.speech.shared_models import once_per_process
from bookmarkai_assets.adapters.speech.torch_windows import EncodedWindow, encode_window, languages_in, seconds_of
from bookmarkai_assets.adapters.speech.voice import Voice, extract_voice, is_rest_silent
from bookmarkai_assets.adapters.speech.whisper_engine import WhisperEngine
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.transcripts.language_stretches import Probabilities
from bookmarkai_assets.core.transcripts.transcript import UNKNOWN, Segment, Task, Word

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ENGINE = "openai-whisper"
"""The engine's name in transcripts and settings."""

_BEST_OF = 5
"""Samples to choose from when a beam search has failed, as in faster-whisper and Whisper's command line."""

_FRAMES_PER_SECOND = 100

_COMPUTE_TYPES: Mapping[str, frozenset[str]] = {
    "cpu": frozenset({"float32"}),
    "cuda": frozenset({"float32", "float16"}),
}


@dataclass(frozen=True)
class ModelParameters:
    """Engines with equal parameters share one loaded model."""

    model: str
    cache: Path
    device: str
    cpu_threads: int


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, the languages that it knows, and the SHA-256 of its file."""

    whisper: Any
    languages: tuple[str, ...]
    weights_sha256: str


_decoding = threading.Lock()
"""One sound at a time: a model keeps state while it decodes, and the whole process shares one random generator."""

_state = threading.local()
"""`reading` is the progress in the chunk that this thread decodes, and the language that is expected in it."""


@once_per_process
def shared_model(parameters: ModelParameters) -> LoadedModel:
    """Load a model, or return the one that is loaded.

    Raises:
        ConfigurationError: The model cannot be found, or cannot be loaded with these parameters.
    """
    file = find_checkpoint(parameters.model, parameters.cache)
    import torch
    import whisper
    from whisper.tokenizer import LANGUAGES

    name = parameters.model if parameters.model in CHECKPOINTS else str(file)
    try:
        model = whisper.load_model(name, device=parameters.device, download_root=str(parameters.cache))
    except Exception as error:  # torch raises any class for a file that is not a checkpoint
        raise ConfigurationError(
            f"WHISPER_MODEL: expected an openai-whisper checkpoint in {file} that loads on device {parameters.device}, "
            f"found: {error}; cpu works everywhere, cuda needs NVIDIA's driver and torch's build for it"
        ) from error
    # Set before each window is encoded: the number belongs to the calling thread, and numba, which aligns the words,
    # resets it to the number of cores.
    model.encoder.register_forward_pre_hook(lambda *_: torch.set_num_threads(parameters.cpu_threads))
    _hook_encoder(model)
    _skip_silent_rest(model)
    # It reports progress only to the bar that it shows on a terminal.
    importlib.import_module("whisper.transcribe").tqdm = _Bars()  # type: ignore[attr-defined]
    languages = tuple(LANGUAGES)[: model.num_languages] if model.is_multilingual else ("en",)
    return LoadedModel(model, languages, sha256_of(file) or "")


class _Bars:
    """Replaces the module `tqdm` in openai-whisper. It reports what a bar would show to the thread's `reading`."""

    class tqdm:  # noqa: N801 - the name that openai-whisper uses
        def __init__(self, **_options: object) -> None:
            self._done = 0

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_error: object) -> None:
            pass

        def update(self, frames: int) -> None:
            self._done += frames
            _state.reading.report(self._done)


@dataclass
class _Reading:
    """The progress of openai-whisper in a chunk, and where to report it.

    All windows must be in the language `watched`; None allows any. `encoded` is the last window and its encoding.
    """

    voice: Voice
    on_progress: Callable[[float], object]
    watched: str | None = None
    encoded: tuple[Any, Any] | None = None
    done_seconds: float = 0.0

    def report(self, frames: int) -> None:
        self.done_seconds = min(frames / _FRAMES_PER_SECOND, self.voice.seconds)
        self.on_progress(self.voice.original_time(self.done_seconds, is_end=True))

    @property
    def is_rest_silent(self) -> bool:
        return self.done_seconds > 0 and is_rest_silent(self.voice.samples, self.done_seconds)


def _hook_encoder(model: Any) -> None:  # noqa: ANN401 - openai-whisper ships no types
    """Make the model encode a window once, also for its language and its words' times, and watch over its language."""
    import torch

    encode = model.encoder.forward

    def encode_once(mel: Any) -> Any:  # noqa: ANN401 - as above
        reading: _Reading | None = getattr(_state, "reading", None)
        if reading is None:
            return encode(mel)
        if reading.encoded is not None and torch.equal(reading.encoded[0], mel):
            return reading.encoded[1]
        encoded = encode(mel)
        reading.encoded = mel, encoded
        if reading.watched is not None:
            require_language(EncodedWindow(model, mel, encoded, seconds_of(mel)), reading.watched)
        return encoded

    model.encoder.forward = encode_once


def _skip_silent_rest(model: Any) -> None:  # noqa: ANN401 - openai-whisper ships no types
    """Make the model treat a rest in which nobody speaks (`voice.is_rest_silent`) as silence, without decoding it."""
    from whisper import DecodingResult

    decode = model.decode

    def decode_speech(features: Any, options: Any) -> object:  # noqa: ANN401 - as above
        if _state.reading.is_rest_silent:
            return DecodingResult(features, "en", avg_logprob=-math.inf, no_speech_prob=1.0, compression_ratio=0.0)
        return decode(features, options)

    model.decode = decode_speech


class OpenAIWhisperEngine(WhisperEngine[LoadedModel]):
    """Whisper on PyTorch. Instances with the same model, device and threads share one loaded model and take turns.

    It gets the sound without silence, because openai-whisper has no voice detection. It computes in float32, or on cuda
    in float16. `cpu_threads` sets torch's threads, which are those of the whole process.
    """

    def __init__(
        self,
        *,
        model: str,
        cache: Path,
        device: str,
        compute_type: str | None,
        cpu_threads: int,
        beam_size: int,
        task: Task = Task.TRANSCRIBE,
        chunk_seconds: float = CHUNK_SECONDS,
        language_changes: bool = True,
        names: bool = False,
    ) -> None:
        """Create an engine without loading anything.

        Raises:
            ConfigurationError: openai-whisper is not installed, or the device is missing or lacks this compute type.
        """
        require_package()
        device = _choose_device(device)
        compute_type = _choose_compute_type(compute_type, device)
        options = DecodingOptions(
            beam_size, compute_type, task, chunk_seconds, language_changes=language_changes, names=names
        )
        super().__init__(ENGINE, model, options)
        self._parameters = ModelParameters(model, cache, device, cpu_threads)

    @override
    def _load(self) -> LoadedModel:
        return shared_model(self._parameters)

    @override
    def _weights(self) -> Path:
        return find_installed_checkpoint(self._parameters.model, self._parameters.cache)

    @override
    def _transcribe_samples(
        self,
        loaded: LoadedModel,
        samples: "npt.NDArray[np.float32]",
        request: Request,
        report: Callable[[float], object],
    ) -> ChunkResult:
        language = request.language
        voice = extract_voice(samples)
        only = loaded.languages[0] if len(loaded.languages) == 1 else None
        spoken, probability = language or only or UNKNOWN, float(bool(language or only))
        if voice.seconds == 0:
            return ChunkResult((), spoken, probability, 0.0)
        with _decoding, _state_with(_Reading(voice, report)) as reading:
            if only is None:
                window = encode_window(loaded.whisper, voice.samples)
                spoken, probability = _detect_language(window, requested=language)
                if request.is_watched:
                    reading.watched = spoken
                    require_language(window, spoken)
            found = self._decode(loaded.whisper, voice.samples, replace(request, language=spoken))
        return ChunkResult([_convert_segment(one, voice) for one in found], spoken, probability, voice.seconds)

    @override
    def _detect(self, loaded: LoadedModel, samples: "npt.NDArray[np.float32]") -> Probabilities:
        with _decoding:
            return languages_in(loaded.whisper, samples)

    def _decode(self, model: Any, samples: "npt.NDArray[np.float32]", request: Request) -> list[dict[str, Any]]:  # noqa: ANN401 - ships no types
        import torch

        with torch.random.fork_rng(), warnings.catch_warnings():
            # When a beam search fails, it samples at random. The seed makes that the same for the same sound.
            torch.manual_seed(0)
            warnings.filterwarnings("ignore", message="Failed to launch Triton kernels")  # it works without them
            warnings.filterwarnings("ignore", message="Performing inference on CPU when CUDA")  # as the settings say
            found = model.transcribe(
                samples,
                language=request.language,
                task=self._task_of(request).value,
                beam_size=self._options.beam_size if self._options.beam_size > 1 else None,
                best_of=_BEST_OF,
                fp16=self._options.compute_type == "float16",
                condition_on_previous_text=False,
                initial_prompt=request.prompt,
                carry_initial_prompt=request.prompt is not None,
                **({"temperature": 0.0} if request.is_trial else {}),
                word_timestamps=self._options.has_words,
                verbose=None,
            )
        segments: list[dict[str, Any]] = found["segments"]
        return segments


def _choose_device(device: str) -> str:
    if device == "cpu":
        return device
    import torch

    has_cuda = torch.cuda.is_available()
    if device == "cuda" and not has_cuda:
        raise ConfigurationError(
            "WHISPER_DEVICE=cuda: expected a GPU that torch can use, found none; set WHISPER_DEVICE to cpu or auto, or "
            "install NVIDIA's driver and torch's build for it"
        )
    return "cuda" if has_cuda else "cpu"


def _choose_compute_type(compute_type: str | None, device: str) -> str:
    if compute_type in {None, "default", "auto"}:
        return "float16" if device == "cuda" else "float32"
    if compute_type not in _COMPUTE_TYPES[device]:
        raise ConfigurationError(
            f"WHISPER_COMPUTE_TYPE: expected {' or '.join(sorted(_COMPUTE_TYPES[device]))}, in which openai-whisper "
            f"computes on {device}, found {compute_type}; leave it unset, or set WHISPER_ENGINE=faster-whisper"
        )
    return compute_type or ""


def _detect_language(window: EncodedSpeech, *, requested: str | None) -> tuple[str, float]:
    """Detect the language of a window. Return it, or the requested one, with its probability."""
    probabilities = window.probabilities([(0.0, float(WINDOW_SECONDS))])[0]
    language = requested or max(probabilities, key=probabilities.__getitem__)
    return language, probabilities[language]


@contextmanager
def _state_with(reading: _Reading) -> Iterator[_Reading]:
    _state.reading = reading
    try:
        yield reading
    finally:
        del _state.reading


def _convert_segment(found: Mapping[str, Any], voice: Voice) -> Segment:
    words = tuple(
        Word(*voice.original_times(float(word["start"]), float(word["end"])), word["word"], float(word["probability"]))
        for word in found.get("words") or ()
    )
    return Segment(
        start=words[0].start if words else voice.original_time(float(found["start"])),
        end=words[-1].end if words else voice.original_time(float(found["end"]), is_end=True),
        text=found["text"],
        avg_logprob=float(found["avg_logprob"]),
        no_speech_prob=float(found["no_speech_prob"]),
        compression_ratio=float(found["compression_ratio"]),
        words=words,
    )
