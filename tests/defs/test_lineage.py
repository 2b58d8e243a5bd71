"""The edges of the lineage: they cost no read of all partitions, and change nothing in what a run reports."""

import dagster as dg
import pytest

from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.dagster_internals import PartitionsReadOnce
from tests.plugins.pipeline import ASSETS, Pipeline, link
from tests.support.stale_status import code_location

LOOKING = ("local_cleanup", "storage_verification", "rollout_metrics")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list to which each read of all partitions is added."""
    found: list[str] = []
    read = PartitionsReadOnce.get_partition_keys

    def counted(self: PartitionsReadOnce, *args: object, **options: object) -> object:
        found.append("all")
        return read(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(PartitionsReadOnce, "get_partition_keys", counted)
    return found


@pytest.mark.parametrize("asset", LOOKING)
def test_what_looks_at_the_whole_reads_no_partitions(pipeline: Pipeline, reads: list[str], asset: str) -> None:
    """A run of an asset that measures or cleans does not have Dagster read the keys of all shares."""
    pipeline.share("a", "b")
    pipeline.tick_and_run()
    reads.clear()
    keys = {"partition_key": "2026-11-01"} if asset == "rollout_metrics" else {}
    job = pipeline.defs().resolve_implicit_global_asset_job_def()
    done = job.execute_in_process(instance=pipeline.instance, asset_selection=[dg.AssetKey(asset)], **keys)  # type: ignore[arg-type]
    assert done.success
    assert reads == []


def test_a_failure_is_reported_beside_an_asset_that_looks(pipeline: Pipeline) -> None:
    """A run of the three assets with one that measures them is red at `transcript`, the last of the three."""
    good, bad = pipeline.share("good", "bad")
    pipeline.downloader.fail(link("bad"), Failure(Outcome.GONE, "404"))
    result = pipeline.materialize([good, bad], (*ASSETS, "retry_debt"))
    failed = [event.step_key for event in result.all_events if event.is_step_failure]
    assert failed == ["transcript"]
    assert pipeline.materialized("transcript") == {good}


# Dagster's own warning when it describes a code location.
@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`")
def test_the_edge_to_the_shares_makes_nothing_stale(pipeline: Pipeline) -> None:
    """The gateway's table is never materialized here, so the UI shows what is made from it as fresh."""
    with dg.instance_for_test(temp_dir=str(pipeline.directory)) as instance:
        pipeline.use_instance(instance)
        [share] = pipeline.share("a")
        [run] = pipeline.tick_and_run()
        assert run.success
        location = pipeline.directory / "location"
        location.mkdir()
        with code_location(instance, pipeline.settings, location) as shown:
            assert [shown.statuses(asset, [share]) for asset in ASSETS] == [["FRESH"]] * len(ASSETS)
