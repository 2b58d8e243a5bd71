"""The job that measures the rollout and asks the gate, and the schedule that launches it when something has changed."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rollout.windows import Window, day_of
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.dagster_internals import partition_of, queue_tags
from bookmarkai_assets.defs.common import AutomationTag
from bookmarkai_assets.defs.rollout_metrics import format_day, rollout_metrics
from bookmarkai_assets.defs.rollout_stage import rollout_stage

SETTLING = timedelta(minutes=10)
"""A day is measured once more this long after its end, for transfers under way then and clocks that are behind."""

DAYS_LOOKED_BACK = 7
"""After a longer standstill over midnight, a day is left to a backfill by hand."""

WHY_TAG = "bookmarkai/why"
"""The tag with what has changed, on the run that measures it."""

_NOTHING_NEW = (
    "nothing has changed since the last measurement: no transfer, no decision, no verification, and the gate would say "
    "the same"
)

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
    tags=AutomationTag.MEASURE.tags,
    description="Looks every five minutes. It measures today and asks the gate if something has changed: transfers, a "
    "decision, a verification, a setting, or what time alone changes. It is idle by design while nothing changes, and "
    "each tick says so. Each day begins with a measurement, and the day before is finished ten minutes later",
)
def five_minute_rollout_metrics(
    context: dg.ScheduleEvaluationContext, catalog: dg.ResourceParam[Catalog], rules: dg.ResourceParam[PipelineRules]
) -> list[dg.RunRequest] | dg.SkipReason:
    tick = context.scheduled_execution_time.astimezone(UTC)
    today, waiting = day_of(tick), _find_waiting(context.instance)
    is_waiting = format_day(today) in waiting
    changes = [] if is_waiting else _find_changes(context.instance, catalog, rules, tick)
    requests = [_make_request(tick, today, changes)] if changes else []
    requests += [
        _make_request(tick, day, ["the day is over"], only=[rollout_metrics.key])
        for day in _find_unfinished(context.instance, tick)
        if format_day(day) not in waiting
    ]
    if requests:
        return requests
    # Otherwise all ticks of an hour in which no run could start would be made up for, one after the other.
    return dg.SkipReason("the last tick's run has not started yet" if is_waiting else _NOTHING_NEW)


def _find_changes(
    instance: dg.DagsterInstance, catalog: Catalog, rules: PipelineRules, tick: datetime
) -> Sequence[str]:
    from bookmarkai_assets.operations.rollout.quiet import find_changes  # noqa: PLC0415 - only its own ticks need it

    changes = find_changes(catalog, rules, now=tick)
    return changes if _find_last_measured(instance, day_of(tick)) is not None else ["a new day", *changes]


def _find_unfinished(instance: dg.DagsterInstance, tick: datetime) -> Iterator[Window]:
    """Yield the past days that have settled since their last measurement, oldest first."""
    for days in range(DAYS_LOOKED_BACK, 0, -1):
        day = day_of(tick - timedelta(days=days))
        settled = day.end + SETTLING
        measured = _find_last_measured(instance, day) if tick >= settled else None
        if measured is not None and measured < settled.timestamp():
            yield day


def _find_last_measured(instance: dg.DagsterInstance, day: Window) -> float | None:
    """Return when a day was measured last, in seconds since 1970; None if it never was."""
    of_day = dg.AssetRecordsFilter(asset_key=rollout_metrics.key, asset_partitions=[format_day(day)])
    records = instance.fetch_materializations(of_day, limit=1).records
    return records[0].timestamp if records else None


def _find_waiting(instance: dg.DagsterInstance) -> set[str]:
    """Return the keys of the days whose run waits to start."""
    records = instance.get_run_records(filters=dg.RunsFilter(job_name=measure_rollout.name, statuses=_WAITING))
    return {day for record in records if (day := partition_of(record.dagster_run)) is not None}


def _make_request(
    tick: datetime, day: Window, changes: Sequence[str], *, only: list[dg.AssetKey] | None = None
) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{tick:%Y-%m-%dT%H:%M}/{format_day(day)}",
        partition_key=format_day(day),
        asset_selection=only,
        tags={WHY_TAG: ", ".join(changes)},
    )
