"""What is known about a speech model before it is loaded. The speech adapters find the models."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class ModelLocation(StrEnum):
    """Where a speech model's files are."""

    PACKAGE = "package"
    CACHE = "cache"
    PATH = "path"
    NOWHERE = "not here"


@dataclass(frozen=True)
class SpeechModel:
    """A model that an engine can use. `path`, `size_bytes` and `is_vetted` are None for one that is not here.

    `is_vetted`: its weights have a hash that this project or the engine's own list knows. It is False for a model whose
    hash neither knows, which may well be good.
    """

    name: str
    location: ModelLocation
    path: Path | None = None
    size_bytes: int | None = None
    is_vetted: bool | None = None
