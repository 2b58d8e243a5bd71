"""What settings and installed versions say of how speech is heard, alike for both engines. Looks for no model."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from bookmarkai_assets.adapters.speech.audio import SPAN_SECONDS
from bookmarkai_assets.adapters.speech.voice import VOICE_DETECTION
from bookmarkai_assets.core.transcripts.transcript import Recipe, Setup, Task

NOT_INSTALLED = "not installed"


@dataclass(frozen=True)
class DecodingOptions:
    """How an engine is to hear: what decides the text beside the model.

    `span_seconds` divides long sounds; `batch_size` windows of one are heard at once.
    """

    beam_size: int
    compute_type: str
    task: Task
    span_seconds: float = SPAN_SECONDS
    batch_size: int = 1

    @property
    def has_words(self) -> bool:
        """Whether single words get times. Those of a translation have none: there are no such words that were said."""
        return self.task is Task.TRANSCRIBE


def setup_of(engine: str, model: str, manner: DecodingOptions) -> Setup:
    """Give the setup of an engine, named as its package is; both are told the same."""
    return Setup(
        engine=engine,
        engine_version=_version_of(engine),
        model=model,
        parameters={
            "beam_size": manner.beam_size,
            "compute_type": manner.compute_type,
            "task": manner.task.value,
            "vad": VOICE_DETECTION,
            "condition_on_previous_text": False,
            "word_timestamps": manner.has_words,
            "span_seconds": manner.span_seconds,
            "batch_size": manner.batch_size,
        },
    )


def recipe_of(setup: Setup, weights_sha256: str) -> Recipe:
    """Add the weights to a setup."""
    return Recipe(setup.engine, setup.engine_version, setup.model, weights_sha256, setup.parameters)


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return NOT_INSTALLED
