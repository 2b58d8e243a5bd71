"""Forecasts of what a stage of the rollout would move and cost, and the same figures measured of a past stage.

Both are the same types, so that they can be compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.placement import BUCKET_COUNT, REMOTE_BACKENDS, Backend
from bookmarkai_assets.core.media.ports import InventoryLine
from bookmarkai_assets.core.media.storage_events import Operation, Purpose
from bookmarkai_assets.core.rollout.costs import Cost, PriceTable, Usage, running_cost, storage_cost, usage_of
from bookmarkai_assets.core.rollout.metrics import is_placing, is_reading
from bookmarkai_assets.core.rollout.stages import Stage
from bookmarkai_assets.core.rollout.tallies import Series, Tally, Totals, s3_requests

MONTH_DAYS = 30
"""The month that forecasts are for."""


@dataclass(frozen=True)
class Traffic:
    """How many new media there are over some time, and the requests to S3 that they cause."""

    media: float
    usage: Usage

    def times(self, factor: float) -> "Traffic":
        """Return this multiplied by a factor."""
        return Traffic(self.media * factor, self.usage.times(factor))


@dataclass(frozen=True)
class Load:
    """What S3 takes and costs while new media keep coming at the same pace.

    `stored_bytes` is what is stored once as much expires as is added, None if nothing expires. `month` is the cost of
    thirty days in USD. They are thirty days with `stored_bytes` or, if nothing expires, the first thirty days.
    """

    media_per_day: float
    bytes_per_day: float
    stored_bytes: float | None
    month: Cost


@dataclass(frozen=True)
class StageForecast:
    """The load of a stage, and what moving all local media that it places in S3 would copy.

    Media from before buckets were recorded count in proportion.
    """

    stage: Stage
    load: Load
    backfill_media: int
    backfill_bytes: int


def count_new_media(totals: Totals) -> int:
    """Count the newly placed videos in these totals, on any backend."""
    return _videos({series: tally for series, tally in totals.items() if is_placing(series)})


def estimate_traffic(totals: Totals, stage: Stage) -> Traffic:
    """Return the traffic that S3 would have had at a stage, from the new media in these totals on any backend.

    Workers would read the audio track of each media in S3 once. Their reads from the local disk are no transfers and
    cannot be counted instead. In shadow, everything but transcripts' files is put to S3 and read back once, and workers
    read nothing there.
    """
    good = {series: tally for series, tally in totals.items() if series.is_good}
    placed = {series: tally for series, tally in good.items() if is_placing(series)}
    if not stage.is_shadow:
        placed |= {series: tally for series, tally in good.items() if _is_document(series)}
    read = {series: tally for series, tally in placed.items() if stage.is_shadow or series.kind == PartKind.AUDIO}
    everything = Traffic(
        media=count_new_media(totals),
        usage=Usage(
            put_bytes=sum(tally.size_bytes for tally in placed.values()),
            put_requests=sum(_requests(Operation.PUT, tally) for tally in placed.values()),
            get_requests=sum(_requests(Operation.GET, tally) for tally in read.values()),
            get_bytes=sum(tally.size_bytes for tally in read.values()),
        ),
    )
    return everything if stage.is_shadow else everything.times(stage.percentage / BUCKET_COUNT)


def measure_traffic(totals: Totals) -> Traffic:
    """Return the traffic that S3 did have for new media, with shadow copies and without moves of older media."""
    remote = {series: tally for series, tally in totals.items() if series.backend in REMOTE_BACKENDS}
    new = {series: tally for series, tally in remote.items() if _is_for_new(series)}
    return Traffic(media=_videos(new), usage=usage_of(new))


def load_of(a_day: Traffic, prices: PriceTable, *, expiry_days: int | None) -> Load:
    """Return the load when every day has the traffic of this one.

    An object lives for the days of the lifecycle rule and, on average, half a day more, to the next midnight.
    """
    daily_bytes = a_day.usage.put_bytes
    stored = None if expiry_days is None else daily_bytes * (expiry_days + 0.5)
    # Without expiry the stored bytes grow evenly from 0, so on average over the month half of them are there.
    average = daily_bytes * MONTH_DAYS / 2 if stored is None else stored
    length = timedelta(days=MONTH_DAYS)
    month = storage_cost(average * length.total_seconds(), length, prices)
    month += running_cost(a_day.usage.times(MONTH_DAYS), prices)
    return Load(a_day.media, daily_bytes, stored, month)


def forecast(
    a_day: Traffic, inventory: Sequence[InventoryLine], stage: Stage, prices: PriceTable, *, expiry_days: int | None
) -> StageForecast:
    """Return the forecast of a stage, from a day's traffic at it and what is stored now."""
    local = [line for line in inventory if line.backend is Backend.LOCAL]
    within = [line for line in local if line.bucket is not None and line.bucket < stage.percentage]
    unknown = [line for line in local if line.bucket is None]
    part = stage.percentage / BUCKET_COUNT
    return StageForecast(
        stage,
        load_of(a_day, prices, expiry_days=expiry_days),
        backfill_media=sum(line.media for line in within) + round(part * sum(line.media for line in unknown)),
        backfill_bytes=sum(line.size_bytes for line in within) + round(part * sum(line.size_bytes for line in unknown)),
    )


def to_json(forecast: StageForecast) -> dict[str, Any]:
    """Return a forecast as the JSON object that the evidence of a decision has under the key `forecast`."""
    return {**asdict(forecast), "stage": str(forecast.stage)}


def from_json(kept: Mapping[str, Any]) -> StageForecast:
    """Read a forecast that `to_json` wrote."""
    load = {**kept["load"], "month": Cost(**kept["load"]["month"])}
    return StageForecast(Stage.parse(kept["stage"]), Load(**load), kept["backfill_media"], kept["backfill_bytes"])


def _is_for_new(series: Series) -> bool:
    return is_placing(series) or is_reading(series) or _is_document(series) or series.purpose == Purpose.SHADOW


def _is_document(series: Series) -> bool:
    """Whether these puts are of newly made transcripts' files. Those that follow a video later count as moves."""
    return series.operation == Operation.PUT and series.purpose == Purpose.DOCUMENT


def _videos(totals: Totals) -> int:
    return sum(
        tally.events
        for series, tally in totals.items()
        if series.is_good and series.operation == Operation.PUT and series.kind == PartKind.VIDEO
    )


def _requests(operation: str, tally: Tally) -> int:
    """Estimate the requests of transfers as if each were of the mean size and went to S3."""
    return tally.events * s3_requests(operation, tally.size_bytes / tally.events)
