"""The new_shares sensor: the runs that it requests, and that nothing is lost or doubled when something dies."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import create_engine, text

from bookmarkai_assets.dagster_internals import partition_range_tags
from bookmarkai_assets.run_tags import CLAIM_TAGS, SHARES_TAG, claim_of
from tests.plugins.pipeline import ASSETS, Pipeline

RANGE_START, RANGE_END = partition_range_tags("", "")


def requests_of(tick: dg.SensorResult | dg.SkipReason) -> list[dg.RunRequest]:
    """Return the runs that a tick requests."""
    return list(tick.run_requests or []) if isinstance(tick, dg.SensorResult) else []


def end_all_leases(pipeline: Pipeline) -> None:
    """Let time pass until every lease has ended."""
    engine = create_engine(pipeline.settings["catalog_url"])
    with engine.begin() as connection:
        connection.execute(text("UPDATE leases SET expires_at = '2000-01-01 00:00:00.000000'"))
    engine.dispose()


def test_an_idle_tick_skips_with_a_reason(pipeline: Pipeline) -> None:
    """Without work the UI says that no share is due."""
    tick = pipeline.tick()
    assert isinstance(tick, dg.SkipReason)
    assert tick.skip_message == "no share wants work"


def test_a_lone_share_is_one_partition_of_one_run(pipeline: Pipeline) -> None:
    """The run takes the partition by its key, and the key is the share's id."""
    [share] = pipeline.share("a")
    [request] = requests_of(pipeline.tick())
    assert request.partition_key == share
    assert pipeline.instance.get_dynamic_partitions("shares") == [share]


def test_a_backlog_is_ranges_of_neighbouring_partitions(pipeline: Pipeline) -> None:
    """Batches become ranges, in the order in which the partitions are added, up to the limit of a tick."""
    pipeline.configure(sensor_batch_size=3, sensor_batches_per_tick=2)
    pipeline.share(*"abcdefgh")
    requests = requests_of(pipeline.tick())
    keys = list(pipeline.instance.get_dynamic_partitions("shares"))
    assert [(keys.index(r.tags[RANGE_START]), keys.index(r.tags[RANGE_END])) for r in requests] == [(0, 2), (3, 5)]
    assert len({request.run_key for request in requests}) == 2
    assert len({request.tags[CLAIM_TAGS[0]] for request in requests}) == 2
    assert {request.tags[SHARES_TAG] for request in requests} == {"3 shares"}
    assert len(keys) == 6


def test_a_backlog_is_divided_evenly_among_simultaneous_runs(pipeline: Pipeline, tmp_path: Path) -> None:
    """With two simultaneous runs in dagster.yaml, ten shares become two runs of five."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("concurrency: {runs: {max_concurrent_runs: 2}}")
    pipeline.share(*"abcdefghij")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        pipeline.use_instance(instance)
        requests = requests_of(pipeline.tick())
        keys = list(instance.get_dynamic_partitions("shares"))
    ends = (RANGE_START, RANGE_END)
    assert [tuple(keys.index(request.tags[end]) for end in ends) for request in requests] == [(0, 4), (5, 9)]


def test_a_crash_before_the_runs_were_launched_loses_nothing(pipeline: Pipeline) -> None:
    """Partitions without a run are claimed again once the claim has ended, under an unused run key."""
    [share] = pipeline.share("a")
    [lost] = requests_of(pipeline.tick())
    assert requests_of(pipeline.tick()) == []
    end_all_leases(pipeline)
    [again] = requests_of(pipeline.tick())
    assert again.partition_key == share
    assert again.run_key != lost.run_key
    assert pipeline.instance.get_dynamic_partitions("shares") == [share]


def test_a_run_whose_claim_was_replaced_does_nothing(pipeline: Pipeline) -> None:
    """A run that is launched after its replacement leaves the share to that one, so nothing is doubled."""
    [share] = pipeline.share("a")
    [late] = requests_of(pipeline.tick())
    end_all_leases(pipeline)
    [again] = requests_of(pipeline.tick())
    job = pipeline.defs().resolve_job_def("share_to_transcript")
    for request, succeeds in ((again, True), (late, False)):
        result = job.execute_in_process(
            instance=pipeline.instance,
            partition_key=request.partition_key,
            tags=dict(request.tags),
            raise_on_error=False,
        )
        assert result.success is succeeds
    report = pipeline.report(share)
    assert (report["status"], report["attempts"]) == ("done", 1)
    assert len(pipeline.downloader.calls) == 1


@pytest.mark.parametrize("claim_tag", CLAIM_TAGS)
def test_a_claim_is_kept_as_long_as_its_run_waits_in_the_queue(pipeline: Pipeline, claim_tag: str) -> None:
    """A long queue does not make the sensor launch a second run for the same share, nor does an upgrade meanwhile."""
    pipeline.share("a")
    [request] = requests_of(pipeline.tick())
    job = pipeline.defs().resolve_job_def("share_to_transcript")
    tags = {claim_tag if name == CLAIM_TAGS[0] else name: value for name, value in request.tags.items()}
    run = pipeline.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.NOT_STARTED)
    assert claim_of(run)
    for _ in range(3):
        end_all_leases(pipeline)
        assert requests_of(pipeline.tick()) == []
    pipeline.instance.report_run_failed(run)
    end_all_leases(pipeline)
    assert len(requests_of(pipeline.tick())) == 1


@pytest.mark.parametrize(("started_before", "is_kept"), [(timedelta(seconds=1), True), (timedelta(hours=1), False)])
def test_a_claim_that_expired_as_its_run_started_is_kept(
    pipeline: Pipeline, started_before: timedelta, is_kept: bool
) -> None:
    """After an outage of the sensor, the run has its shares to itself. One that began none of them for long is dead."""
    pipeline.share("a")
    [request] = requests_of(pipeline.tick())
    job = pipeline.defs().resolve_job_def("share_to_transcript")
    run = pipeline.instance.create_run_for_job(job, tags=dict(request.tags), status=dg.DagsterRunStatus.STARTING)
    start = dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_START.value, job_name=job.name)
    started = datetime.now(UTC) - started_before
    pipeline.instance.report_dagster_event(start, run_id=run.run_id, timestamp=started.timestamp())
    end_all_leases(pipeline)
    assert len(requests_of(pipeline.tick())) == (0 if is_kept else 1)


def test_a_lost_dagster_home_loses_nothing(pipeline: Pipeline) -> None:
    """With everything in Dagster lost, finished shares stay finished and unfinished ones are claimed."""
    [done] = pipeline.share("done")
    assert pipeline.tick_and_run()[0].success
    [pending] = pipeline.share("pending")
    pipeline.tick()
    pipeline.use_instance(dg.DagsterInstance.ephemeral())
    end_all_leases(pipeline)
    [run] = pipeline.tick_and_run()
    assert run.success
    assert pipeline.materialized("transcript") == {pending}
    assert {pipeline.report(share)["status"] for share in (done, pending)} == {"done"}
    assert len(pipeline.downloader.calls) == 2


@pytest.mark.parametrize("step", ASSETS)
def test_a_run_that_died_at_any_step_is_continued(pipeline: Pipeline, step: str) -> None:
    """After a kill in any asset, the share's next run uses what had been recorded and ends with one transcript."""
    [share] = pipeline.share("a")
    pipeline.tick()
    before = ASSETS[: ASSETS.index(step)]
    if before:
        end_all_leases(pipeline)
        assert pipeline.materialize([share], before).success
    die(pipeline, share)
    end_all_leases(pipeline)
    [run] = pipeline.tick_and_run()
    assert run.success
    assert pipeline.report(share)["status"] == "done"
    assert len(pipeline.downloader.calls) == 1


def die(pipeline: Pipeline, share_id: str) -> None:
    """Leave the share as a killed run does: begun by a run that never reports again."""
    engine = create_engine(pipeline.settings["catalog_url"])
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE share_work SET state = 'running', owner = 'dead', last_owner = 'dead' WHERE share_id = :id"),
            {"id": share_id},
        )
    engine.dispose()


def test_shares_that_a_dead_run_had_not_begun_are_due_when_its_claim_ends(pipeline: Pipeline) -> None:
    """A run that died in the middle of its batch keeps nothing: begun or not, its shares are due again."""
    shares = pipeline.share("a", "b", "c")
    [request] = requests_of(pipeline.tick())
    job = pipeline.defs().resolve_job_def("share_to_transcript")
    pipeline.instance.create_run_for_job(job, tags=dict(request.tags), status=dg.DagsterRunStatus.STARTED)
    die(pipeline, shares[0])
    end_all_leases(pipeline)
    assert pipeline.tick_and_run()
    assert {pipeline.report(share)["status"] for share in shares} == {"done"}


@pytest.fixture
def lists_read(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the reads of the list of all partitions, in whole or by pages, as they happen."""
    storage, seen = pipeline.instance.event_log_storage, []
    for name in ("get_dynamic_partitions", "get_paginated_dynamic_partitions"):
        read = getattr(storage, name)

        def noted(*args: object, name: str = name, read: Callable[..., object] = read, **options: object) -> object:
            seen.append(name)
            return read(*args, **options)

        monkeypatch.setattr(storage, name, noted)
    return seen


def test_a_tick_never_reads_the_list_of_all_partitions(pipeline: Pipeline, lists_read: list[str]) -> None:
    """Neither new shares nor retried ones need it, so that a tick costs what is due, however many shares there were."""
    pipeline.configure(sensor_batch_size=3)
    pipeline.instance.add_dynamic_partitions("shares", ["before"])
    shares = pipeline.share("a", "b", "c", "d")
    assert len(requests_of(pipeline.tick())) == 2
    end_all_leases(pipeline)
    pipeline.share("new")
    assert len(requests_of(pipeline.tick())) == 2
    assert lists_read == []
    keys = list(pipeline.instance.get_dynamic_partitions("shares"))
    assert keys[:5] == ["before", *shares]
    assert lists_read == ["get_dynamic_partitions"]


def test_retried_shares_are_in_ranges_with_nothing_between(pipeline: Pipeline) -> None:
    """A retried share is in a run with its neighbours, and with a new one only if it was the last one before."""
    shares = pipeline.share("a", "b", "c", "d")
    pipeline.tick()
    end_all_leases(pipeline)
    finish(pipeline, shares[1])
    [new] = pipeline.share("new")
    ranges = [(r.partition_key, r.tags.get(RANGE_START), r.tags.get(RANGE_END)) for r in requests_of(pipeline.tick())]
    assert ranges == [(shares[0], None, None), (None, shares[2], new)]
    assert list(pipeline.instance.get_dynamic_partitions("shares")) == [*shares, new]


def test_a_new_share_is_never_in_a_range_with_one_before_the_last(pipeline: Pipeline) -> None:
    """The newest partition counts even if its share is done, because it would be between the two."""
    first, last = pipeline.share("a", "b")
    pipeline.tick()
    end_all_leases(pipeline)
    finish(pipeline, last)
    [new] = pipeline.share("new")
    assert [request.partition_key for request in requests_of(pipeline.tick())] == [first, new]


def finish(pipeline: Pipeline, share_id: str) -> None:
    """Leave the share as one that nobody has to work on."""
    engine = create_engine(pipeline.settings["catalog_url"])
    with engine.begin() as connection:
        connection.execute(text("UPDATE share_work SET state = 'done' WHERE share_id = :id"), {"id": share_id})
        connection.execute(text("UPDATE shares SET status = 'done' WHERE id = :id"), {"id": share_id})
    engine.dispose()
