"""The job and the schedule that measure the rollout and ask the gate, every five minutes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from bookmarkai_assets.core.rollout.windows import Window, day_of
from bookmarkai_assets.dagster_internals import partition_of, queue_tags
from bookmarkai_assets.defs.rollout_metrics import rollout_metrics
from bookmarkai_assets.defs.rollout_stage import rollout_stage

SETTLING = timedelta(minutes=10)
"""A day is measured once more after this time, for transfers that were under way and clocks that are behind."""

DAYS_LOOKED_BACK = 7
"""After a longer standstill over midnight, a day is left to a backfill by hand."""

# Not STARTED: such a run may have read its events already, so the next one is wanted.
_WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]

measure_rollout = dg.define_asset_job(
    "measure_rollout",
    selection=dg.AssetSelection.assets(rollout_metrics, rollout_stage),
    # Ahead of the shares' runs in the queue: an abort must not wait behind the uploads that caused it. A run takes
    # seconds; one that hangs is ended after two ticks.
    tags=queue_tags(priority=10, max_runtime_seconds=600),
    description="Measure the day, then ask the gate",
)


@dg.schedule(
    name="five_minute_rollout_metrics",
    job=measure_rollout,
    cron_schedule="*/5 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every five minutes: today, then the gate; and after midnight the days that are to be finished",
)
def five_minute_rollout_metrics(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    tick = context.scheduled_execution_time.astimezone(UTC)
    waiting = _find_waiting(context.instance)
    requests = []
    if _format_key(day_of(tick)) not in waiting:
        requests.append(_make_request(tick, day_of(tick)))
    requests += [
        _make_request(tick, day, only=[rollout_metrics.key])
        for day in _find_unfinished(context.instance, tick)
        if _format_key(day) not in waiting
    ]
    # Otherwise all ticks of an hour in which no run could start would be made up for, one after the other.
    return requests or dg.SkipReason("the last tick's run has not started yet")


def _find_unfinished(instance: dg.DagsterInstance, tick: datetime) -> Iterator[Window]:
    """Yield the past days whose last measurement was before they had settled, oldest first."""
    for days in range(DAYS_LOOKED_BACK, 0, -1):
        day = day_of(tick - timedelta(days=days))
        of_day = dg.AssetRecordsFilter(asset_key=rollout_metrics.key, asset_partitions=[_format_key(day)])
        records = instance.fetch_materializations(of_day, limit=1).records
        if records and records[0].timestamp < (day.end + SETTLING).timestamp():
            yield day


def _find_waiting(instance: dg.DagsterInstance) -> set[str]:
    """Return the keys of the days whose run waits to start."""
    records = instance.get_run_records(filters=dg.RunsFilter(job_name=measure_rollout.name, statuses=_WAITING))
    return {day for record in records if (day := partition_of(record.dagster_run)) is not None}


def _make_request(tick: datetime, day: Window, *, only: list[dg.AssetKey] | None = None) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{tick:%Y-%m-%dT%H:%M}/{_format_key(day)}", partition_key=_format_key(day), asset_selection=only
    )


def _format_key(day: Window) -> str:
    return f"{day.start:%Y-%m-%d}"
