"""The setup of an engine, from settings and installed versions. It is built alike for both, and needs no model."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from bookmarkai_assets.adapters.speech.audio import CHUNK_SECONDS
from bookmarkai_assets.adapters.speech.languages import LANGUAGE_CHANGES
from bookmarkai_assets.adapters.speech.voice import VOICE_DETECTION
from bookmarkai_assets.core.transcripts.transcript import Recipe, Setup, Task

TIMES = "player"
"""Whose clock the times are of, in recipes: with another one, the same sound leads to other times."""

NOT_INSTALLED = "not installed"

ENGLISH_ONLY = ".en"
"""How the names of Whisper's models for English end."""


@dataclass(frozen=True)
class DecodingOptions:
    """How an engine decodes. Together with the model, these options decide the text.

    Long sounds are divided into chunks of about `chunk_seconds`. `batch_size` windows of a chunk are decoded at once.
    With `language_changes`, the language of a sound without a requested one may change on the way. With `names`, the
    names that a transcription is given are offered to the model.
    """

    beam_size: int
    compute_type: str
    task: Task
    chunk_seconds: float = CHUNK_SECONDS
    batch_size: int = 1
    language_changes: bool = True
    names: bool = False

    @property
    def has_words(self) -> bool:
        """Whether words get times. Those of a translation do not, because nobody said them."""
        return self.task is Task.TRANSCRIBE


def setup_of(engine: str, model: str, options: DecodingOptions) -> Setup:
    """Return the setup of an engine. Its name is that of its package, and both engines get the same parameters."""
    return Setup(
        engine=engine,
        engine_version=_version_of(engine),
        model=model,
        parameters={
            "beam_size": options.beam_size,
            "compute_type": options.compute_type,
            "task": options.task.value,
            "vad": VOICE_DETECTION,
            "times": TIMES,
            "condition_on_previous_text": False,
            "word_timestamps": options.has_words,
            "span_seconds": options.chunk_seconds,
            "batch_size": options.batch_size,
            # Only where they decide anything: what they leave as it was is not made again.
            **({"language_changes": LANGUAGE_CHANGES} if _may_change_language(model, options) else {}),
            **({"names": "post"} if options.names else {}),
        },
    )


def recipe_of(setup: Setup, weights_sha256: str) -> Recipe:
    """Return the recipe: a setup with the digest of the weights."""
    return Recipe(setup.engine, setup.engine_version, setup.model, weights_sha256, setup.parameters)


def _may_change_language(model: str, options: DecodingOptions) -> bool:
    return options.language_changes and not model.endswith(ENGLISH_ONLY)


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return NOT_INSTALLED
