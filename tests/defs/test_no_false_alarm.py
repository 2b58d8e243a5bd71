"""A share that fails turns no check red that has nothing to do with it, whoever launched its run."""

from collections.abc import Iterator

import dagster as dg
import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass, TranscriptionError
from bookmarkai_assets.core.media.ports import StoredObject
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.transcripts.doubts import DoubtKind
from tests.plugins.pipeline import ASSETS, Pipeline, link
from tests.support.stale_status import code_location

DOUBTS = {kind.value for kind in DoubtKind}
GONE = Failure(Outcome.GONE, "HTTP 404")


@pytest.fixture
def kept(pipeline: Pipeline) -> Iterator[Pipeline]:
    """Return the pipeline with a Dagster instance on disk, which the UI can open."""
    with dg.instance_for_test(temp_dir=str(pipeline.directory)) as instance:
        pipeline.use_instance(instance)
        yield pipeline


def materialize_one(pipeline: Pipeline, share: str) -> dg.ExecuteInProcessResult:
    """Materialize a partition of all three assets, as the button on the partition's page does."""
    pipeline.instance.add_dynamic_partitions("shares", [share])
    job = pipeline.defs().resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=pipeline.instance,
        asset_selection=[dg.AssetKey(asset) for asset in ASSETS],
        partition_key=share,
        raise_on_error=False,
    )


def not_evaluated(pipeline: Pipeline, run: dg.ExecuteInProcessResult) -> set[str]:
    """Return the checks that were planned for a run and not evaluated in it: "Execution failed" if the run failed."""
    planned = pipeline.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED)
    assert planned
    events = [entry.dagster_event for entry in planned if entry.dagster_event is not None]
    return {event.asset_check_planned_data.asset_check_key.name for event in events} - pipeline.checks(run).keys()


@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`")  # Dagster's own
def test_a_lone_share_that_is_gone_fails_no_check(kept: Pipeline) -> None:
    """Launched by the sensor, a backfill or one partition's page, its run fails, and in the UI each check passes.

    Each says that it has looked at nothing, and no asset is materialized.
    """
    shown = {}
    (kept.directory / "location").mkdir()
    with code_location(kept.instance, kept.settings, kept.directory / "location") as ui:
        for launcher in ("sensor", "backfill", "page"):
            [gone] = kept.share_links(link(launcher))
            kept.downloader.fail(link(launcher), GONE)
            if launcher == "sensor":
                [run] = kept.tick_and_run()
            elif launcher == "backfill":
                run = kept.materialize([gone])
            else:
                run = materialize_one(kept, gone)
            assert not run.success
            shown[launcher] = {name: check for asset in ASSETS for name, check in ui.checks(asset).items()}
    assert [kept.materialized(asset) for asset in ASSETS] == [set()] * len(ASSETS)
    assert set(shown["sensor"]) == {"bytes_are_there", *DOUBTS}
    assert set(shown["backfill"]) == set(shown["page"]) == {"bytes_are_there", *DOUBTS, "made_as_set"}
    for checks in shown.values():
        assert {status for status, _ in checks.values()} == {"SUCCEEDED"}
        assert checks["bytes_are_there"][1] == "looked at 0: none is missing"
        assert {checks[name][1] for name in DOUBTS} == {"looked at 0: none doubted"}


def test_a_failed_last_step_fails_no_check(pipeline: Pipeline) -> None:
    """The check of all transcripts is evaluated after a transcription that failed, too."""
    [share] = pipeline.share("a")
    pipeline.speech.fail_next(TranscriptionError("the sound is noise"))
    run = pipeline.materialize([share])
    assert not run.success
    assert not_evaluated(pipeline, run) == set()
    assert {check.passed for check in pipeline.checks(run).values()} == {True}
    assert "made_as_set" in pipeline.checks(run)


@pytest.mark.parametrize("assets", [ASSETS[1:], ASSETS[2:], ASSETS[1:2]])
def test_a_share_without_a_video_fails_no_check(pipeline: Pipeline, assets: tuple[str, ...]) -> None:
    """A backfill that begins after raw_video has nothing to look at either."""
    [share] = pipeline.share("a")
    run = pipeline.materialize([share], assets)
    assert not run.success
    assert not_evaluated(pipeline, run) == set()
    assert {check.passed for check in pipeline.checks(run).values()} == {True}


def test_a_store_that_does_not_say_is_amber(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be looked at after its put needs a look, and nobody says that it is lost."""
    pipeline.configure(storage_mode="s3")
    pipeline.share("a", "b")
    put = pipeline.s3.put

    def put_and_fail_the_next_head(*args: object, **options: object) -> StoredObject:
        stored = put(*args, **options)  # type: ignore[arg-type]
        pipeline.s3.fail_next("head", StoreError(StoreErrorClass.THROTTLED, "SlowDown"))
        return stored

    monkeypatch.setattr(pipeline.s3, "put", put_and_fail_the_next_head)
    [run] = pipeline.tick_and_run()
    check = pipeline.checks(run)["bytes_are_there"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "could not be looked at" in (check.description or "")
