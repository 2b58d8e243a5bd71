"""What is recorded of every transfer, good or bad. Every metric is made of these."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bookmarkai_assets.core.errors import StoreErrorClass


class Purpose(StrEnum):
    """What a transfer is for."""

    FETCH = "fetch"
    """From the site into staging."""
    PLACE = "place"
    """From staging to where the policy says."""
    SHADOW = "shadow"
    """A second copy in S3, put and read back to compare, that nobody is served from."""
    MOVE = "move"
    """From one backend to another, later."""
    TRANSCRIBE = "transcribe"
    """To a worker that reads the sound."""
    DOCUMENT = "document"
    """A transcript's files, beside its media."""


@dataclass(frozen=True)
class StorageEvent:
    """One transfer, good or bad. `operation` is fetch, put or get; `backend` is site, local or s3.

    `purpose` is a `Purpose`, None for rows from before it was recorded.

    `error_class` is None on success; `size_bytes` counts what was to be moved, 0 when unknown. `seconds` is wall time.
    """

    occurred_at: datetime
    operation: str
    backend: str
    share_id: str | None
    media_id: str | None
    kind: str
    size_bytes: int
    seconds: float
    error_class: StoreErrorClass | str | None
    error: str | None
    purpose: str | None = None
