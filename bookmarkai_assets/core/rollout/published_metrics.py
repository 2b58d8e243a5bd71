"""The metrics that the pipeline publishes: of storage events, and of the backlog. Users rely on names and meaning.

The limits are those of CloudWatch's PutMetricData (API reference, "PutMetricData" and "MetricDatum").
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bookmarkai_assets.core.errors import StoreErrorClass
from bookmarkai_assets.core.media.placement import REMOTE_BACKENDS
from bookmarkai_assets.core.media.storage_events import Operation, Purpose, StorageEvent
from bookmarkai_assets.core.rollout.latency import bin_of, seconds_of

MAX_DATA = 1000
"""In one request."""
MAX_VALUES = 150
"""Different values in one datum."""
MAX_AGE = timedelta(days=14) - timedelta(hours=1)
"""The service refuses a request with data older than two weeks; the hour is for clocks and retries."""
MAX_AHEAD = timedelta(hours=1)
"""It also refuses data more than two hours ahead."""
MAX_DATA_PER_EVENT = 4
"""Those of an upload: the attempt, a failure, denied access, the time it took."""
MAX_EVENTS = MAX_DATA // MAX_DATA_PER_EVENT
"""This many events always fit into one request, even if each has a minute of its own."""


class MetricName(StrEnum):
    """The metrics."""

    UPLOAD_ATTEMPTS = "UploadAttempts"
    UPLOAD_FAILURES = "UploadFailures"
    UPLOAD_SECONDS = "UploadSeconds"
    DOWNLOAD_SECONDS = "DownloadSeconds"
    ACCESS_DENIED = "AccessDenied"
    DUE_SHARES = "DueShares"
    OLDEST_DUE_SECONDS = "OldestDueSeconds"


LATENCIES = frozenset({MetricName.UPLOAD_SECONDS, MetricName.DOWNLOAD_SECONDS})
"""How long transfers took, in seconds."""

IN_SECONDS = LATENCIES | {MetricName.OLDEST_DUE_SECONDS}
"""These are in seconds; the others are counts."""


@dataclass(frozen=True)
class Datum:
    """The values of a metric in one minute, and how often each occurred. A count has one value, the sum.

    So has the state at one moment, such as the shares that are due.
    """

    metric: MetricName
    minute: datetime
    values: Mapping[float, int]


@dataclass(frozen=True)
class Publishable:
    """The data of some events, and how many events were left out because they are too old or too far ahead."""

    data: Sequence[Datum]
    skipped: int


def make_publishable(events: Iterable[StorageEvent], *, now: datetime) -> Publishable:
    """Return the data of events: sums and latencies, ordered by metric and minute.

    Only puts to and gets from S3 count, without those that stopping this process interrupted. Latencies are of good
    transfers: of uploads without transcripts' files, and of downloads by workers that transcribe, as in
    `core.rollout.metrics`. Each is that of its bin, 1% off at most. In a minute with uploads, failures are 0 and not
    absent, so that alarms have data. The same goes for denied access.
    """
    counts: defaultdict[tuple[MetricName, datetime], int] = defaultdict(int)
    bins: defaultdict[tuple[MetricName, datetime], Counter[int]] = defaultdict(Counter)
    skipped = 0
    for event in events:
        if event.backend not in REMOTE_BACKENDS or event.operation not in {Operation.PUT, Operation.GET}:
            continue
        if event.error_class == StoreErrorClass.INTERRUPTED:
            continue
        if not now - MAX_AGE <= event.occurred_at <= now + MAX_AHEAD:
            skipped += 1
            continue
        minute = event.occurred_at.replace(second=0, microsecond=0)
        counts[MetricName.ACCESS_DENIED, minute] += event.error_class == StoreErrorClass.ACCESS_DENIED
        if event.operation == Operation.PUT:
            counts[MetricName.UPLOAD_ATTEMPTS, minute] += 1
            counts[MetricName.UPLOAD_FAILURES, minute] += bool(event.error_class)
        if (latency := _latency_of(event)) is not None:
            bins[latency, minute][bin_of(event.seconds)] += 1
    data = [Datum(metric, minute, {float(count): 1}) for (metric, minute), count in counts.items()]
    for (metric, minute), counted in bins.items():
        values = [(seconds_of(bin_), counted[bin_]) for bin_ in sorted(counted)]
        data += [
            Datum(metric, minute, dict(values[start : start + MAX_VALUES]))
            for start in range(0, len(values), MAX_VALUES)
        ]
    return Publishable(sorted(data, key=lambda datum: (datum.metric, datum.minute)), skipped)


def _latency_of(event: StorageEvent) -> MetricName | None:
    if event.error_class:
        return None
    if event.operation == Operation.PUT:
        return None if event.kind.is_transcript else MetricName.UPLOAD_SECONDS
    if event.operation == Operation.GET and event.purpose in {Purpose.TRANSCRIBE, None}:
        return MetricName.DOWNLOAD_SECONDS
    return None
