"""Storage events rolled up by kind of transfer, at several resolutions."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bookmarkai_assets.core.media.placement import REMOTE_BACKENDS
from bookmarkai_assets.core.media.storage_events import Operation, StorageEvent
from bookmarkai_assets.core.rollout.latency import bin_of
from bookmarkai_assets.core.rollout.windows import EPOCH, GRID, Resolution, Window

MULTIPART_BYTES = 16 << 20
"""Above this size a put is sent in parts of about this size (`adapters/s3_store/upload`)."""


@dataclass(frozen=True, order=True)
class Series:
    """A kind of transfer: the columns of `storage_events` that metrics distinguish.

    `purpose` is place, shadow, move, transcribe or fetch, "" for events from before it was recorded. `error_class` is
    "" on success.
    """

    operation: str
    backend: str
    purpose: str
    kind: str
    error_class: str

    @property
    def is_good(self) -> bool:
        """Whether these transfers went well."""
        return not self.error_class


@dataclass
class Tally:
    """The sums of some events: bytes, wall seconds, requests to the backend, and their latencies in bins."""

    events: int = 0
    size_bytes: int = 0
    seconds: float = 0.0
    requests: int = 0
    bins: Counter[int] = field(default_factory=Counter)

    def count(self, event: StorageEvent) -> None:
        """Count one more event. Of a failed one neither the bytes nor the time count."""
        self.events += 1
        self.requests += count_requests(event)
        if not event.error_class:
            self.size_bytes += event.size_bytes
            self.seconds += event.seconds
            self.bins[bin_of(event.seconds)] += 1

    def add(self, other: "Tally") -> None:
        """Add another tally to this one."""
        self.events += other.events
        self.size_bytes += other.size_bytes
        self.seconds += other.seconds
        self.requests += other.requests
        self.bins.update(other.bins)


Totals = Mapping[Series, Tally]


def count_requests(event: StorageEvent) -> int:
    """Estimate the priced requests of a transfer; 0 outside S3."""
    return s3_requests(event.operation, event.size_bytes) if event.backend in REMOTE_BACKENDS else 0


def s3_requests(operation: str, size_bytes: float) -> int:
    """Estimate the requests that S3 charges for a put or get of so many bytes.

    A put is one request, and above `MULTIPART_BYTES` one for each part and two around them. A get is one for each range
    of that size.
    """
    ranges = max(1, math.ceil(size_bytes / MULTIPART_BYTES))
    return ranges + 2 if operation == Operation.PUT and ranges > 1 else ranges


def roll_up(events: Iterable[StorageEvent]) -> dict[tuple[Resolution, datetime, Series], Tally]:
    """Add events up by resolution, interval start and series. Each event counts once in each resolution."""
    # Over millions of events, as after an upgrade, this loop takes the time. Its keys are therefore plain tuples, it
    # has only the shortest resolution, and it does calendar arithmetic only when the interval changes.
    shortest: dict[tuple[datetime, str, str, str, str, str], Tally] = {}
    interval = Window(EPOCH, EPOCH)
    for event in events:
        if event.occurred_at not in interval:
            start = GRID.floor(event.occurred_at)
            interval = Window(start, start + timedelta(seconds=GRID))
        key = (
            interval.start,
            event.operation,
            event.backend,
            event.purpose or "",
            event.kind,
            event.error_class or "",
        )
        tally = shortest.get(key)
        if tally is None:
            tally = shortest[key] = Tally()
        tally.count(event)
    rolled: dict[tuple[Resolution, datetime, Series], Tally] = {}
    for (start, *names), tally in shortest.items():
        series = Series(*names)
        for resolution in Resolution:
            rolled.setdefault((resolution, resolution.floor(start), series), Tally()).add(tally)
    return rolled


def merge(totals: Iterable[Tally]) -> Tally:
    """Return the sum of tallies."""
    result = Tally()
    for tally in totals:
        result.add(tally)
    return result
