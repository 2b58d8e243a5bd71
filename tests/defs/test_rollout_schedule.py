"""The five-minute schedule: which days a tick launches, also at midnight, and when it has to wait."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from bookmarkai_assets.defs.rollout_metrics import rollout_metrics
from bookmarkai_assets.defs.rollout_schedule import five_minute_rollout_metrics, measure_rollout
from tests.plugins.pipeline import Pipeline
from tests.support.dagster_internals import record_materialization

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    """Return a Dagster instance on disk, which schedules need; each test here uses a month of its own."""
    with dg.instance_for_test() as instance:
        yield instance


def launched(instance: dg.DagsterInstance, tick: datetime) -> dict[str, dg.RunRequest]:
    """Evaluate a tick, and return the requested runs by partition."""
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=tick) as context:
        found = five_minute_rollout_metrics(context)
    if isinstance(found, dg.SkipReason):
        return {}
    assert isinstance(found, list)
    return {str(request.partition_key): request for request in found}


def shown(instance: dg.DagsterInstance, day: datetime, at: datetime) -> None:
    """Record that a day was measured at a moment."""
    record_materialization(instance, rollout_metrics.key, key(day), at)


def key(day: datetime) -> str:
    """Return the partition of a day."""
    return day.date().isoformat()


def test_a_tick_measures_today_and_asks_the_gate(instance: dg.DagsterInstance) -> None:
    """During the day there is one run of both assets, for the tick's day, with priority in the queue."""
    noon = datetime(2026, 2, 2, 12, tzinfo=UTC)
    [request] = launched(instance, noon).values()
    assert request.partition_key == "2026-02-02"
    assert request.asset_selection is None
    assert int((measure_rollout.tags or {})["dagster/priority"]) > 0


def test_midnight_belongs_to_the_new_day(instance: dg.DagsterInstance) -> None:
    """The tick at 00:00 measures the day that begins, and the one before it the day that ends."""
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    assert list(launched(instance, midnight - 5 * MINUTE)) == ["2026-03-01"]
    assert list(launched(instance, midnight)) == ["2026-03-02"]


def test_after_midnight_yesterday_is_finished(instance: dg.DagsterInstance) -> None:
    """Yesterday is measured from 00:00 until it has settled, and its runs never ask the gate."""
    midnight = datetime(2026, 4, 2, tzinfo=UTC)
    yesterday, ran = midnight - DAY, 10 * timedelta(seconds=1)
    shown(instance, yesterday, midnight - 5 * MINUTE + ran)
    ticks = {}
    for minutes in (0, 5, 10, 15, 20):
        tick = midnight + minutes * MINUTE
        found = launched(instance, tick)
        ticks[minutes] = list(found)
        if key(yesterday) in found:
            assert found[key(yesterday)].asset_selection == [rollout_metrics.key]
            shown(instance, yesterday, tick + ran)
        assert found[key(tick)].asset_selection is None
    both, today = ["2026-04-02", "2026-04-01"], ["2026-04-02"]
    assert ticks == {0: both, 5: both, 10: both, 15: today, 20: today}


def test_days_left_unfinished_by_an_outage_are_finished(instance: dg.DagsterInstance) -> None:
    """After two days of outage the day that was cut off is measured to its end, and others are left alone."""
    friday = datetime(2026, 5, 8, tzinfo=UTC)
    shown(instance, friday - DAY, friday + 11 * MINUTE)
    shown(instance, friday, friday + timedelta(hours=18))
    monday = friday + 3 * DAY + timedelta(hours=9)

    assert list(launched(instance, monday)) == ["2026-05-11", "2026-05-08"]
    assert list(launched(instance, monday + 7 * DAY)) == ["2026-05-18"], "a week later it is left to a backfill"


def test_a_day_is_not_measured_twice_while_its_run_waits(instance: dg.DagsterInstance) -> None:
    """While the last tick's run is queued a tick launches nothing, because it would measure the same."""
    noon = datetime(2026, 6, 2, 12, tzinfo=UTC)
    run = dg.DagsterRun(
        job_name=measure_rollout.name, tags={"dagster/partition": key(noon)}, status=dg.DagsterRunStatus.NOT_STARTED
    )
    instance.add_run(run)
    assert launched(instance, noon) == {}
    assert list(launched(instance, noon + DAY)) == ["2026-06-03"]
    instance.delete_run(run.run_id)
    assert list(launched(instance, noon)) == ["2026-06-02"]


def test_each_run_has_a_key_of_its_own(instance: dg.DagsterInstance) -> None:
    """A tick that is evaluated again after a crash launches nothing twice, and two ticks never share a key."""
    midnight = datetime(2026, 7, 2, tzinfo=UTC)
    shown(instance, midnight - DAY, midnight - MINUTE)
    ticks = [midnight, midnight + 5 * MINUTE]
    keys = [request.run_key for tick in ticks for request in launched(instance, tick).values()]
    assert len(set(keys)) == len(keys) == 4
    assert [request.run_key for request in launched(instance, midnight).values()] == keys[:2]


def test_the_launched_job_measures_and_then_asks(pipeline: Pipeline) -> None:
    """A tick's run materializes today's partition and then the stage; for yesterday only the figures."""
    now = datetime.now(UTC)
    job = pipeline.defs().resolve_job_def("measure_rollout")

    only = job.execute_in_process(
        instance=pipeline.instance, partition_key=key(now - DAY), asset_selection=[rollout_metrics.key]
    )
    assert [event.asset_key for event in only.get_asset_materialization_events()] == [rollout_metrics.key]

    both = job.execute_in_process(instance=pipeline.instance, partition_key=key(now))
    events = [(event.asset_key, event.partition) for event in both.get_asset_materialization_events()]
    assert events == [(rollout_metrics.key, key(now)), (dg.AssetKey("rollout_stage"), None)]
