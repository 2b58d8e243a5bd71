"""The record of every transfer, whether it succeeded or failed. Every metric is made from these."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bookmarkai_assets.core.errors import StoreErrorClass
from bookmarkai_assets.core.media.kinds import PartKind


class Operation(StrEnum):
    """What a transfer does."""

    FETCH = "fetch"
    PUT = "put"
    GET = "get"


SITE = "site"
"""The `backend` of a fetch, which comes from a site and not from one of our backends."""


class Purpose(StrEnum):
    """What a transfer is for."""

    FETCH = "fetch"
    """From the site into staging."""
    PLACE = "place"
    """From staging to the backend that the policy chose."""
    SHADOW = "shadow"
    """A second copy in S3, which is put and read back to compare. Nothing else reads it."""
    MOVE = "move"
    """From one backend to another, later."""
    TRANSCRIBE = "transcribe"
    """To a worker that transcribes the audio track."""
    DOCUMENT = "document"
    """A transcript's files, beside its media."""


@dataclass(frozen=True)
class StorageEvent:
    """One transfer. `backend` is `SITE` or the value of a `Backend`.

    `purpose` is None for rows from before it was recorded. `error_class` is None on success. `size_bytes` is what was
    to be transferred, 0 if unknown. `seconds` is wall time.
    """

    occurred_at: datetime
    operation: Operation
    backend: str
    share_id: str | None
    media_id: str | None
    kind: PartKind
    size_bytes: int
    seconds: float
    error_class: StoreErrorClass | str | None
    error: str | None
    purpose: Purpose | None = None
