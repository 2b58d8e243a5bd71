"""Make the speech engine, and find its models."""

from pathlib import Path

from bookmarkai_assets.core.transcripts.ports import SpeechEngine
from bookmarkai_assets.core.transcripts.speech_models import SpeechModel
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.settings.speech import SpeechEngineName

_DEFAULT_COMPUTE_TYPES = {SpeechEngineName.FASTER_WHISPER: "int8", SpeechEngineName.OPENAI_WHISPER: "default"}
"""What openai-whisper's default is depends on the machine."""

BATCH_SIZE_ON_CUDA = 8
"""faster-whisper's own default."""


def make_speech_engine(settings: Settings, *, model: str | None = None) -> SpeechEngine:
    """Give the speech engine that the settings name, with another model than theirs where one is given.

    Raises:
        ConfigurationError: openai-whisper is set and not installed, or cannot compute as it was set.
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
            )


def speech_code_version(settings: Settings) -> str:
    """Stand for what transcribes by these settings, for Dagster: without the weights, and alike on every machine.

    It changes with engine, its installed version, model, compute type, beam and task as they are set, and with what the
    engines are told beside that. Nothing is loaded: every process that reads the definitions asks for it.
    """
    from bookmarkai_assets.adapters.speech.setups import DecodingOptions, setup_of  # noqa: PLC0415 - adapters load when used

    compute_type = settings.whisper_compute_type or _DEFAULT_COMPUTE_TYPES[settings.whisper_engine]
    manner = DecodingOptions(
        settings.whisper_beam_size, compute_type, settings.whisper_task, batch_size=_batch_size(settings)
    )
    return setup_of(settings.whisper_engine.value, settings.whisper_model, manner).fingerprint


def _batch_size(settings: Settings) -> int:
    is_on_cuda = settings.whisper_engine is SpeechEngineName.FASTER_WHISPER and settings.whisper_device == "cuda"
    return settings.whisper_batch_size or (BATCH_SIZE_ON_CUDA if is_on_cuda else 1)


def find_speech_model(settings: Settings) -> Path | None:
    """Find the speech model's directory or file; None where it would have to be downloaded.

    Raises:
        ConfigurationError: No such model, or openai-whisper is set and not installed.
    """
    from bookmarkai_assets.adapters.speech import checkpoints, models  # noqa: PLC0415 - adapters load when used

    match settings.whisper_engine:
        case SpeechEngineName.FASTER_WHISPER:
            return models.find_local_model(settings.whisper_model)
        case SpeechEngineName.OPENAI_WHISPER:
            checkpoints.require_package()
            return checkpoints.find_local_checkpoint(settings.whisper_model, _checkpoint_cache(settings))


def list_speech_models(settings: Settings) -> list[SpeechModel]:
    """List the models of the engine that is set, as far as they are here. Raises `ConfigurationError`."""
    from bookmarkai_assets.adapters.speech import checkpoints, models  # noqa: PLC0415 - adapters load when used

    match settings.whisper_engine:
        case SpeechEngineName.FASTER_WHISPER:
            return models.list_models(settings.whisper_model)
        case SpeechEngineName.OPENAI_WHISPER:
            return checkpoints.list_checkpoints(settings.whisper_model, _checkpoint_cache(settings))


def fetch_speech_model(settings: Settings, model: str) -> Path:
    """Have the engine's own loader download a model, if it is not here already. Raises `ConfigurationError`."""
    from bookmarkai_assets.adapters.speech import checkpoints, models  # noqa: PLC0415 - adapters load when used

    match settings.whisper_engine:
        case SpeechEngineName.FASTER_WHISPER:
            return models.find_model(model)
        case SpeechEngineName.OPENAI_WHISPER:
            return checkpoints.find_checkpoint(model, _checkpoint_cache(settings))


def _checkpoint_cache(settings: Settings) -> Path:
    from bookmarkai_assets.adapters.speech.checkpoints import DEFAULT_CACHE  # noqa: PLC0415 - adapters load when used

    return settings.whisper_model_dir or DEFAULT_CACHE
