"""What there is to know of a speech model before it is loaded. Where models are is the speech adapters' business."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class ModelPlace(StrEnum):
    """Where a speech model's files are."""

    PACKAGE = "package"
    CACHE = "cache"
    PATH = "path"
    NOWHERE = "not here"


@dataclass(frozen=True)
class SpeechModel:
    """One model that an engine can be set to. `path`, `size_bytes` and `is_vetted` are None for one that is not here.

    `is_vetted`: every byte of it has the hash that this project, or the engine's own list, knows of it. False for one
    whose hash nobody here knows: it may well be good.
    """

    name: str
    place: ModelPlace
    path: Path | None = None
    size_bytes: int | None = None
    is_vetted: bool | None = None
