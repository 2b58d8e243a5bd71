"""What is recorded of every transfer, good or bad. Every metric is made of these."""

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
"""The `backend` of a fetch: it is from a site, and from none of ours."""


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
    """One transfer, good or bad. `backend` is `SITE` or the value of a `Backend`.

    `purpose` is None for rows from before it was recorded. `error_class` is None on success. `size_bytes` is what was
    to be transferred, 0 when unknown. `seconds` is wall time.
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
