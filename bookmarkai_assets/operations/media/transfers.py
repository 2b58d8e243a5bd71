"""Every transfer is one row in `storage_events`, whether it went well or not."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import ObjectExpiredError, ObjectNotFoundError, ShareFailedError, StoreError
from bookmarkai_assets.core.media.media import Blob, Media
from bookmarkai_assets.core.media.object_keys import key_of
from bookmarkai_assets.core.media.object_tags import tags_of
from bookmarkai_assets.core.media.ports import EventLog, MediaStore, StoredObject, untold
from bookmarkai_assets.core.media.storage_events import Purpose, StorageEvent

MAX_ERROR_CHARACTERS = 500


@dataclass
class Transfer:
    """A transfer under way. `seconds` counts from its begin; set `size_bytes` once it is known."""

    size_bytes: int
    seconds: float = 0.0


@contextmanager
def recorded_transfer(
    events: EventLog,
    clock: Callable[[], datetime],
    *,
    operation: str,
    purpose: Purpose,
    backend: str,
    kind: str,
    share_id: str,
    media_id: str,
    size_bytes: int = 0,
) -> Iterator[Transfer]:
    """Time the block and record it as one event; an error is recorded with its class and goes on its way."""
    transfer = Transfer(size_bytes)
    occurred_at, start = clock(), time.perf_counter()
    error_class: str | None = "interrupted"  # stays so when the process is told to stop in the middle
    message: str | None = None
    try:
        yield transfer
        error_class = None
    except Exception as error:
        error_class, message = _class_of(error), str(error)[:MAX_ERROR_CHARACTERS]
        raise
    finally:
        transfer.seconds = time.perf_counter() - start
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
    """The puts and gets of one media's bytes. `share_id` is the share for whose sake they are done."""

    catalog: Catalog
    clock: Callable[[], datetime]
    share_id: str
    media: Media
    purpose: Purpose

    def put(
        self,
        kind: str,
        source: Path,
        store: MediaStore,
        *,
        may_consume: bool,
        on_bytes: Callable[[int], object] = untold,
    ) -> StoredObject:
        """Put what is to be stored of the media from a local file; bytes that no media is recorded at may give way."""
        blob, key = self.media.blobs[kind], key_of(self.media, kind)
        with self._recorded("put", kind, blob, store):
            return store.put(
                source,
                key,
                expected=blob.digest,
                content_type=blob.content_type,
                tags=tags_of(self.media, kind),
                may_replace=not self.catalog.media.acknowledges(store.url_of(key)),
                may_consume=may_consume,
                on_bytes=on_bytes,
            )

    def get(
        self,
        kind: str,
        url: str,
        store: MediaStore,
        destination: Path,
        *,
        on_bytes: Callable[[int], object] = untold,
    ) -> None:
        """Fetch what is stored of the media, verified against the record, to a local file.

        What is not there is `ObjectExpiredError` once the bucket's rule may have deleted it.
        """
        blob = self.media.blobs[kind]
        with self._recorded("get", kind, blob, store):
            try:
                store.get(url, destination, expected=blob.digest, on_bytes=on_bytes)
            except ObjectNotFoundError as error:
                end = self.media.expires_at
                if url == blob.url and end is not None and end <= self.clock():
                    raise ObjectExpiredError(f"{error}; the bucket's rule may delete it since {end}") from error
                raise

    @contextmanager
    def _recorded(self, operation: str, kind: str, blob: Blob, store: MediaStore) -> Iterator[None]:
        with recorded_transfer(
            self.catalog.events,
            self.clock,
            operation=operation,
            purpose=self.purpose,
            backend=store.backend,
            kind=kind,
            share_id=self.share_id,
            media_id=self.media.media_id,
            size_bytes=blob.digest.size_bytes,
        ):
            yield
