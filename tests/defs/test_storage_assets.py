"""What analysts see of storage: the check after a put, the clean-up and the verification."""

from pathlib import Path

import dagster as dg
import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.ports import StoredObject
from tests.fakes.stores import digest_of_bytes
from tests.plugins.pipeline import ASSETS, Pipeline, link


def test_every_put_is_checked(pipeline: Pipeline) -> None:
    """Every run of stored_media evaluates its check, which reads each share's bytes. It blocks no step."""
    pipeline.share("a", "b")

    [result] = pipeline.tick_and_run()

    check = pipeline.checks(result)["bytes_are_there"]
    assert check.passed
    assert not check.blocking
    assert check.metadata["looked_at"].value == 2


def vanishing(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Have the bucket lose these names' videos right after each put has been verified."""
    put = pipeline.s3.put
    doomed = [digest_of_bytes(f"video of {link(name)}".encode()) for name in names]

    def put_and_lose(*args: object, **options: object) -> StoredObject:
        stored = put(*args, **options)  # type: ignore[arg-type]
        if stored.digest in doomed:
            pipeline.s3.delete(stored.url)
        return stored

    monkeypatch.setattr(pipeline.s3, "put", put_and_lose)


def test_a_put_that_did_not_last_blocks_its_share(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share whose video is gone right after its put is not transcribed, and is due again at once."""
    pipeline.configure(storage_mode="s3")
    [share] = pipeline.share("a")
    vanishing(pipeline, monkeypatch, "a")

    [result] = pipeline.tick_and_run()

    assert not result.success
    check = pipeline.checks(result)["bytes_are_there"]
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert share in check.metadata["failed"].value  # type: ignore[operator]
    assert pipeline.materialized("stored_media") == pipeline.materialized("transcript") == set()
    assert pipeline.report(share)["outcome"] == "media_missing"
    monkeypatch.undo()
    pipeline.tick_and_run()
    assert pipeline.report(share)["status"] == "done", "the next tick fetches and stores it again"


def test_a_put_that_did_not_last_blocks_its_share_alone(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a batch the others go on: the check is as red as for a lone share, and the share that it names stops."""
    pipeline.configure(storage_mode="s3")
    good, bad = pipeline.share("a", "b")
    vanishing(pipeline, monkeypatch, "b")

    [result] = pipeline.tick_and_run()

    check = pipeline.checks(result)["bytes_are_there"]
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert check.description == "looked at 2: 1 not there"
    assert pipeline.materialized("stored_media") == pipeline.materialized("transcript") == {good}
    assert pipeline.report(good)["status"] == "done"
    assert pipeline.report(bad)["outcome"] == "media_missing"


def test_a_backfill_moves_media_and_says_where_they_are(pipeline: Pipeline) -> None:
    """Materializing stored_media alone after the percentage was raised moves the media and updates its metadata."""
    shares = pipeline.share("a", "b")
    pipeline.tick_and_run()
    pipeline.configure(storage_mode="hybrid", s3_split_percentage=100)

    assert pipeline.materialize(shares, ASSETS[1:2]).success

    for share in shares:
        metadata = pipeline.metadata("stored_media", share)
        assert metadata["backend"] == "s3"
        assert metadata["storage_url"].startswith("s3://")
        assert metadata["s3_percentage"] == 100
        assert metadata["expires_at"]
        assert pipeline.report(share)["media"]["url"] == metadata["storage_url"]
    assert len(pipeline.downloader.calls) == 2


def test_the_nightly_clean_up_shows_what_it_removed_and_kept(pipeline: Pipeline) -> None:
    """The schedule's run removes proven copies, and its metadata has removals, bytes and reasons to keep."""
    moved, kept = pipeline.share("a", "b")
    pipeline.tick_and_run()
    pipeline.configure(storage_mode="s3")
    pipeline.materialize([moved], ASSETS[1:2])
    pipeline.configure(storage_mode="local", cleanup_grace_hours=0)

    assert pipeline.run_schedule("daily_local_cleanup").success

    metadata = pipeline.report_metadata("local_cleanup")
    assert metadata["removed"] == 1
    assert metadata["removed_bytes"] > 0
    assert metadata["removed_why"] == {"in_s3": 1}
    assert metadata["kept_why"]["within_retention"] == 1
    assert metadata["failed"] == 0
    [row] = metadata["removals"].records
    assert row.data["reason"] == "in_s3"
    assert not Path(str(row.data["name"])).exists()
    assert Path(pipeline.report(kept)["media"]["url"]).exists()
    assert pipeline.run_schedule("daily_local_cleanup").success
    assert pipeline.report_metadata("local_cleanup")["removed"] == 0


def test_a_clean_up_that_refuses_fails_its_run(pipeline: Pipeline) -> None:
    """A missing media directory makes the run red, with the reason, and no materialization says it was cleaned."""
    pipeline.share("a")
    pipeline.tick_and_run()
    pipeline.media_dir.rename(pipeline.directory / "unmounted")

    result = pipeline.run_schedule("daily_local_cleanup")

    assert not result.success
    assert pipeline.instance.get_latest_materialization_event(dg.AssetKey("local_cleanup")) is None


def test_the_weekly_verification_checks_that_nothing_is_lost(pipeline: Pipeline) -> None:
    """The check passes while everything is as recorded, and fails when a stored file is gone."""
    first, _ = pipeline.share("a", "b")
    pipeline.tick_and_run()

    good = pipeline.run_schedule("weekly_storage_verification")
    assert pipeline.checks(good)["nothing_is_missing_or_different"].passed
    assert pipeline.report_metadata("storage_verification")["same"] == 2 * 6

    lost = pipeline.report(first)["media"]["url"]
    Path(lost).unlink()
    bad = pipeline.run_schedule("weekly_storage_verification")
    check = pipeline.checks(bad)["nothing_is_missing_or_different"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert check.description == "something is missing or different"
    metadata = pipeline.report_metadata("storage_verification")
    assert metadata["missing"] == 1
    assert metadata["verdict"] == "something is missing or different"
    assert [row.data["url"] for row in metadata["findings"].records] == [lost]


def test_a_bucket_that_cannot_be_listed_fails_the_verification(pipeline: Pipeline) -> None:
    """The run fails and the check is amber, but the local directory's report is there and says what it lacks."""
    pipeline.share("a")
    pipeline.tick_and_run()
    pipeline.s3.fail_next("list", StoreError(StoreErrorClass.ACCESS_DENIED, "403"))

    result = pipeline.run_schedule("weekly_storage_verification")

    assert not result.success
    check = pipeline.checks(result)["nothing_is_missing_or_different"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    metadata = pipeline.report_metadata("storage_verification")
    assert metadata["verdict"] == "nothing could be checked in s3"
    assert metadata["same"] == 6


def test_a_clean_up_that_could_not_do_its_work_is_amber(pipeline: Pipeline) -> None:
    """What failed is in the metadata, and the asset's check is a warning: nothing is lost, and somebody should look."""
    [share] = pipeline.share("a")
    pipeline.tick_and_run()
    pipeline.configure(storage_mode="s3")
    pipeline.materialize([share], ASSETS[1:2])
    pipeline.configure(cleanup_grace_hours=0)
    pipeline.s3.fail_next("leftovers", StoreError(StoreErrorClass.ACCESS_DENIED, "403 for ListMultipartUploads"))

    result = pipeline.run_schedule("daily_local_cleanup")

    check = pipeline.checks(result)["nothing_failed"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description == "1 could not be looked at or removed"
    assert pipeline.report_metadata("local_cleanup")["failed"] == 1
    assert pipeline.checks(pipeline.run_schedule("daily_local_cleanup"))["nothing_failed"].passed
