"""The family of errors that callers can only stop for. Expected outcomes of a share are values: see `outcomes`."""

from datetime import datetime
from enum import StrEnum

from bookmarkai_assets.core.outcomes import Failure


class BookmarkAIError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigurationError(BookmarkAIError):
    """The settings, the catalog's schema or an installed part is not what the start needs."""


class CatalogUnavailableError(BookmarkAIError):
    """The database did not serve a transaction: unreachable, locked for too long, full, read-only. Nothing was kept."""


class UnknownShareError(BookmarkAIError):
    """No share has this id."""


class LeaseLostError(BookmarkAIError):
    """Another run holds the lease now, so this one must not record anything more about the media."""


class ShareFailedError(BookmarkAIError):
    """Work on one share ended; carries the typed failure to record. Never fails the share's neighbours."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.outcome}: {failure.reason}")
        self.failure = failure


class PostponedError(BookmarkAIError):
    """Work on a share cannot go on now, through no fault of its own: it is put back, and no attempt is counted.

    It is due again at `until`; with `held_for`, once that site takes fetches again too; `alone`, in a run of its own.
    """

    def __init__(self, reason: str, *, until: datetime, held_for: str | None = None, alone: bool = False) -> None:
        super().__init__(reason)
        self.until = until
        self.held_for = held_for
        self.alone = alone


class CleanUpRefusedError(BookmarkAIError):
    """Clean-up found the stores so unlike what the catalog expects that it removed nothing."""


class RolloutConflictError(BookmarkAIError):
    """Somebody else decided about the rollout at the same time, or the state does not allow what was asked."""


class TranscriptionError(BookmarkAIError):
    """The speech engine could not read this audio."""


class SearchQueryError(BookmarkAIError):
    """What was asked of search cannot be read; the message says what can be asked."""


class ExportError(BookmarkAIError):
    """A transcript cannot be given in the form, or written to the place, that was asked for."""


class StoreErrorClass(StrEnum):
    """What went wrong in a store, in the terms an operator acts on. One column of `storage_events`."""

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
    """A transfer failed; nothing partial is visible at its destination."""

    def __init__(self, error_class: StoreErrorClass, message: str) -> None:
        super().__init__(message)
        self.error_class = error_class


class ObjectNotFoundError(StoreError, FileNotFoundError):
    """No object or file at that location. Absence stays a `FileNotFoundError` for callers that expect it."""

    def __init__(self, message: str) -> None:
        super().__init__(StoreErrorClass.NOT_FOUND, message)


class ObjectExpiredError(ObjectNotFoundError):
    """No object at that location any more, which its bucket's rule has deleted, as was to be expected: no loss."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.error_class = StoreErrorClass.EXPIRED


class ObjectConflictError(StoreError):
    """Other bytes, which the catalog acknowledges, are already at that location. Never overwritten."""

    def __init__(self, message: str) -> None:
        super().__init__(StoreErrorClass.CONFLICT, message)
