"""Make the speech engine, and find its models."""

from pathlib import Path
from typing import TYPE_CHECKING

from bookmarkai_assets.core.transcripts.ports import SpeechEngine
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.settings.speech import NamesFrom, SpeechEngineName

if TYPE_CHECKING:
    from bookmarkai_assets.core.transcripts.speech_models import SpeechModel

_DEFAULT_COMPUTE_TYPES = {SpeechEngineName.FASTER_WHISPER: "int8", SpeechEngineName.OPENAI_WHISPER: "default"}
"""openai-whisper's own default depends on the machine."""

BATCH_SIZE_ON_CUDA = 8
"""faster-whisper's own default."""


def make_speech_engine(settings: Settings, *, model: str | None = None) -> SpeechEngine:
    """Make the configured speech engine. `model` replaces the configured model.

    Raises:
        ConfigurationError: openai-whisper is configured but not installed, or cannot compute as configured.
    """
    model = model or settings.whisper_model
    match settings.whisper_engine:
        case SpeechEngineName.FASTER_WHISPER:
            from bookmarkai_assets.adapters.speech import faster_whisper  # noqa: PLC0415 - adapters load when used

            return faster_whisper.FasterWhisperEngine(
                model=model,
                device=settings.whisper_device,
                compute_type=settings.whisper_compute_type or _DEFAULT_COMPUTE_TYPES[settings.whisper_engine],
                cpu_threads=settings.whisper_cpu_threads,
                beam_size=settings.whisper_beam_size,
                batch_size=_batch_size(settings),
                task=settings.whisper_task,
                language_changes=settings.whisper_language is None,
                names=settings.whisper_names is NamesFrom.POST,
            )
        case SpeechEngineName.OPENAI_WHISPER:
            from bookmarkai_assets.adapters.speech import openai_whisper  # noqa: PLC0415 - adapters load when used

            return openai_whisper.OpenAIWhisperEngine(
                model=model,
                cache=_checkpoint_cache(settings),
                device=settings.whisper_device,
                compute_type=settings.whisper_compute_type,
                cpu_threads=settings.whisper_cpu_threads,
                beam_size=settings.whisper_beam_size,
                task=settings.whisper_task,
                language_changes=settings.whisper_language is None,
                names=settings.whisper_names is NamesFrom.POST,
            )


def speech_code_version(settings: Settings) -> str:
    """Return Dagster's code version for what transcribes with these settings. It is the same on every machine.

    It changes with the engine, its installed version, model, compute type, beam and task as configured, and with what
    else the engines are given. The weights are not part of it. Nothing is loaded, because every process that reads the
    definitions calls this.
    """
    from bookmarkai_assets.adapters.speech.setups import DecodingOptions, setup_of  # noqa: PLC0415 - adapters load when used

    compute_type = settings.whisper_compute_type or _DEFAULT_COMPUTE_TYPES[settings.whisper_engine]
    options = DecodingOptions(
        settings.whisper_beam_size,
        compute_type,
        settings.whisper_task,
        batch_size=_batch_size(settings),
        language_changes=settings.whisper_language is None,
        names=settings.whisper_names is NamesFrom.POST,
    )
    return setup_of(settings.whisper_engine.value, settings.whisper_model, options).fingerprint


def _batch_size(settings: Settings) -> int:
    is_on_cuda = settings.whisper_engine is SpeechEngineName.FASTER_WHISPER and settings.whisper_device == "cuda"
    return settings.whisper_batch_size or (BATCH_SIZE_ON_CUDA if is_on_cuda else 1)


def find_speech_model(settings: Settings) -> Path | None:
    """Find the speech model's directory or file. None if it would have to be downloaded.

    Raises:
        ConfigurationError: There is no such model, or openai-whisper is configured but not installed.
    """
    from bookmarkai_assets.adapters.speech import checkpoints, models  # noqa: PLC0415 - adapters load when used

    match settings.whisper_engine:
        case SpeechEngineName.FASTER_WHISPER:
            return models.find_local_model(settings.whisper_model)
        case SpeechEngineName.OPENAI_WHISPER:
            checkpoints.require_package()
            return checkpoints.find_local_checkpoint(settings.whisper_model, _checkpoint_cache(settings))


def list_speech_models(settings: Settings) -> list["SpeechModel"]:
    """List the configured engine's models on this machine, and the configured model. Raises `ConfigurationError`."""
    from bookmarkai_assets.adapters.speech import checkpoints, models  # noqa: PLC0415 - adapters load when used

    match settings.whisper_engine:
        case SpeechEngineName.FASTER_WHISPER:
            return models.list_models(settings.whisper_model)
        case SpeechEngineName.OPENAI_WHISPER:
            return checkpoints.list_checkpoints(settings.whisper_model, _checkpoint_cache(settings))


def fetch_speech_model(settings: Settings, model: str) -> Path:
    """Download a model with the engine's own loader, if it is not here yet. Raises `ConfigurationError`."""
    from bookmarkai_assets.adapters.speech import checkpoints, models  # noqa: PLC0415 - adapters load when used

    match settings.whisper_engine:
        case SpeechEngineName.FASTER_WHISPER:
            return models.find_model(model)
        case SpeechEngineName.OPENAI_WHISPER:
            return checkpoints.find_checkpoint(model, _checkpoint_cache(settings))


def _checkpoint_cache(settings: Settings) -> Path:
    from bookmarkai_assets.adapters.speech.checkpoints import DEFAULT_CACHE  # noqa: PLC0415 - adapters load when used

    return settings.whisper_model_dir or DEFAULT_CACHE
