"""Runs whose process has died: found by their sign of life, whatever job they are of, and ended."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from bookmarkai_assets.core.workers.worker import Worker, WorkerKind
from bookmarkai_assets.defs.dead_runs import dead_runs, find_dead_runs
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.plugins.pipeline import ASSETS, Pipeline
from tests.support.stale_status import code_location
from tests.support.workers import worker

JOBS = ["share_to_transcript", "clean_up_local_media", "verify_stored_media", "measure_retry_debt"]
START_SECONDS = 45.0
LATER = timedelta(seconds=START_SECONDS + 5)


def start(pipeline: Pipeline, job: str, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED) -> str:
    """Record a run that has a place in the queue, and return its id."""
    run = pipeline.instance.create_run_for_job(pipeline.defs().resolve_job_def(job), tags={}, status=status)
    if status is dg.DagsterRunStatus.STARTED:
        event = dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_START.value, job_name=job)
        pipeline.instance.report_dagster_event(event, run_id=run.run_id)
    return run.run_id


def find(pipeline: Pipeline, now: datetime) -> set[str]:
    """Return the ids of the dead runs at a time."""
    found = find_dead_runs(
        pipeline.instance,
        pipeline.catalog,
        jobs=JOBS,
        assets=pipeline.defs().resolve_asset_graph().get_all_asset_keys(),
        now=now,
        start_seconds=START_SECONDS,
    )
    return {run.run_id for run in found}


def tick(pipeline: Pipeline, *, start_seconds: float = -1) -> str:
    """Evaluate the sensor, and return what it says. Runs need not have started long ago to be dead."""
    rules = make_rules(load_settings(env_file=None, **pipeline.settings))
    with dg.build_sensor_context(instance=pipeline.instance, definitions=pipeline.defs()) as context:
        said = dead_runs(
            context,
            catalog=pipeline.catalog,
            rules=replace(rules, worker_start_seconds=start_seconds),
        )
    assert isinstance(said, dg.SkipReason)
    return said.skip_message or ""


@pytest.mark.parametrize("job", JOBS)
def test_a_run_without_a_sign_of_life_is_dead(pipeline: Pipeline, job: str) -> None:
    """Of whatever job, from the moment at which it should have given one. A run that gives one is not."""
    dead, alive = start(pipeline, job), start(pipeline, job)
    now = datetime.now(UTC)
    pipeline.catalog.workers.announce(worker(alive, now=now, seconds=3600))

    assert find(pipeline, now) == set(), "too young"
    assert find(pipeline, now + LATER) == {dead}


def test_a_run_that_never_reports_is_dead_too(pipeline: Pipeline) -> None:
    """A process may die before its first word: the run is STARTING for ever."""
    starting = start(pipeline, "share_to_transcript", dg.DagsterRunStatus.STARTING)

    assert find(pipeline, datetime.now(UTC)) == set()
    assert find(pipeline, datetime.now(UTC) + LATER) == {starting}


def test_a_run_is_dead_when_its_sign_expires(pipeline: Pipeline) -> None:
    """One that was alive counts as dead from the end of its last sign on, and no longer than that."""
    run = start(pipeline, "clean_up_local_media")
    now = datetime.now(UTC)
    pipeline.catalog.workers.announce(worker(run, now=now, seconds=30))

    assert find(pipeline, now + timedelta(seconds=29)) == set()
    assert find(pipeline, now + timedelta(seconds=31)) == {run}


def test_runs_of_others_are_left_alone(pipeline: Pipeline) -> None:
    """A run that waits has no place yet, and a run of another code location is none of ours."""
    start(pipeline, "share_to_transcript", dg.DagsterRunStatus.NOT_STARTED)
    pipeline.instance.create_run_for_job(other_job(), status=dg.DagsterRunStatus.STARTED)
    pipeline.instance.create_run_for_job(
        dg.Definitions(assets=[other]).resolve_implicit_global_asset_job_def(), status=dg.DagsterRunStatus.STARTED
    )

    assert find(pipeline, datetime.now(UTC) + timedelta(days=1)) == set()


@dg.asset
def other() -> None:
    """Belong to another project."""


def other_job() -> dg.JobDefinition:
    """Return a job of another project."""
    return dg.Definitions(assets=[other], jobs=[dg.define_asset_job("other_job")]).resolve_job_def("other_job")


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE),
        (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.FAILURE),
        (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED),
    ],
)
def test_the_sensor_ends_what_is_dead(
    pipeline: Pipeline, status: dg.DagsterRunStatus, ended: dg.DagsterRunStatus
) -> None:
    """The place is free after the tick, and the run's log says why."""
    run_id = start(pipeline, "verify_stored_media", status)

    assert tick(pipeline) == "ended 1 dead runs"
    run = pipeline.instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is ended
    assert "gave no sign of life" in str(pipeline.instance.get_records_for_run(run_id).records[-1].event_log_entry)
    assert tick(pipeline) == "every run that has a place is alive"


def test_the_sensor_waits_as_long_as_the_setting_says(pipeline: Pipeline) -> None:
    """Where a run is a task of its own, its start takes longer than on one machine."""
    run_id = start(pipeline, "share_to_transcript", dg.DagsterRunStatus.STARTING)
    configured = load_settings(env_file=None, **pipeline.settings, worker_start_seconds=300).worker_start_seconds
    assert tick(pipeline, start_seconds=configured) == "every run that has a place is alive"
    run = pipeline.instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.STARTING


@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`")  # Dagster's own
def test_a_killed_run_turns_no_check_red(pipeline: Pipeline) -> None:
    """Its checks say that they have looked at nothing. One that a later run has evaluated keeps what it says."""
    with dg.instance_for_test(temp_dir=str(pipeline.directory)) as instance:
        pipeline.use_instance(instance)
        pipeline.share("a")
        pipeline.tick_and_run()
        start(pipeline, "share_to_transcript")
        (pipeline.directory / "location").mkdir()
        with code_location(pipeline.instance, pipeline.settings, pipeline.directory / "location") as ui:
            tick(pipeline)
            after = {name: check for asset in ASSETS for name, check in ui.checks(asset).items()}
            start(pipeline, "share_to_transcript")
            pipeline.share("b")
            pipeline.tick_and_run()
            tick(pipeline)
            later = {name: check for asset in ASSETS for name, check in ui.checks(asset).items()}
    assert set(after.values()) == {("SUCCEEDED", "looked at 0: the process of its run has died")}
    assert after.keys() == later.keys()
    assert all(status == "SUCCEEDED" and "has died" not in (said or "") for status, said in later.values())


def test_the_shares_of_a_run_that_died_before_it_began_are_due_at_once(pipeline: Pipeline) -> None:
    """Its claim is freed with its place, so nothing waits for the end of a lease."""
    [share_id] = pipeline.share("a")
    [request] = requests_of(pipeline)
    pipeline.instance.create_run_for_job(
        pipeline.defs().resolve_job_def("share_to_transcript"),
        tags=dict(request.tags),
        status=dg.DagsterRunStatus.STARTING,
    )
    assert requests_of(pipeline) == []

    tick(pipeline)

    assert len(requests_of(pipeline)) == 1
    assert pipeline.report(share_id)["attempts"] == 0


def requests_of(pipeline: Pipeline) -> list[dg.RunRequest]:
    """Return what the next tick of the sensor for shares launches."""
    result = pipeline.tick()
    return list(result.run_requests or ()) if isinstance(result, dg.SensorResult) else []


def test_every_run_announces_itself_and_leaves(pipeline: Pipeline) -> None:
    """While it works, with its settings; at its end nothing is left of it."""
    seen: list[Worker] = []
    pipeline.on_download = lambda _: seen.extend(pipeline.catalog.workers.living(now=datetime.now(UTC)))
    pipeline.share("a")
    [result] = pipeline.tick_and_run()

    [run] = [one for one in seen if one.kind is WorkerKind.RUN]
    assert (run.worker_id, run.job, run.storage_mode) == (result.run_id, "share_to_transcript", "local")
    assert run.policy == "everything new goes to the local directory"
    assert [one.kind for one in pipeline.catalog.workers.living(now=datetime.now(UTC))] == [WorkerKind.DAEMON]
