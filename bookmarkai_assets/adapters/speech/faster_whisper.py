"""The default speech engine: faster-whisper, Whisper's weights on CTranslate2.

Where the weights come from is `models`; what it shares with the other engine, `whisper_engine`.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import override

from bookmarkai_assets.adapters.speech.audio import SAMPLES_PER_SECOND, SPAN_SECONDS
from bookmarkai_assets.adapters.speech.digests import sha256_of
from bookmarkai_assets.adapters.speech.gathering import Gathering
from bookmarkai_assets.adapters.speech.models import WEIGHTS, find_installed_model, find_model
from bookmarkai_assets.adapters.speech.setups import DecodingOptions
from bookmarkai_assets.adapters.speech.shared_models import once_per_process
from bookmarkai_assets.adapters.speech.timeline import sentences_of, shifted
from bookmarkai_assets.adapters.speech.voice import is_over
from bookmarkai_assets.adapters.speech.whisper_engine import Heard, WhisperEngine
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.transcripts.transcript import UNKNOWN, Segment, Task, Word

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ENGINE = "faster-whisper"
"""The engine's name in transcripts and settings."""


_WINDOW_SECONDS = 30
"""What Whisper hears at once. A sound in which nobody speaks after that is heard as one window: read in turn, most of
those have their last sentence heard once more, which takes a quarter longer and costs words (docs/transcripts.md)."""

_PAUSE_MS = 500
"""Silence at which windows of a batch may end; by its default of 160 ms words were lost (docs/transcripts.md)."""

_TOGETHER = 4
"""Windows of several sounds that are decoded at once: with 8 there is little more to gain (docs/adr/0021)."""

_MAX_COMPRESSION_RATIO = 2.4
_MIN_LOGPROB = -1.0
"""Whisper's own thresholds for a second try."""


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
    windows: "Gathering[_Window, object]"
    long_sounds: threading.Lock = field(default_factory=threading.Lock)

    @property
    def languages(self) -> Sequence[str]:
        """Whisper's codes of the languages that it knows."""
        return self.whisper.supported_languages


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
"""`stops`: whether the sound that this thread reads is over. `encoded`: its first window. `decode`: has it decoded."""


@dataclass(frozen=True)
class _Window:
    """A window as CTranslate2 encoded it, and what it is to be decoded by."""

    encoded: Any
    prompt: Sequence[int]
    options: Mapping[str, object]

    @property
    def kind(self) -> str:
        """What windows that are decoded together have in common."""
        return f"{len(self.prompt)} {self.options}"


class _GatheringModel:
    """CTranslate2's model, which has windows decoded together with those that other threads hear (`_under_way`)."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - CTranslate2 ships no types
        self._model = model
        self.windows: Gathering[_Window, object] = Gathering(
            self._decode, most=_TOGETHER, kind=lambda window: window.kind
        )

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the model has
        return getattr(self._model, name)

    def generate(self, encoded: Any, prompts: Sequence[Sequence[int]], **options: object) -> object:  # noqa: ANN401 - ships no types
        decode: Callable[[_Window], object] | None = getattr(_under_way, "decode", None)
        if decode is None or len(prompts) > 1:
            return self._model.generate(encoded, prompts, **options)
        _under_way.decode = None  # a second try has other ways, and waits for nobody
        return [decode(_Window(encoded, prompts[0], options))]

    def _decode(self, windows: Sequence[_Window]) -> Sequence[object]:
        encoded = windows[0].encoded
        if len(windows) > 1:
            import numpy as np  # noqa: PLC0415 - settings are looked at without it
            from ctranslate2 import StorageView

            encoded = StorageView.from_array(np.concatenate([np.asarray(window.encoded) for window in windows]))
        decoded: Sequence[object] = self._model.generate(
            encoded, [list(window.prompt) for window in windows], **windows[0].options
        )
        return decoded


@once_per_process
def shared_model(parameters: ModelParameters) -> LoadedModel:
    """Load a model, or give the one that is loaded.

    Raises:
        ConfigurationError: The model cannot be found, or not be loaded with these parameters.
    """
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
    gathering = _GatheringModel(model.model)
    model.model = gathering
    return LoadedModel(model, sha256_of(directory / WEIGHTS) or "", gathering.windows)


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


def _never_over() -> bool:
    """Whether the sound is over: windows that are decoded in batches are all decoded."""
    return False


class FasterWhisperEngine(WhisperEngine[LoadedModel]):
    """Whisper on CTranslate2. Instances with equal model, device, compute type and threads share one loaded model."""

    def __init__(
        self,
        *,
        model: str,
        device: str,
        compute_type: str,
        cpu_threads: int,
        beam_size: int,
        task: Task = Task.TRANSCRIBE,
        span_seconds: float = SPAN_SECONDS,
        batch_size: int = 1,
    ) -> None:
        super().__init__(ENGINE, model, DecodingOptions(beam_size, compute_type, task, span_seconds, batch_size))
        self._parameters = ModelParameters(model, device, compute_type, cpu_threads)

    @override
    def _load(self) -> LoadedModel:
        return shared_model(self._parameters)

    @override
    def _weights(self) -> Path:
        return find_installed_model(self._parameters.model) / WEIGHTS

    @override
    def _hear(
        self,
        loaded: LoadedModel,
        samples: "npt.NDArray[np.float32]",
        *,
        language: str | None,
        tell: Callable[[float], object],
    ) -> Heard:
        if is_over(samples, _WINDOW_SECONDS):
            with _together(loaded):
                samples = samples[: _WINDOW_SECONDS * SAMPLES_PER_SECOND]
                segments, info = self._hear_windows(loaded, samples, language, tell)
        else:
            with loaded.long_sounds:
                hear = self._hear_windows if self._manner.batch_size > 1 else self._hear_in_turn
                segments, info = hear(loaded, samples, language, tell)
        can_tell = len(loaded.languages) > 1
        if language is None and can_tell and info.duration_after_vad == 0:
            return Heard(segments, UNKNOWN, 0.0, 0.0)
        # Told a language, it does not look which one it hears.
        is_told = language is not None and can_tell and bool(segments)
        probability = _likelihood(loaded, info.language) if is_told else float(info.language_probability)
        return Heard(segments, info.language, probability, float(info.duration_after_vad))

    def _hear_in_turn(
        self,
        loaded: LoadedModel,
        samples: "npt.NDArray[np.float32]",
        language: str | None,
        tell: Callable[[float], object],
    ) -> tuple[tuple[Segment, ...], Any]:
        """Hear window after window, each from where the last word of the one before ends."""
        found, info = loaded.whisper.transcribe(
            samples,
            language=language,
            task=self._manner.task.value,
            beam_size=self._manner.beam_size,
            vad_filter=True,
            condition_on_previous_text=False,
            word_timestamps=self._manner.has_words,
        )
        return tuple(_read(found, samples, tell)), info

    def _hear_windows(
        self,
        loaded: LoadedModel,
        samples: "npt.NDArray[np.float32]",
        language: str | None,
        tell: Callable[[float], object],
    ) -> tuple[tuple[Segment, ...], Any]:
        """Hear windows whole, several at once; they end where nobody speaks. The second try is ours: it has none.

        With words it makes one segment of a window, which is divided into sentences.
        """
        from faster_whisper import BatchedInferencePipeline

        _under_way.encoded, _under_way.stops = None, _never_over
        try:
            found, info = BatchedInferencePipeline(loaded.whisper).transcribe(
                samples,
                language=language,
                task=self._manner.task.value,
                beam_size=self._manner.beam_size,
                batch_size=self._manner.batch_size,
                vad_filter=True,
                vad_parameters={"min_silence_duration_ms": _PAUSE_MS},
                word_timestamps=self._manner.has_words,
                without_timestamps=self._manner.has_words,
            )
            windows = []
            for window in found:
                tell(float(window.end))
                windows.append(_segment(window))
        finally:
            _under_way.stops = None
        encoded = _under_way.encoded
        segments: list[Segment] = []
        for window in windows:
            if not _is_doubtful(window):
                segments.extend(sentences_of(window))
                continue
            begin, end = (round(moment * SAMPLES_PER_SECOND) for moment in (window.start, window.end))
            again, _ = self._hear_in_turn(loaded, samples[begin:end], info.language, lambda _: None)
            segments.extend(shifted(segment, window.start) for segment in again)
        _under_way.encoded = encoded
        return tuple(segments), info


@contextmanager
def _together(loaded: LoadedModel) -> Iterator[None]:
    """Have the window that this thread hears decoded together with those of others, where memory can be shared."""
    if loaded.whisper.model.device != "cpu":
        yield
        return
    with loaded.windows.taking_part() as decode:
        _under_way.decode = decode
        try:
            yield
        finally:
            _under_way.decode = None


def _likelihood(loaded: LoadedModel, language: str) -> float:
    """Give the probability of a language in the first window of what this thread has just read, as it was encoded."""
    likely, *_ = loaded.whisper.model.detect_language(_under_way.encoded)
    return float(dict(likely)[f"<|{language}|>"])


def _read(
    found: Iterable[Any], samples: "npt.NDArray[np.float32]", tell: Callable[[float], object]
) -> Iterator[Segment]:
    """Read the segments as they are decoded, and tell how far that is."""
    done = 0.0
    # Before the first word nothing is over: what voice detection let through is read.
    _under_way.encoded = None
    _under_way.stops = lambda: done > 0 and is_over(samples, done)
    try:
        with suppress(_EndOfSpeechError):
            for segment in found:
                done = max(done, float(segment.end))
                tell(done)
                yield _segment(segment)
    finally:
        _under_way.stops = None


def _is_doubtful(window: Segment) -> bool:
    """Tell whether faster-whisper, where it hears windows in turn, would try another temperature."""
    return window.compression_ratio > _MAX_COMPRESSION_RATIO or window.avg_logprob < _MIN_LOGPROB


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
