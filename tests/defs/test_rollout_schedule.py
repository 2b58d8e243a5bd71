"""The five-minute schedule: which days a tick launches, also at midnight, when it waits and when nothing is to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rollout.windows import GRID, day_of
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.defs.rollout_metrics import rollout_metrics
from bookmarkai_assets.defs.rollout_schedule import WHY_TAG, five_minute_rollout_metrics, measure_rollout
from bookmarkai_assets.operations.rollout.quiet import Measured
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.plugins.pipeline import Pipeline
from tests.support.dagster_internals import record_materialization
from tests.support.storage_events import transfer

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    """Return a Dagster instance on disk, which schedules need; each test here uses a month of its own."""
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def rules() -> PipelineRules:
    """Return the default settings."""
    return make_rules(load_settings(env_file=None))


@dataclass(frozen=True)
class Ticks:
    """The schedule over an instance and a catalog."""

    instance: dg.DagsterInstance
    catalog: Catalog
    rules: PipelineRules

    def evaluate(self, tick: datetime) -> list[dg.RunRequest] | dg.SkipReason:
        """Return what a tick requests, or why it requests nothing."""
        resources = {"catalog": self.catalog, "rules": self.rules}
        with dg.build_schedule_context(
            instance=self.instance, scheduled_execution_time=tick, resources=resources
        ) as context:
            found = five_minute_rollout_metrics(context)
        assert isinstance(found, list | dg.SkipReason)
        return found

    def launched(self, tick: datetime) -> dict[str, dg.RunRequest]:
        """Evaluate a tick, and return the requested runs by partition."""
        found = self.evaluate(tick)
        return {} if isinstance(found, dg.SkipReason) else {str(request.partition_key): request for request in found}


@pytest.fixture
def ticks(instance: dg.DagsterInstance, sqlite_catalog: OpenCatalog, rules: PipelineRules) -> Ticks:
    """Return the schedule over an empty catalog, in which nothing was ever measured: each tick has something to do."""
    return Ticks(instance, sqlite_catalog, rules)


def shown(instance: dg.DagsterInstance, day: datetime, at: datetime) -> None:
    """Record that a day was measured at a moment."""
    record_materialization(instance, rollout_metrics.key, key(day), at)


def key(day: datetime) -> str:
    """Return the partition of a day."""
    return day.date().isoformat()


def test_a_tick_measures_today_and_asks_the_gate(ticks: Ticks) -> None:
    """During the day there is one run of both assets, for the tick's day, with priority in the queue."""
    noon = datetime(2026, 2, 2, 12, tzinfo=UTC)
    [request] = ticks.launched(noon).values()
    assert request.partition_key == "2026-02-02"
    assert request.asset_selection is None
    assert int((measure_rollout.tags or {})["dagster/priority"]) > 0


def test_midnight_belongs_to_the_new_day(ticks: Ticks) -> None:
    """The tick at 00:00 measures the day that begins, and the one before it the day that ends."""
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    assert list(ticks.launched(midnight - 5 * MINUTE)) == ["2026-03-01"]
    assert list(ticks.launched(midnight)) == ["2026-03-02"]


def test_after_midnight_yesterday_is_finished(ticks: Ticks) -> None:
    """Yesterday is measured once more when it has settled, ten minutes after its end. Its run never asks the gate."""
    midnight = datetime(2026, 4, 2, tzinfo=UTC)
    yesterday, ran = midnight - DAY, 10 * timedelta(seconds=1)
    shown(ticks.instance, yesterday, midnight - 5 * MINUTE + ran)
    found_at = {}
    for minutes in (0, 5, 10, 15, 20):
        tick = midnight + minutes * MINUTE
        found = ticks.launched(tick)
        found_at[minutes] = list(found)
        if key(yesterday) in found:
            assert found[key(yesterday)].asset_selection == [rollout_metrics.key]
            shown(ticks.instance, yesterday, tick + ran)
        assert found[key(tick)].asset_selection is None
    both, today = ["2026-04-02", "2026-04-01"], ["2026-04-02"]
    assert found_at == {0: today, 5: today, 10: both, 15: today, 20: today}


def test_yesterday_is_tried_again_until_it_is_finished(ticks: Ticks) -> None:
    """While its run fails, each tick asks for yesterday again."""
    midnight = datetime(2026, 4, 12, tzinfo=UTC)
    shown(ticks.instance, midnight - DAY, midnight - MINUTE)
    assert [key(midnight - DAY) in ticks.launched(midnight + n * MINUTE) for n in (10, 15, 20)] == [True] * 3


def test_days_left_unfinished_by_an_outage_are_finished(ticks: Ticks) -> None:
    """After two days of outage the day that was cut off is measured to its end, and others are left alone."""
    friday = datetime(2026, 5, 8, tzinfo=UTC)
    shown(ticks.instance, friday - DAY, friday + 11 * MINUTE)
    shown(ticks.instance, friday, friday + timedelta(hours=18))
    monday = friday + 3 * DAY + timedelta(hours=9)

    assert list(ticks.launched(monday)) == ["2026-05-11", "2026-05-08"]
    assert list(ticks.launched(monday + 7 * DAY)) == ["2026-05-18"], "a week later it is left to a backfill"


def test_a_day_is_not_measured_twice_while_its_run_waits(ticks: Ticks) -> None:
    """While the last tick's run is queued a tick launches nothing, because it would measure the same."""
    noon = datetime(2026, 6, 2, 12, tzinfo=UTC)
    run = dg.DagsterRun(
        job_name=measure_rollout.name, tags={"dagster/partition": key(noon)}, status=dg.DagsterRunStatus.NOT_STARTED
    )
    ticks.instance.add_run(run)
    assert ticks.launched(noon) == {}
    assert list(ticks.launched(noon + DAY)) == ["2026-06-03"]
    ticks.instance.delete_run(run.run_id)
    assert list(ticks.launched(noon)) == ["2026-06-02"]


def test_each_run_has_a_key_of_its_own(ticks: Ticks) -> None:
    """A tick that is evaluated again after a crash launches nothing twice, and two ticks never share a key."""
    settled = datetime(2026, 7, 2, 0, 10, tzinfo=UTC)
    shown(ticks.instance, settled - DAY, settled - 11 * MINUTE)
    keys = [request.run_key for n in (0, 5) for request in ticks.launched(settled + n * MINUTE).values()]
    assert len(set(keys)) == len(keys) == 4
    assert [request.run_key for request in ticks.launched(settled).values()] == keys[:2]


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


@dataclass(frozen=True)
class Installation:
    """An installation that has just been measured, its schedule, and the time of the next tick."""

    pipeline: Pipeline
    ticks: Ticks
    next_tick: datetime

    def measure(self, day: datetime, **selection: Any) -> None:
        """Run the job as the schedule does."""
        job = self.pipeline.defs().resolve_job_def("measure_rollout")
        instance = self.ticks.instance
        assert job.execute_in_process(instance=instance, partition_key=key(day), **selection).success


@pytest.fixture
def measured(pipeline: Pipeline, instance: dg.DagsterInstance) -> Installation:
    """Return an installation that was measured now, over an instance on disk, which schedules need."""
    now = datetime.now(UTC)
    rules = make_rules(load_settings(env_file=None, **pipeline.settings))
    ticks = Ticks(instance, pipeline.catalog, rules)
    installation = Installation(pipeline, ticks, GRID.floor(now) + 5 * MINUTE)
    installation.measure(now)
    return installation


def test_nothing_is_launched_while_nothing_changes(measured: Installation) -> None:
    """After a measurement the ticks of a day launch nothing and say why; a transfer is measured by the next tick."""
    ticks, next_tick = measured.ticks, measured.next_tick
    rest_of_day = [next_tick + n * 5 * MINUTE for n in range(288) if key(next_tick + n * 5 * MINUTE) == key(next_tick)]
    if key(next_tick) == key(datetime.now(UTC)):
        for tick in rest_of_day[:: max(1, len(rest_of_day) // 10)]:
            found = ticks.evaluate(tick)
            assert isinstance(found, dg.SkipReason)
            assert "nothing has changed" in (found.skip_message or "")

    ticks.catalog.events.record(transfer(datetime.now(UTC)))

    [request] = ticks.launched(datetime.now(UTC)).values()
    assert request.tags[WHY_TAG] == "transfers"


def test_a_new_day_is_measured(measured: Installation) -> None:
    """An idle installation launches a run at midnight, so that each day has its partition, and none until the next."""
    ticks = measured.ticks
    tomorrow = day_of(datetime.now(UTC)).end
    [request] = ticks.launched(tomorrow).values()
    assert (request.partition_key, request.tags[WHY_TAG]) == (key(tomorrow), "a new day")


@pytest.mark.parametrize("kept", Measured)
def test_what_failed_is_tried_again(measured: Installation, kept: Measured) -> None:
    """If one of the two assets was not made since the last change, the next tick launches both."""
    ticks, next_tick = measured.ticks, measured.next_tick
    ticks.catalog.cursors.set(kept.value, "null")
    assert ticks.launched(next_tick)[key(next_tick)].asset_selection is None


def test_a_backfill_of_the_past_is_no_measurement_of_today(measured: Installation) -> None:
    """After a transfer, a backfill of yesterday leaves today to be measured."""
    ticks, next_tick = measured.ticks, measured.next_tick
    ticks.catalog.events.record(transfer(datetime.now(UTC)))
    measured.measure(next_tick - DAY, asset_selection=[rollout_metrics.key])
    assert key(next_tick) in ticks.launched(next_tick)
