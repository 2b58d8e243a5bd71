"""Every transfer is one row in `storage_events`, whether it went well or not."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from bookmarkai_assets.core.errors import ShareFailedError, StoreError
from bookmarkai_assets.core.ports import EventLog, StorageEvent

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
