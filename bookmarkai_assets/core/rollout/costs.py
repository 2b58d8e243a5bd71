"""The cost of media in S3, from bytes, requests and time, by a table of prices. The prices themselves are data.

These are estimates from what the pipeline knows it did: no discount, no free allowance, no other user of the bucket.
Every transfer counts. A media in S3 has one PUT or more for the video, one for the audio track, and one for each of the
four files of its transcript, whose few kilobytes cost less than their requests.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bookmarkai_assets.core.media.placement import REMOTE_BACKENDS
from bookmarkai_assets.core.media.retention import EXPIRING_PREFIX, lifecycle_end
from bookmarkai_assets.core.media.storage_events import Operation
from bookmarkai_assets.core.rollout.tallies import Totals
from bookmarkai_assets.core.rollout.windows import Window, day_of

GB = 1 << 30
"""What Amazon S3 bills as a gigabyte (its FAQ, "How will I be charged and billed for my use of Amazon S3?")."""


@dataclass(frozen=True)
class PriceTable:
    """What S3 charges, in USD, with the source and the date of the prices.

    `storage_gb_month`: for a GB over a whole month. `put_per_1000`: for PUT, COPY, POST, LIST; `get_per_1000`: for the
    others. `transfer_out_gb`: for a GB that workers read, 0 where they run in the bucket's region.
    """

    source: str
    as_of: date
    region: str
    currency: str
    storage_gb_month: float
    put_per_1000: float
    get_per_1000: float
    transfer_out_gb: float
    note: str = ""


@dataclass(frozen=True)
class Cost:
    """An amount in USD, by what it is paid for."""

    storage: float = 0.0
    requests: float = 0.0
    transfer: float = 0.0

    @property
    def total(self) -> float:
        """The sum, in USD."""
        return self.storage + self.requests + self.transfer

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.storage + other.storage, self.requests + other.requests, self.transfer + other.transfer)


@dataclass(frozen=True)
class MonthCost:
    """What a calendar month has cost so far, and its projected cost at the present pace."""

    to_date: Cost
    projected: Cost


@dataclass(frozen=True)
class Usage:
    """The requests made to S3: bytes put, priced requests of either kind, bytes read. Forecasts have fractions."""

    put_bytes: float = 0.0
    put_requests: float = 0.0
    get_requests: float = 0.0
    get_bytes: float = 0.0

    def times(self, factor: float) -> "Usage":
        """Return this multiplied by a factor."""
        return Usage(
            self.put_bytes * factor, self.put_requests * factor, self.get_requests * factor, self.get_bytes * factor
        )


@dataclass(frozen=True)
class Deposit:
    """Bytes that were put to S3 evenly over a window, which must not be empty (`ValueError`)."""

    window: Window
    size_bytes: float

    def __post_init__(self) -> None:
        """Refuse an empty window (`ValueError`), because evenly over no time means nothing."""
        if not self.window.length:
            raise ValueError(f"expected a stretch of time, found {self.window}")


def usage_of(totals: Totals) -> Usage:
    """Add up the requests to S3. Failed ones are charged like others, but store no bytes."""
    on_s3 = [(series, tally) for series, tally in totals.items() if series.backend in REMOTE_BACKENDS]
    puts = [tally for series, tally in on_s3 if series.operation == Operation.PUT]
    gets = [tally for series, tally in on_s3 if series.operation == Operation.GET]
    return Usage(
        put_bytes=sum(tally.size_bytes for tally in puts),
        put_requests=sum(tally.requests for tally in puts),
        get_requests=sum(tally.requests for tally in gets),
        get_bytes=sum(tally.size_bytes for tally in gets),
    )


def byte_seconds(deposits: Iterable[Deposit], window: Window, *, expiry_days: int | None) -> float:
    """Return the byte-seconds stored in a window, which is what storage is charged by.

    Each deposit's bytes stay until the lifecycle rule deletes them after `expiry_days`, or for ever without a rule. A
    deposit must lie within one day or expire after the window: all of a day's objects expire at one midnight.
    """
    total = 0.0
    for deposit in deposits:
        end = lifecycle_end(EXPIRING_PREFIX, deposit.window.end, expiry_days)
        start, stop = (min(moment, end) if end else moment for moment in (window.start, window.end))
        total += deposit.size_bytes * (_stored_seconds(deposit.window, stop) - _stored_seconds(deposit.window, start))
    return total


def running_cost(usage: Usage, prices: PriceTable) -> Cost:
    """Return the cost of requests and transfer, in USD; storage is priced by time (`storage_cost`)."""
    requests = usage.put_requests * prices.put_per_1000 + usage.get_requests * prices.get_per_1000
    return Cost(requests=requests / 1000, transfer=usage.get_bytes / GB * prices.transfer_out_gb)


def storage_cost(stored_byte_seconds: float, month: timedelta, prices: PriceTable) -> Cost:
    """Return the cost of storage in a month of this length, in USD."""
    return Cost(storage=stored_byte_seconds / GB / month.total_seconds() * prices.storage_gb_month)


def month_cost(
    month: Window,
    until: datetime,
    deposits: Iterable[Deposit],
    used: Usage,
    pace: Usage,
    prices: PriceTable,
    *,
    expiry_days: int | None,
) -> MonthCost:
    """Return what a month has cost up to a moment within it, and its projected cost at its end.

    `deposits` are all that may be stored at any time of the month, `used` is the usage since its start, and `pace` the
    expected usage of each second that is left.
    """
    known = list(deposits)
    so_far = byte_seconds(known, Window(month.start, until), expiry_days=expiry_days)
    to_date = storage_cost(so_far, month.length, prices) + running_cost(used, prices)

    left = Window(until, month.end)
    coming = [Deposit(day, pace.put_bytes * day.length.total_seconds()) for day in _days_of(left)]
    to_come = byte_seconds([*known, *coming], left, expiry_days=expiry_days)
    rest = storage_cost(to_come, month.length, prices) + running_cost(pace.times(left.length.total_seconds()), prices)
    return MonthCost(to_date, to_date + rest)


def _stored_seconds(arrival: Window, moment: datetime) -> float:
    """Return the mean seconds that bytes arriving evenly over `arrival` have been stored up to a moment."""
    if moment <= arrival.start:
        return 0.0
    arrived = (min(moment, arrival.end) - arrival.start).total_seconds()
    after = max(moment - arrival.end, timedelta(0)).total_seconds()
    return arrived * arrived / (2 * arrival.length.total_seconds()) + after


def _days_of(window: Window) -> Iterator[Window]:
    start = window.start
    while start < window.end:
        end = min(day_of(start).end, window.end)
        yield Window(start, end)
        start = end
