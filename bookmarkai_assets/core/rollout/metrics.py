"""The figures of the transfers in a window: counts, rates, latencies, errors, bytes. Computed from totals alone.

Whether they are good enough is the gate's question, and their cost is in `costs`. The caller chooses the window.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bookmarkai_assets.core.errors import StoreErrorClass
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.placement import BUCKET_COUNT, REMOTE_BACKENDS, Backend, StorageMode, StoragePolicy
from bookmarkai_assets.core.media.ports import StoredMedia
from bookmarkai_assets.core.media.storage_events import Operation, Purpose
from bookmarkai_assets.core.rollout.costs import MonthCost
from bookmarkai_assets.core.rollout.latency import quantile
from bookmarkai_assets.core.rollout.tallies import Series, Totals, merge
from bookmarkai_assets.core.rollout.windows import Window

ERROR_CLASSES = (
    StoreErrorClass.THROTTLED,
    StoreErrorClass.ACCESS_DENIED,
    StoreErrorClass.TIMEOUT,
    StoreErrorClass.NOT_FOUND,
    StoreErrorClass.CHECKSUM,
    StoreErrorClass.OTHER,
)
"""The error classes that are counted separately; every other one counts as `other`."""


@dataclass(frozen=True)
class Latency:
    """How long good transfers took, in seconds: exact count and mean; quantiles within 1% (`latency`)."""

    count: int
    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True)
class WindowMetrics:
    """One window's figures. Rates are percentages, 0 to 100, and None where nothing was counted.

    * `total_requests`: puts to and gets from the media stores; fetches from sites are not among them.
    * `s3_uploads`: attempts to put to S3, for whatever purpose; `success_rate` is of them.
    * `interrupted`: transfers that stopping a process interrupted; they count nowhere else.
    * `s3_storage`, `local_storage`: newly placed videos on either side; `s3_upload_rate` is the percentage of them that
      S3 took, to compare with the target.
    * `upload`: puts to S3 of videos and audio tracks: transcripts' files are so small that they would hide a slow one;
      `download`: gets from S3 by workers, without those of moves.
    * `errors_by_class`: of puts to and gets from S3, always with the keys of `ERROR_CLASSES`; `error_rate` is of both.
    * `objects_put`, `bytes_put`, `bytes_got`: of good transfers.
    """

    window: Window
    total_requests: int
    s3_uploads: int
    s3_upload_errors: int
    local_storage: int
    s3_upload_rate: float | None
    success_rate: float | None
    upload: Latency
    download: Latency
    errors_by_class: Mapping[str, int]
    error_rate: float | None
    access_denied: int
    bytes_put: Mapping[Backend, int]
    bytes_got: Mapping[Backend, int]
    interrupted: int
    s3_storage: int
    objects_put: Mapping[Backend, int]


@dataclass(frozen=True)
class Target:
    """The percentage of new media that S3 was to take, from a moment on."""

    since: datetime
    percentage: int


@dataclass(frozen=True)
class DayMetrics:
    """What one day's partition of `rollout_metrics` shows, as of `window.end` of its windows.

    `windows` is by the names of `windows.WINDOWS`, all with the same end: now, or the end of a day that is past.
    `steps` are the last day's hours, oldest first; the last one may be shorter. `targets` are the percentages that were
    the target since the first hour began, oldest first; the first is from its beginning on, and the last may be later
    than the last hour's end. `policy` was in force at that end. `inventory` is what is stored now, None for a day that
    is past. `month_cost` is that of the day's month up to the same end. `future_events` counts those that clocks ahead
    of ours have recorded. They are in no window yet.
    """

    day: Window
    windows: Mapping[str, WindowMetrics]
    steps: Sequence[WindowMetrics]
    targets: Sequence[Target]
    policy: StoragePolicy
    inventory: Mapping[Backend, StoredMedia] | None
    month_cost: MonthCost
    future_events: int

    @property
    def target_percentage(self) -> int:
        """The percentage of new media that S3 was to take."""
        return target_percentage(self.policy)


def target_percentage(policy: StoragePolicy) -> int:
    """Return the percentage of new media that a policy sends to S3: 0 and 100 outside `hybrid`."""
    match policy.mode:
        case StorageMode.LOCAL:
            return 0
        case StorageMode.S3:
            return BUCKET_COUNT
        case StorageMode.HYBRID:
            return policy.s3_percentage


def window_metrics(totals: Totals, window: Window) -> WindowMetrics:
    """Return the figures of a window from its totals."""
    transfers = _filter(totals, lambda s: s.operation in {Operation.PUT, Operation.GET} and s.backend in _BACKENDS)
    interrupted = _filter(transfers, _is_interrupted)
    transfers = _filter(transfers, lambda s: not _is_interrupted(s))

    on_s3 = _filter(transfers, lambda s: s.backend in REMOTE_BACKENDS)
    uploads = _filter(on_s3, lambda s: s.operation == Operation.PUT)
    placed = _filter(transfers, lambda s: s.is_good and s.kind == PartKind.VIDEO and is_placing(s))
    good_puts = _filter(transfers, lambda s: s.is_good and s.operation == Operation.PUT)
    good_gets = _filter(transfers, lambda s: s.is_good and s.operation == Operation.GET)
    placed_on = _group_by_backend(placed, _count_events)
    placed_remotely = sum(placed_on[backend] for backend in REMOTE_BACKENDS)
    errors = _count_errors(on_s3)
    s3_uploads, good_uploads = _count_events(uploads), _count_events(_filter(uploads, _is_good))
    return WindowMetrics(
        window=window,
        total_requests=_count_events(transfers),
        s3_uploads=s3_uploads,
        s3_upload_errors=s3_uploads - good_uploads,
        local_storage=placed_on[Backend.LOCAL],
        s3_upload_rate=_percent(placed_remotely, _count_events(placed)),
        success_rate=_percent(good_uploads, s3_uploads),
        upload=latency_of(without_documents(uploads)),
        download=latency_of(_filter(on_s3, is_reading)),
        errors_by_class=errors,
        error_rate=_percent(sum(errors.values()), _count_events(on_s3)),
        access_denied=errors[StoreErrorClass.ACCESS_DENIED],
        bytes_put=_group_by_backend(good_puts, _sum_bytes),
        bytes_got=_group_by_backend(good_gets, _sum_bytes),
        interrupted=_count_events(interrupted),
        s3_storage=placed_remotely,
        objects_put=_group_by_backend(good_puts, _count_events),
    )


def latency_of(totals: Totals) -> Latency:
    """Return the latency of the good transfers."""
    tally = merge(_filter(totals, _is_good).values())
    return Latency(
        count=tally.events,
        mean=tally.seconds / tally.events if tally.events else None,
        p50=quantile(tally.bins, 0.50),
        p95=quantile(tally.bins, 0.95),
        p99=quantile(tally.bins, 0.99),
    )


def without_documents(totals: Totals) -> Totals:
    """Return the transfers of videos and audio tracks, without those of transcripts' files."""
    return _filter(totals, lambda s: not PartKind(s.kind).is_transcript)


def count_losses(totals: Totals) -> int:
    """Count the gets from S3 that found no object, or other bytes than recorded, where a media should be.

    An expired media is no loss: its error class is a different one.
    """
    lost = {StoreErrorClass.NOT_FOUND, StoreErrorClass.CHECKSUM}
    gets = _filter(totals, lambda s: s.operation == Operation.GET and s.backend in REMOTE_BACKENDS)
    return _count_events(_filter(gets, lambda s: s.error_class in lost))


def is_placing(series: Series) -> bool:
    """Whether these puts place new media. Those from before purposes were recorded count as such."""
    return series.operation == Operation.PUT and series.purpose in {Purpose.PLACE, ""}


def is_reading(series: Series) -> bool:
    """Whether these gets are of workers that transcribe. Those from before purposes were recorded count as such."""
    return series.operation == Operation.GET and series.purpose in {Purpose.TRANSCRIBE, ""}


_BACKENDS = frozenset(backend.value for backend in Backend)


def _filter(totals: Totals, is_wanted: Callable[[Series], bool]) -> Totals:
    return {series: tally for series, tally in totals.items() if is_wanted(series)}


def _is_good(series: Series) -> bool:
    return series.is_good


def _is_interrupted(series: Series) -> bool:
    return series.error_class == StoreErrorClass.INTERRUPTED


def _count_events(totals: Totals) -> int:
    return sum(tally.events for tally in totals.values())


def _sum_bytes(totals: Totals) -> int:
    return sum(tally.size_bytes for tally in totals.values())


def _group_by_backend(totals: Totals, count: Callable[[Totals], int]) -> dict[Backend, int]:
    return {backend: count({s: t for s, t in totals.items() if s.backend == backend}) for backend in Backend}


def _count_errors(totals: Totals) -> dict[str, int]:
    errors = dict.fromkeys((error_class.value for error_class in ERROR_CLASSES), 0)
    for series, tally in totals.items():
        if not series.is_good:
            errors[series.error_class if series.error_class in errors else StoreErrorClass.OTHER.value] += tally.events
    return errors


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
