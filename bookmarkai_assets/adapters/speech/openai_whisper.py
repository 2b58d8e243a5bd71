"""OpenAI's own engine: openai-whisper on PyTorch, an extra. PyAV decodes for it, and its sound has no silence in it.

Where the weights come from is `checkpoints`; what it shares with the other engine, `whisper_engine`.
"""

import importlib
import math
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from typing_extensions import override

from bookmarkai_assets.adapters.speech.audio import SPAN_SECONDS
from bookmarkai_assets.adapters.speech.checkpoints import (
    CHECKPOINTS,
    find_checkpoint,
    find_installed_checkpoint,
    require_package,
)
from bookmarkai_assets.adapters.speech.digests import sha256_of
from bookmarkai_assets.adapters.speech.setups import DecodingOptions
from bookmarkai_assets.adapters.speech.shared_models import once_per_process
from bookmarkai_assets.adapters.speech.voice import Voice, is_over, voice_in
from bookmarkai_assets.adapters.speech.whisper_engine import Heard, WhisperEngine
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.transcripts.transcript import UNKNOWN, Segment, Task, Word

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ENGINE = "openai-whisper"
"""The engine's name in transcripts and settings."""

_BEST_OF = 5
"""Samples to choose from where a beam search has failed; what faster-whisper and Whisper's command line take."""

_FRAMES_PER_SECOND = 100

_COMPUTE_TYPES: Mapping[str, frozenset[str]] = {
    "cpu": frozenset({"float32"}),
    "cuda": frozenset({"float32", "float16"}),
}


@dataclass(frozen=True)
class ModelParameters:
    """What decides whether two engines can share one loaded model."""

    model: str
    cache: Path
    device: str
    cpu_threads: int


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, the languages it knows, and the SHA-256 of the file that it is from."""

    whisper: Any
    languages: tuple[str, ...]
    weights_sha256: str


_decoding = threading.Lock()
"""The modules of a model keep state while they decode, and random numbers are one series for the whole process."""

_under_way = threading.local()
"""`reading` of the span that this thread reads."""


@once_per_process
def shared_model(parameters: ModelParameters) -> LoadedModel:
    """Load a model, or give the one that is loaded.

    Raises:
        ConfigurationError: The model cannot be found, or not be loaded with these parameters.
    """
    file = find_checkpoint(parameters.model, parameters.cache)
    import torch
    import whisper
    from whisper.tokenizer import LANGUAGES

    name = parameters.model if parameters.model in CHECKPOINTS else str(file)
    try:
        model = whisper.load_model(name, device=parameters.device, download_root=str(parameters.cache))
    except Exception as error:  # for a file that is none of its own, torch raises whatever comes up
        raise ConfigurationError(
            f"WHISPER_MODEL: expected an openai-whisper checkpoint in {file} that loads on device {parameters.device}, "
            f"found: {error}; cpu works everywhere, cuda needs NVIDIA's driver and torch's build for it"
        ) from error
    # Each window is encoded first. The number is the calling thread's, and numba, with which words are aligned, sets it
    # back to that of the cores.
    model.encoder.register_forward_pre_hook(lambda *_: torch.set_num_threads(parameters.cpu_threads))
    _leave_silent_rests(model)
    # Its only report of how far it is: the bar that it shows on a terminal.
    importlib.import_module("whisper.transcribe").tqdm = _Bars()  # type: ignore[attr-defined]
    languages = tuple(LANGUAGES)[: model.num_languages] if model.is_multilingual else ("en",)
    return LoadedModel(model, languages, sha256_of(file) or "")


class _Bars:
    """Stands for the module `tqdm` in openai-whisper: tells this thread's listener what a bar would show."""

    class tqdm:  # noqa: N801 - the name that is looked up
        def __init__(self, **_options: object) -> None:
            self._done = 0

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_error: object) -> None:
            pass

        def update(self, frames: int) -> None:
            self._done += frames
            _under_way.reading.tell(self._done)


@dataclass
class _Reading:
    """How far openai-whisper is with a span, and what is to be told of that."""

    voice: Voice
    on_progress: Callable[[float], object]
    done_seconds: float = 0.0

    def tell(self, frames: int) -> None:
        self.done_seconds = min(frames / _FRAMES_PER_SECOND, self.voice.seconds)
        self.on_progress(self.voice.moment(self.done_seconds, is_end=True))

    @property
    def is_over(self) -> bool:
        return self.done_seconds > 0 and is_over(self.voice.samples, self.done_seconds)


def _leave_silent_rests(model: Any) -> None:  # noqa: ANN401 - openai-whisper ships no types
    """Have the model take a rest in which nobody speaks (`voice.is_over`) for silence, without decoding it."""
    from whisper import DecodingResult

    decode = model.decode

    def decode_speech(features: Any, options: Any) -> object:  # noqa: ANN401 - as above
        if _under_way.reading.is_over:
            return DecodingResult(features, "en", avg_logprob=-math.inf, no_speech_prob=1.0, compression_ratio=0.0)
        return decode(features, options)

    model.decode = decode_speech


class OpenAIWhisperEngine(WhisperEngine[LoadedModel]):
    """Whisper on PyTorch. Instances with the same model, device and threads share one loaded model, by turns.

    It gets the sound without its silence, because its own command line has no voice detection. The
    weights are computed with as float32, or on cuda as float16. `cpu_threads` are torch's, and so the process's.
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
        span_seconds: float = SPAN_SECONDS,
    ) -> None:
        """Make an engine without loading anything.

        Raises:
            ConfigurationError: openai-whisper is not installed, there is no such device, or it does not compute so.
        """
        require_package()
        device = _device(device)
        super().__init__(
            ENGINE, model, DecodingOptions(beam_size, _compute_type(compute_type, device), task, span_seconds)
        )
        self._parameters = ModelParameters(model, cache, device, cpu_threads)

    @override
    def _load(self) -> LoadedModel:
        return shared_model(self._parameters)

    @override
    def _weights(self) -> Path:
        return find_installed_checkpoint(self._parameters.model, self._parameters.cache)

    @override
    def _hear(
        self,
        loaded: LoadedModel,
        samples: "npt.NDArray[np.float32]",
        *,
        language: str | None,
        tell: Callable[[float], object],
    ) -> Heard:
        voice = voice_in(samples)
        only = loaded.languages[0] if len(loaded.languages) == 1 else None
        heard, probability = language or only or UNKNOWN, float(bool(language or only))
        if voice.seconds == 0:
            return Heard((), heard, probability, 0.0)
        with _decoding, _under_way_with(_Reading(voice, tell)):
            if only is None:
                heard, probability = _language(loaded.whisper, voice.samples, hinted=language)
            found = self._decode(loaded.whisper, voice.samples, heard)
        return Heard([_segment(one, voice) for one in found], heard, probability, voice.seconds)

    def _decode(self, model: Any, samples: "npt.NDArray[np.float32]", language: str) -> list[dict[str, Any]]:  # noqa: ANN401 - ships no types
        import torch

        with torch.random.fork_rng(), warnings.catch_warnings():
            # Where a beam search fails it draws lots: the same ones for the same sound.
            torch.manual_seed(0)
            warnings.filterwarnings("ignore", message="Failed to launch Triton kernels")  # it goes on without them
            warnings.filterwarnings("ignore", message="Performing inference on CPU when CUDA")  # as it was set
            found = model.transcribe(
                samples,
                language=language,
                task=self._manner.task.value,
                beam_size=self._manner.beam_size if self._manner.beam_size > 1 else None,
                best_of=_BEST_OF,
                fp16=self._manner.compute_type == "float16",
                condition_on_previous_text=False,
                word_timestamps=self._manner.has_words,
                verbose=None,
            )
        segments: list[dict[str, Any]] = found["segments"]
        return segments


def _device(device: str) -> str:
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


def _compute_type(compute_type: str | None, device: str) -> str:
    if compute_type in {None, "default", "auto"}:
        return "float16" if device == "cuda" else "float32"
    if compute_type not in _COMPUTE_TYPES[device]:
        raise ConfigurationError(
            f"WHISPER_COMPUTE_TYPE: expected {' or '.join(sorted(_COMPUTE_TYPES[device]))}, in which openai-whisper "
            f"computes on {device}, found {compute_type}; leave it unset, or set WHISPER_ENGINE=faster-whisper"
        )
    return compute_type or ""


def _language(
    model: Any,  # noqa: ANN401 - ships no types
    samples: "npt.NDArray[np.float32]",
    *,
    hinted: str | None,
) -> tuple[str, float]:
    """Detect the language of the first 30 s of speech, and how likely it is: the likeliest, or the one hinted at."""
    import whisper

    mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(samples), model.dims.n_mels).to(model.device)
    _, probabilities = model.detect_language(mel)
    language = hinted or max(probabilities, key=probabilities.__getitem__)
    return language, float(probabilities[language])


@contextmanager
def _under_way_with(reading: _Reading) -> Iterator[None]:
    _under_way.reading = reading
    try:
        yield
    finally:
        del _under_way.reading


def _segment(found: Mapping[str, Any], voice: Voice) -> Segment:
    words = tuple(
        Word(*voice.span(float(word["start"]), float(word["end"])), word["word"], float(word["probability"]))
        for word in found.get("words") or ()
    )
    return Segment(
        start=words[0].start if words else voice.moment(float(found["start"])),
        end=words[-1].end if words else voice.moment(float(found["end"]), is_end=True),
        text=found["text"],
        avg_logprob=float(found["avg_logprob"]),
        no_speech_prob=float(found["no_speech_prob"]),
        compression_ratio=float(found["compression_ratio"]),
        words=words,
    )
