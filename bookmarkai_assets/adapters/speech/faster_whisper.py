"""The default speech engine: faster-whisper, which runs Whisper's weights on CTranslate2.

`models` finds the weights. `whisper_engine` has what both engines share.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import override

from bookmarkai_assets.adapters.speech.audio import CHUNK_SECONDS
from bookmarkai_assets.adapters.speech.ctranslate2_windows import (
    features_of_window,
    languages_in,
    languages_of,
    split_windows,
)
from bookmarkai_assets.adapters.speech.digests import sha256_of
from bookmarkai_assets.adapters.speech.gathering import Batcher
from bookmarkai_assets.adapters.speech.languages import WINDOW_SECONDS, require_language
from bookmarkai_assets.adapters.speech.models import WEIGHTS, find_installed_model, find_model
from bookmarkai_assets.adapters.speech.results import ChunkResult, Request
from bookmarkai_assets.adapters.speech.setups import DecodingOptions
from bookmarkai_assets.adapters.speech.shared_models import once_per_process
from bookmarkai_assets.adapters.speech.timeline import shift_segment, split_sentences
from bookmarkai_assets.adapters.speech.voice import is_rest_silent
from bookmarkai_assets.adapters.speech.whisper_engine import WhisperEngine
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.media.sound import SAMPLES_PER_SECOND
from bookmarkai_assets.core.transcripts.language_stretches import Probabilities
from bookmarkai_assets.core.transcripts.transcript import UNKNOWN, Segment, Task, Word

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ENGINE = "faster-whisper"
"""The engine's name in transcripts and settings."""

_PAUSE_MS = 500
"""The silence at which windows of a batch may end. With the default of 160 ms words were lost (docs/transcripts.md)."""

_MAX_BATCHED_WINDOWS = 4
"""How many windows of several sounds are decoded in a batch. With 8 there is little more to gain (docs/adr/0021)."""

_MAX_COMPRESSION_RATIO = 2.4
_MIN_LOGPROB = -1.0
"""Whisper's own thresholds for decoding a window again."""


class WhisperModel(Protocol):
    """The part of faster-whisper's class that is used here. It ships no types. Safe to call from several threads."""

    @property
    def supported_languages(self) -> list[str]:
        """Whisper's language codes. An English-only model has only `en`."""

    def transcribe(self, audio: "npt.NDArray[np.float32]", **options: object) -> tuple[Iterable[Any], Any]:
        """Return the segments, which are decoded as they are read, and information about the whole."""

    def feature_extractor(self, audio: "npt.NDArray[np.float32]") -> "npt.NDArray[np.float32]":
        """Return the sound's log-mel spectrogram, 100 columns a second and one more."""

    @property
    def model(self) -> Any:  # noqa: ANN401 - CTranslate2 ships no types
        """CTranslate2's own model."""


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, and the SHA-256 of its weights."""

    whisper: WhisperModel
    weights_sha256: str
    batcher: "Batcher[_Window, object]"
    long_sounds: threading.Lock = field(default_factory=threading.Lock)

    @property
    def languages(self) -> Sequence[str]:
        """Whisper's codes of the languages that the model knows."""
        return self.whisper.supported_languages


@dataclass(frozen=True)
class ModelParameters:
    """Engines with equal parameters share one loaded model. The values are those of CTranslate2 and WHISPER_MODEL."""

    model: str
    device: str
    compute_type: str
    cpu_threads: int


class _EndOfSpeechError(Exception):
    """Nobody speaks in the rest of the sound."""


_state = threading.local()
"""The state of the sound that this thread decodes.

`stops` returns whether nobody speaks in the rest. `encoded` is the first window. `decode` decodes a window in a batch.
`watched` is the language that is expected of all windows, or an empty text until it is detected. `known` is the window
whose language was detected, with its encoding.
"""


@dataclass(frozen=True)
class _Window:
    """A window as CTranslate2 encoded it, with the prompt and the options for decoding it."""

    encoded: Any
    prompt: Sequence[int]
    options: Mapping[str, object]

    @property
    def kind(self) -> str:
        """Only windows with equal kinds can be decoded in one batch."""
        return f"{len(self.prompt)} {self.options}"


class _BatchingModel:
    """CTranslate2's model. It decodes windows in a batch with those of other threads, as `_state` says."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - CTranslate2 ships no types
        self._model = model
        self.batcher: Batcher[_Window, object] = Batcher(
            self._decode, max_batch_size=_MAX_BATCHED_WINDOWS, kind=lambda window: window.kind
        )

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of the model
        return getattr(self._model, name)

    def generate(self, encoded: Any, prompts: Sequence[Sequence[int]], **options: object) -> object:  # noqa: ANN401 - ships no types
        decode: Callable[[_Window], object] | None = getattr(_state, "decode", None)
        if decode is None or len(prompts) > 1:
            return self._model.generate(encoded, prompts, **options)
        _state.decode = None  # a second try has other options, and does not wait for a batch
        return [decode(_Window(encoded, prompts[0], options))]

    def _decode(self, windows: Sequence[_Window]) -> Sequence[object]:
        encoded = windows[0].encoded
        if len(windows) > 1:
            import numpy as np  # noqa: PLC0415 - reading the settings does not need it
            from ctranslate2 import StorageView

            encoded = StorageView.from_array(np.concatenate([np.asarray(window.encoded) for window in windows]))
        decoded: Sequence[object] = self._model.generate(
            encoded, [list(window.prompt) for window in windows], **windows[0].options
        )
        return decoded


@once_per_process
def shared_model(parameters: ModelParameters) -> LoadedModel:
    """Load a model, or return the one that is loaded.

    Raises:
        ConfigurationError: The model cannot be found, or cannot be loaded with these parameters.
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
    except Exception as error:  # tokenizers raises no narrower class for a broken tokenizer.json
        raise ConfigurationError(
            f"WHISPER_MODEL: expected a model in {directory} that loads on device {parameters.device} as "
            f"{parameters.compute_type}, found: {error}; cpu with int8 works everywhere, cuda needs NVIDIA's driver"
        ) from error
    _hook_encoder(model)
    batching = _BatchingModel(model.model)
    model.model = batching
    return LoadedModel(model, sha256_of(directory / WEIGHTS) or "", batching.batcher)


def _hook_encoder(model: Any) -> None:  # noqa: ANN401 - faster-whisper ships no types
    """Make the model stop when nobody speaks in the rest (`voice.is_rest_silent`), or the language changes.

    Each window is encoded before it is decoded. The window in which the language is detected is encoded only once.
    """
    encode = model.encode

    def encode_speech(features: "npt.NDArray[np.float32]") -> object:
        stops: Callable[[], bool] | None = getattr(_state, "stops", None)
        if stops is not None and stops():
            raise _EndOfSpeechError
        encoded = _known_encoding(features) or encode(features)
        if stops is not None and _state.encoded is None:
            _state.encoded = encoded
        language: str | None = getattr(_state, "watched", None)
        if language is not None:
            for window in split_windows(model.model, features, encoded):
                require_language(window, language)
        return encoded

    def detect_language(*, features: "npt.NDArray[np.float32]", **_options: object) -> tuple[str, float, object]:
        window = features_of_window(features)
        if not window.any():
            return "en", 0.0, None  # nobody speaks, and nothing is decoded
        encoded = encode(window)
        _state.known = window, encoded
        (probabilities,) = languages_of(model.model, encoded)
        language = max(probabilities, key=probabilities.__getitem__)
        if getattr(_state, "watched", None) is not None:
            _state.watched = language
        return language, probabilities[language], None

    model.encode = encode_speech
    model.detect_language = detect_language


def _known_encoding(features: "npt.NDArray[np.float32]") -> object:
    """Return the encoding of a window that has just been encoded for its language; None for another."""
    import numpy as np  # noqa: PLC0415 - reading the settings does not need it

    known = getattr(_state, "known", None)
    return known[1] if known is not None and np.array_equal(known[0], features.squeeze()) else None


def _never_stops() -> bool:
    """Return False, because windows in batches are all decoded."""
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
        chunk_seconds: float = CHUNK_SECONDS,
        batch_size: int = 1,
        language_changes: bool = True,
        names: bool = False,
    ) -> None:
        options = DecodingOptions(beam_size, compute_type, task, chunk_seconds, batch_size, language_changes, names)
        super().__init__(ENGINE, model, options)
        self._parameters = ModelParameters(model, device, compute_type, cpu_threads)

    @override
    def _load(self) -> LoadedModel:
        return shared_model(self._parameters)

    @override
    def _weights(self) -> Path:
        return find_installed_model(self._parameters.model) / WEIGHTS

    @override
    def _transcribe_samples(
        self,
        loaded: LoadedModel,
        samples: "npt.NDArray[np.float32]",
        request: Request,
        report: Callable[[float], object],
    ) -> ChunkResult:
        language = request.language
        with _watching(language or "" if request.is_watched else None):
            if is_rest_silent(samples, WINDOW_SECONDS):
                with _batched_decoding(loaded):
                    samples = samples[: WINDOW_SECONDS * SAMPLES_PER_SECOND]
                    segments, info = self._transcribe_windows(loaded, samples, request, report)
            else:
                with loaded.long_sounds:
                    transcribe = self._transcribe_windows if self._options.batch_size > 1 else self._transcribe_in_turn
                    segments, info = transcribe(loaded, samples, request, report)
        is_multilingual = len(loaded.languages) > 1
        if language is None and is_multilingual and info.duration_after_vad == 0:
            return ChunkResult(segments, UNKNOWN, 0.0, 0.0)
        # If a language is requested, faster-whisper does not detect one.
        is_undetected = language is not None and is_multilingual and bool(segments)
        probability = _probability_of(loaded, info.language) if is_undetected else float(info.language_probability)
        return ChunkResult(segments, info.language, probability, float(info.duration_after_vad))

    @override
    def _detect(self, loaded: LoadedModel, samples: "npt.NDArray[np.float32]") -> Probabilities:
        return languages_in(loaded.whisper.model, loaded.whisper.feature_extractor(samples)[:, :-1])

    def _transcribe_in_turn(
        self,
        loaded: LoadedModel,
        samples: "npt.NDArray[np.float32]",
        request: Request,
        report: Callable[[float], object],
    ) -> tuple[tuple[Segment, ...], Any]:
        """Decode one window after another. Each begins where the last word of the one before ends."""
        found, info = loaded.whisper.transcribe(
            samples,
            language=request.language,
            task=self._task_of(request).value,
            beam_size=self._options.beam_size,
            vad_filter=True,
            condition_on_previous_text=False,
            word_timestamps=self._options.has_words,
            hotwords=request.prompt,
            **({"temperature": 0.0} if request.is_trial else {}),
        )
        return tuple(_read_segments(found, samples, report)), info

    def _transcribe_windows(
        self,
        loaded: LoadedModel,
        samples: "npt.NDArray[np.float32]",
        request: Request,
        report: Callable[[float], object],
    ) -> tuple[tuple[Segment, ...], Any]:
        """Decode whole windows, several at once. They end where nobody speaks.

        faster-whisper's batches have no second try, so it is made here. With word times a batch returns one segment for
        each window, which is split into sentences.
        """
        from faster_whisper import BatchedInferencePipeline

        _state.encoded, _state.stops = None, _never_stops
        try:
            found, info = BatchedInferencePipeline(loaded.whisper).transcribe(
                samples,
                language=request.language,
                task=self._task_of(request).value,
                beam_size=self._options.beam_size,
                batch_size=self._options.batch_size,
                vad_filter=True,
                vad_parameters={"min_silence_duration_ms": _PAUSE_MS},
                word_timestamps=self._options.has_words,
                without_timestamps=self._options.has_words,
                hotwords=request.prompt,
            )
            windows = []
            for window in found:
                report(float(window.end))
                windows.append(_convert_segment(window))
        finally:
            _state.stops = None
        encoded = _state.encoded
        segments: list[Segment] = []
        for window in windows:
            if request.is_trial or not _needs_second_try(window):
                segments.extend(split_sentences(window))
                continue
            begin, end = (round(moment * SAMPLES_PER_SECOND) for moment in (window.start, window.end))
            same = replace(request, language=info.language)
            again, _ = self._transcribe_in_turn(loaded, samples[begin:end], same, lambda _: None)
            segments.extend(shift_segment(segment, window.start) for segment in again)
        _state.encoded = encoded
        return tuple(segments), info


@contextmanager
def _watching(language: str | None) -> Iterator[None]:
    """Require all windows to be in a language. With an empty text it is the detected one, with None it may be any."""
    _state.watched, _state.known = language, None
    try:
        yield
    finally:
        _state.watched = _state.known = None


@contextmanager
def _batched_decoding(loaded: LoadedModel) -> Iterator[None]:
    """Decode the window of this thread in a batch with those of others. Only on a CPU do they share memory."""
    if loaded.whisper.model.device != "cpu":
        yield
        return
    with loaded.batcher.participate() as decode:
        _state.decode = decode
        try:
            yield
        finally:
            _state.decode = None


def _probability_of(loaded: LoadedModel, language: str) -> float:
    """Return the probability of a language in the first window that this thread has encoded for its sound."""
    probabilities, *_ = loaded.whisper.model.detect_language(_state.encoded)
    return float(dict(probabilities)[f"<|{language}|>"])


def _read_segments(
    found: Iterable[Any], samples: "npt.NDArray[np.float32]", report: Callable[[float], object]
) -> Iterator[Segment]:
    """Yield the segments as they are decoded, and report how many seconds are done."""
    done = 0.0
    # Before the first word nothing stops: all that voice detection has let through is decoded.
    _state.encoded = None
    _state.stops = lambda: done > 0 and is_rest_silent(samples, done)
    try:
        with suppress(_EndOfSpeechError):
            for segment in found:
                done = max(done, float(segment.end))
                report(done)
                yield _convert_segment(segment)
    finally:
        _state.stops = None


def _needs_second_try(window: Segment) -> bool:
    """Whether faster-whisper would try another temperature if it decoded the window in turn."""
    return window.compression_ratio > _MAX_COMPRESSION_RATIO or window.avg_logprob < _MIN_LOGPROB


def _convert_segment(found: Any) -> Segment:  # noqa: ANN401 - faster-whisper ships no types
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
