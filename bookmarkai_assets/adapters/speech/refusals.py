"""Refuse settings that a model cannot follow, in the same words for every engine."""

from collections.abc import Sequence

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.transcripts.transcript import Task


def refuse_language(language: str | None, model: str, supported: Sequence[str]) -> None:
    """Raise `ConfigurationError` for a language that the model does not know. None means that it is detected."""
    if language is None or language in supported:
        return
    if list(supported) == ["en"]:
        raise ConfigurationError(
            f"expected the language en or none, since {model} knows English only, found {language!r}; choose a model "
            "without .en, such as tiny or small"
        )
    raise ConfigurationError(
        f"expected one of the languages {', '.join(supported)}, or none to detect it, found {language!r}"
    )


def refuse_task(task: Task, model: str, supported: Sequence[str]) -> None:
    """Raise `ConfigurationError` if a model that knows only English is to translate."""
    if task is Task.TRANSLATE and list(supported) == ["en"]:
        raise ConfigurationError(
            f"WHISPER_TASK=translate: expected a model that knows more than English, found {model}; choose a model "
            "without .en, such as base or small"
        )
