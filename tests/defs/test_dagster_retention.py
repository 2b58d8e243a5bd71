"""What `dagster_retention` removes of Dagster's records, and what it never does. On SQLite, as on one machine."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from bookmarkai_assets.core.history import HistoryRules, Kept
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.defs.dagster_retention import SHARE_ASSETS, InstanceHistory
from bookmarkai_assets.metadata.keys import KEYS
from bookmarkai_assets.operations.history import HistoryReport, prune_history
from bookmarkai_assets.partitions import shares_partitions
from tests.plugins.pipeline import ASSETS, Pipeline, link
from tests.support.dagster_internals import shown_as_materialized

IN_100_DAYS = timedelta(days=100)


@pytest.fixture
def on_disk(pipeline: Pipeline) -> Iterator[Pipeline]:
    """Return an installation whose Dagster keeps its records on SQLite in files."""
    with dg.instance_for_test(temp_dir=str(pipeline.directory)) as instance:
        pipeline.use_instance(instance)
        yield pipeline


def prune(
    pipeline: Pipeline,
    *,
    runs: int | None = 90,
    partitions: int | None = None,
    events: int | None = None,
    after: timedelta = IN_100_DAYS,
) -> HistoryReport:
    """Prune as it would be done after some time."""
    return prune_history(
        InstanceHistory(pipeline.instance),
        pipeline.catalog,
        HistoryRules(runs, partitions, events),
        share_assets={key.to_user_string() for key in SHARE_ASSETS},
        now=datetime.now(UTC) + after,
        is_time_left=lambda: True,
    )


def run_ids(pipeline: Pipeline) -> set[str]:
    """Return the ids of all runs that Dagster has."""
    return {run.run_id for run in pipeline.instance.get_runs()}


def files_of(pipeline: Pipeline, run_id: str) -> list[Path]:
    """Return the files and directories on disk that are named after a run."""
    return list(pipeline.directory.rglob(f"{run_id}*"))


def test_of_an_assets_runs_the_latest_stays(on_disk: Pipeline) -> None:
    """Of three measurements the two older ones go, with their files; the UI shows the third as before."""
    older = [on_disk.run_schedule("hourly_retry_debt").run_id for _ in range(2)]
    latest = on_disk.run_schedule("hourly_retry_debt").run_id
    before = on_disk.report_metadata("retry_debt")
    assert all(files_of(on_disk, run_id) for run_id in older)

    report = prune(on_disk)

    assert run_ids(on_disk) == {latest}
    assert report.runs == 2
    assert report.kept_runs == {Kept.IS_LATEST: 1}
    assert report.freed_bytes > 0
    assert [files_of(on_disk, run_id) for run_id in older] == [[], []]
    assert on_disk.report_metadata("retry_debt") == before


def test_young_runs_stay(on_disk: Pipeline) -> None:
    """A run goes only after the days that are set."""
    ids = {on_disk.run_schedule("hourly_retry_debt").run_id for _ in range(2)}
    assert prune(on_disk, after=timedelta(days=89)).runs == 0
    assert run_ids(on_disk) == ids


def test_runs_that_have_not_ended_stay(on_disk: Pipeline) -> None:
    """However long ago a run began, it is not removed before it has ended."""
    job = on_disk.defs().resolve_job_def("measure_retry_debt")
    run = on_disk.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert prune(on_disk).runs == 0
    assert run_ids(on_disk) == {run.run_id}


def test_both_rules_are_off_by_none(on_disk: Pipeline) -> None:
    """Without days nothing is removed, whatever its age."""
    on_disk.share("a")
    on_disk.tick_and_run()
    report = prune(on_disk, runs=None, partitions=None)
    assert (report.runs, report.partitions) == (0, 0)


def test_a_shares_run_stays_with_its_partition(on_disk: Pipeline) -> None:
    """While the partition is listed, its lineage is complete: materializations, metadata and checks."""
    [share] = on_disk.share("a")
    [run] = on_disk.tick_and_run()
    report = prune(on_disk)
    assert report.kept_runs == {Kept.HAS_PARTITION: 1}
    assert run_ids(on_disk) == {run.run_id}
    assert all(on_disk.materialized(asset) == {share} for asset in ASSETS)


def test_a_partition_goes_with_its_run(on_disk: Pipeline) -> None:
    """The UI lists neither, and the share stays in the catalog. The last run stays for the checks of whole assets."""
    [share] = on_disk.share("a")
    [run] = on_disk.tick_and_run()
    on_disk.share("b")
    [last] = on_disk.tick_and_run()
    before = on_disk.report(share)

    report = prune(on_disk, partitions=90)

    assert (report.partitions, report.runs) == (2, 1)
    assert report.kept_runs == {Kept.IS_LATEST: 1}
    assert on_disk.instance.get_dynamic_partitions("shares") == []
    assert run_ids(on_disk) == {last.run_id}
    assert files_of(on_disk, run.run_id) == []
    assert on_disk.report(share) == before
    assert before["status"] == "done"


def test_the_partition_of_a_failed_share_stays(on_disk: Pipeline) -> None:
    """It is part of the retry debt, whose pages select partitions."""
    [share] = on_disk.share("a")
    on_disk.downloader.fail(link("a"), Failure(Outcome.GONE, "404"))
    on_disk.tick_and_run()
    report = prune(on_disk, partitions=90)
    assert report.kept_partitions == {Kept.NOT_DONE: 1}
    assert on_disk.instance.get_dynamic_partitions("shares") == [share]
    assert len(run_ids(on_disk)) == 1


def test_a_partition_that_an_unfinished_run_may_need_stays(on_disk: Pipeline) -> None:
    """Also one in the middle of its range, which the run does not name."""
    ids = on_disk.share("a", "b", "c")
    on_disk.materialize(ids)
    first, middle, last = on_disk.instance.get_dynamic_partitions("shares")
    job = on_disk.defs().resolve_job_def("share_to_transcript")
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    on_disk.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    report = prune(on_disk, partitions=90)
    assert report.kept_partitions == {Kept.IN_USE: 3}
    assert middle in on_disk.instance.get_dynamic_partitions("shares")


def test_a_partition_that_is_no_share_stays(on_disk: Pipeline) -> None:
    """A person typed it in, or the gateway has deleted the share; retry_debt names it."""
    on_disk.instance.add_dynamic_partitions("shares", ["typed in"])
    report = prune(on_disk, partitions=90)
    assert report.kept_partitions == {Kept.NO_SHARE: 1}
    assert on_disk.instance.get_dynamic_partitions("shares") == ["typed in"]


def test_a_share_that_is_due_again_gets_its_partition_back(on_disk: Pipeline) -> None:
    """The sensor adds the partition that is missing, and Dagster shows it as materialized by the new run alone."""
    [share] = on_disk.share("a")
    on_disk.tick_and_run()
    on_disk.share("another")
    on_disk.tick_and_run()
    prune(on_disk, partitions=90)
    assert share not in on_disk.materialized("transcript")
    on_disk.catalog.work.retry([share], now=datetime.now(UTC), is_lost=True)

    [run] = on_disk.tick_and_run()

    assert run.success
    assert on_disk.instance.get_dynamic_partitions("shares") == [share]
    assert share in on_disk.materialized("transcript")


def test_a_partition_that_comes_back_is_not_shown_as_materialized(on_disk: Pipeline) -> None:
    """Dagster keeps its answer as long as it sees the same partitions, and nobody may have looked in between."""
    [share] = on_disk.share("a")
    on_disk.tick_and_run()
    [other] = on_disk.share("b")
    on_disk.tick_and_run()
    key = dg.AssetKey("transcript")
    assert shown_as_materialized(on_disk.instance, key, shares_partitions) == {share, other}
    prune(on_disk, partitions=90)
    on_disk.instance.add_dynamic_partitions("shares", [share, other])
    assert shown_as_materialized(on_disk.instance, key, shares_partitions) == {other}


def test_old_transfers_go_once_they_are_added_up(on_disk: Pipeline) -> None:
    """Each of them is counted once in the totals, and the newest stays. Without the rule all stay."""
    on_disk.share("a", "b")
    on_disk.tick_and_run()
    assert prune(on_disk).events == 0
    assert prune(on_disk, events=90).events == 0, "nothing is added up yet"
    counted = on_disk.catalog.totals.roll_up().events
    assert prune(on_disk, events=90).events == counted - 1
    assert len(on_disk.catalog.events.after(0, limit=100)[0]) == 1
    assert on_disk.catalog.totals.events_from(datetime.now(UTC) - IN_100_DAYS) == counted


def test_without_time_the_rest_is_left(on_disk: Pipeline) -> None:
    """What is not reached is kept whole, and the report says that it is not complete."""
    for _ in range(3):
        on_disk.run_schedule("hourly_retry_debt")
    moments = iter([True, False])
    report = prune_history(
        InstanceHistory(on_disk.instance),
        on_disk.catalog,
        HistoryRules(90, None),
        share_assets=set(),
        now=datetime.now(UTC) + IN_100_DAYS,
        is_time_left=lambda: next(moments),
    )
    assert (report.runs, report.is_complete) == (1, False)
    assert len(run_ids(on_disk)) == 2


def test_the_schedule_reports_what_it_did(pipeline: Pipeline) -> None:
    """Every night the asset is materialized with what was removed and kept; of today nothing is."""
    pipeline.run_schedule("hourly_retry_debt")
    assert pipeline.run_schedule("daily_dagster_retention").success
    metadata = pipeline.report_metadata("dagster_retention")
    assert [metadata[key] for key in ("runs", "partitions", "events", "is_complete")] == [0, 0, 0, True]
    assert set(metadata) == set(KEYS["dagster_retention"])
