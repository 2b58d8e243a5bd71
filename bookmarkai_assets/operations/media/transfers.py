"""Every transfer is one row in `storage_events` and one line in the log, whether it succeeds or fails."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bookmarkai_assets.core.errors import (
    ObjectExpiredError,
    ObjectNotFoundError,
    ShareFailedError,
    StoreError,
    StoreErrorClass,
)
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Media, Part
from bookmarkai_assets.core.media.object_tags import tags_of
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import EventLog, MediaStore, StoredObject, ignore_bytes
from bookmarkai_assets.core.media.storage_events import Operation, Purpose, StorageEvent
from bookmarkai_assets.core.media.transfers import TransferUnderWay
from bookmarkai_assets.operations.media.under_way import WatchedTransfer
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.store_turns import record_trial, require_store
from bookmarkai_assets.operations.stores import errors_of

logger = logging.getLogger(__name__)

_INTERRUPTED = StoreErrorClass.INTERRUPTED.value

_OF_A_SHARE = frozenset({Purpose.PLACE, Purpose.TRANSCRIBE})
"""The work that only shares need, and that waits while a store is paused. A person's own orders do not."""

MAX_ERROR_CHARACTERS = 500


@dataclass
class Transfer:
    """A transfer under way. Set `size_bytes` once it is known; `seconds` is the wall time when it is over."""

    size_bytes: int
    seconds: float = 0.0


@contextmanager
def recorded_transfer(
    events: EventLog,
    clock: Callable[[], datetime],
    *,
    operation: Operation,
    purpose: Purpose,
    backend: str,
    kind: PartKind,
    share_id: str,
    media_id: str,
    size_bytes: int = 0,
) -> Iterator[Transfer]:
    """Time the block and record it as one event. An error is recorded with its class and raised again."""
    transfer = Transfer(size_bytes)
    occurred_at, start = clock(), time.perf_counter()
    error_class: str | None = _INTERRUPTED  # stays so when the process is told to stop in the middle
    message: str | None = None
    try:
        yield transfer
        error_class = None
    except Exception as error:
        error_class, message = _class_of(error), str(error)[:MAX_ERROR_CHARACTERS]
        raise
    finally:
        transfer.seconds = time.perf_counter() - start
        _log(operation, backend, kind, transfer, error_class)
        events.record(
            StorageEvent(
                occurred_at=occurred_at,
                operation=operation,
                backend=backend,
                share_id=share_id,
                media_id=media_id,
                kind=kind,
                size_bytes=transfer.size_bytes,
                seconds=transfer.seconds,
                error_class=error_class,
                error=message,
                purpose=purpose,
            )
        )


def _log(operation: Operation, backend: str, kind: PartKind, transfer: Transfer, error_class: str | None) -> None:
    """Say what was transferred, in the words that operators look for in the logs of containers: storage and S3."""
    logger.log(
        logging.INFO if error_class in {None, _INTERRUPTED} else logging.WARNING,
        "storage: %s of the %s, %s, %s bytes in %.2f s: %s",
        operation,
        kind,
        "S3" if backend == Backend.S3 else backend,
        f"{transfer.size_bytes:,}",
        transfer.seconds,
        error_class or "ok",
    )


def _class_of(error: Exception) -> str:
    match error:
        case StoreError():
            return error.error_class
        case ShareFailedError():
            return error.failure.outcome
        case _:
            return type(error).__name__


@dataclass(frozen=True)
class MediaTransfers:
    """The puts and gets of one media's parts, each recorded. `share_id` is the share that they are done for."""

    hold: Hold
    media: Media
    share_id: str
    purpose: Purpose

    def put(
        self,
        part: Part,
        source: Path,
        store: MediaStore,
        *,
        may_consume: bool,
        on_bytes: Callable[[int], object] = ignore_bytes,
    ) -> StoredObject:
        """Put a part from a local file. Other bytes under its key are replaced unless a media is recorded there.

        Raises `StoreError`, and `PostponedError` if the store is paused for shares.
        """
        with self._record(Operation.PUT, part, store, on_bytes) as watched:
            return store.put(
                source,
                part.key,
                expected=part.digest,
                content_type=part.content_type,
                tags=tags_of(self.media, part.kind),
                may_replace=not self.hold.catalog.media.acknowledges(store.url_of(part.key)),
                may_consume=may_consume,
                on_bytes=watched,
            )

    def get(self, part: Part, destination: Path, *, on_bytes: Callable[[int], object] = ignore_bytes) -> None:
        """Fetch a part from its URL to a local file, verified against its digest.

        Raises `StoreError`, and `PostponedError` if the store is paused for shares. What is absent raises
        `ObjectExpiredError` once the bucket's rule may have deleted it.
        """
        store = self.hold.stores.of_url(part.url)
        with self._record(Operation.GET, part, store, on_bytes) as watched:
            try:
                store.get(part.url, destination, expected=part.digest, on_bytes=watched)
            except ObjectNotFoundError as error:
                end = self.media.expires_at
                is_recorded_there = part.url == self.media.parts[part.kind].url
                if is_recorded_there and end is not None and end <= self.hold.clock():
                    raise ObjectExpiredError(f"{error}; the bucket's rule may delete it since {end}") from error
                raise

    @contextmanager
    def _record(
        self, operation: Operation, part: Part, store: MediaStore, on_bytes: Callable[[int], object]
    ) -> Iterator[WatchedTransfer]:
        hold, media_id = self.hold, self.media.media_id
        is_trial = self.purpose in _OF_A_SHARE and require_store(
            hold.catalog, hold.rules, store.backend, media_id, now=hold.clock()
        )
        watched = WatchedTransfer(
            hold.catalog.transfers,
            TransferUnderWay(
                media_id=media_id,
                kind=part.kind,
                operation=operation,
                backend=store.backend,
                share_id=self.share_id,
                purpose=self.purpose,
                size_bytes=part.size_bytes,
                begun_at=hold.clock(),
            ),
            on_bytes,
            clock=hold.clock,
        )
        with (
            watched,
            errors_of(store),
            recorded_transfer(
                hold.catalog.events,
                hold.clock,
                operation=operation,
                purpose=self.purpose,
                backend=store.backend,
                kind=part.kind,
                share_id=self.share_id,
                media_id=media_id,
                size_bytes=part.size_bytes,
            ),
        ):
            yield watched
        if is_trial:
            record_trial(hold.catalog, store.backend, media_id, now=hold.clock())
