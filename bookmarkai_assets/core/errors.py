"""The errors that this package raises on purpose. The expected outcomes of a share are values, see `outcomes`."""

from datetime import datetime
from enum import StrEnum

from bookmarkai_assets.core.outcomes import Failure


class BookmarkAIError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigurationError(BookmarkAIError):
    """A setting, the catalog's schema or something installed is not what the pipeline needs to start."""


class CatalogUnavailableError(BookmarkAIError):
    """A transaction failed: the database is unreachable, locked for too long, full or read-only. Nothing was kept."""


class UnknownShareError(BookmarkAIError):
    """No share has this id."""


class IdempotencyKeyError(BookmarkAIError):
    """A caller's key for one request came again with another request."""


class LeaseLostError(BookmarkAIError):
    """Another owner has the lease now, so this one must not record anything more about the media."""


class ShareFailedError(BookmarkAIError):
    """Work on one share failed. Carries the typed failure to record. Never fails the other shares of the run."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.outcome}: {failure.reason}")
        self.failure = failure


class PostponedError(BookmarkAIError):
    """Work on a share cannot go on now, through no fault of its own. It is postponed, and no attempt is counted.

    It is due again at `until`. With `held_for`, that site or store must also work again. With `alone`, it gets a run of
    its own.
    """

    def __init__(self, reason: str, *, until: datetime, held_for: str | None = None, alone: bool = False) -> None:
        super().__init__(reason)
        self.until = until
        self.held_for = held_for
        self.alone = alone


class CleanUpRefusedError(BookmarkAIError):
    """Clean-up removed nothing, because the stores differ too much from what the catalog expects."""


class RolloutConflictError(BookmarkAIError):
    """Somebody else decided about the rollout at the same time, or its state does not allow the decision."""


class TranscriptionError(BookmarkAIError):
    """The speech engine could not read this audio."""


class SearchQueryError(BookmarkAIError):
    """A search query cannot be parsed. The message says what a query may contain."""


class ExportError(BookmarkAIError):
    """A transcript cannot be exported in this format or written to this location."""


class StoreErrorClass(StrEnum):
    """What went wrong in a store, in terms that an operator can act on. A column of `storage_events`."""

    THROTTLED = "throttled"
    ACCESS_DENIED = "access_denied"
    TIMEOUT = "timeout"
    NOT_FOUND = "not_found"
    EXPIRED = "expired"
    CHECKSUM = "checksum"
    CONFLICT = "conflict"
    UNAVAILABLE = "unavailable"
    NO_SPACE = "no_space"
    CONFIGURATION = "configuration"
    INTERRUPTED = "interrupted"
    OTHER = "other"


class StoreError(BookmarkAIError):
    """An operation on a store failed. Nothing partial is visible at its destination.

    `backend` is the store's backend, set by whoever called the store. None if that is not known.
    """

    def __init__(self, error_class: StoreErrorClass, message: str) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.backend: str | None = None


class ReserveError(StoreError):
    """A file was not written, because less than `DOWNLOAD_MIN_FREE_BYTES` would have been left free."""

    def __init__(self, message: str) -> None:
        super().__init__(StoreErrorClass.NO_SPACE, message)


class ObjectNotFoundError(StoreError, FileNotFoundError):
    """No object or file is at this location. It is a `FileNotFoundError` too, for callers that expect one."""

    def __init__(self, message: str) -> None:
        super().__init__(StoreErrorClass.NOT_FOUND, message)


class ObjectExpiredError(ObjectNotFoundError):
    """The object is gone because its bucket's lifecycle rule deleted it when it was due. This is not a loss."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.error_class = StoreErrorClass.EXPIRED


class ObjectConflictError(StoreError):
    """Other bytes, which the catalog acknowledges, are already at this location. They are never overwritten."""

    def __init__(self, message: str) -> None:
        super().__init__(StoreErrorClass.CONFLICT, message)
