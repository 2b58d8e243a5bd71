"""Runs whose shares have to wait: nothing fails, nothing missing is materialized, and the reason is shown."""

import dagster as dg
import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.outcomes import Failure, Outcome
from tests.plugins.pipeline import ASSETS, Pipeline

BLOCKED = Failure(Outcome.BLOCKED, "your IP is blocked")


def links(*numbers: int) -> list[str]:
    """Return links to TikTok videos."""
    return [f"https://www.tiktok.com/@_/video/{number}" for number in numbers]


def shares_of_blocking_site(pipeline: Pipeline, *numbers: int) -> list[str]:
    """Share links to videos that their site does not show to this address."""
    pipeline.configure(site_max_refusals=1)
    for link in links(*numbers):
        pipeline.downloader.fail(link, BLOCKED, times=9)
    return pipeline.share_links(*links(*numbers))


def test_a_run_with_only_postponed_shares_succeeds(pipeline: Pipeline) -> None:
    """A site's pause makes no run red: its partitions stay missing, and its shares are pending with the reason."""
    [share] = shares_of_blocking_site(pipeline, 1)
    [result] = pipeline.tick_and_run()

    assert result.success
    assert [pipeline.materialized(asset) for asset in ASSETS] == [set()] * len(ASSETS)
    report = pipeline.report(share)
    assert (report["status"], report["outcome"], report["attempts"]) == ("pending", "postponed", 0)
    assert "tiktok is paused" in report["reason"]
    assert "your IP is blocked" in report["reason"]


def test_a_postponed_share_does_not_stop_its_batch(pipeline: Pipeline) -> None:
    """In a backfill over both, the share of the paused site is left out and the other one is done."""
    [waiting] = shares_of_blocking_site(pipeline, 1)
    [good] = pipeline.share("good")
    result = pipeline.materialize([waiting, good])

    assert result.success
    assert [pipeline.materialized(asset) for asset in ASSETS] == [{good}] * len(ASSETS)
    assert pipeline.report(good)["status"] == "done"
    assert pipeline.report(waiting)["status"] == "pending"


def test_a_failure_beside_a_postponed_share_is_reported(pipeline: Pipeline) -> None:
    """The run fails for the share that is gone, and does not count the one that waits."""
    [waiting] = shares_of_blocking_site(pipeline, 1)
    [gone] = pipeline.share_links("https://example.com/gone")
    result = pipeline.materialize([waiting, gone])

    assert not result.success
    [failure] = [event for event in result.all_events if event.event_type is dg.DagsterEventType.STEP_FAILURE]
    failure_data = failure.step_failure_data.user_failure_data
    assert failure_data is not None
    assert gone in (failure_data.description or "")
    assert waiting not in (failure_data.description or "")


def test_shares_of_a_paused_site_get_no_run(pipeline: Pipeline) -> None:
    """While TikTok is paused the sensor launches the other sites' shares and none of TikTok's."""
    shares_of_blocking_site(pipeline, 1)
    pipeline.tick_and_run()
    waiting = pipeline.share_links(*links(2, 3))
    [good] = pipeline.share("good")

    results = pipeline.tick_and_run()

    assert [result.success for result in results] == [True]
    assert pipeline.materialized("transcript") == {good}
    assert {pipeline.report(share)["status"] for share in waiting} == {"pending"}
    assert len(pipeline.downloader.calls) == 2
    tick = pipeline.tick()
    assert isinstance(tick, dg.SkipReason)
    assert "3 wait for their site or a store: tiktok 3" in (tick.skip_message or "")


def test_without_room_on_the_disk_the_sensor_says_so(pipeline: Pipeline) -> None:
    """No share is claimed, and the tick's text in the UI names the directory, the free space and the setting."""
    [share] = pipeline.share("a")
    pipeline.configure(download_min_free_bytes=10**18)
    tick = pipeline.tick()
    assert isinstance(tick, dg.SkipReason)
    assert "DOWNLOAD_MIN_FREE_BYTES" in (tick.skip_message or "")
    assert str(pipeline.media_dir) in (tick.skip_message or "")
    assert pipeline.report(share)["status"] == "pending"

    pipeline.configure(download_min_free_bytes=0)
    assert [result.success for result in pipeline.tick_and_run()] == [True]


DENIED = StoreError(StoreErrorClass.ACCESS_DENIED, "403 SignatureDoesNotMatch")


@pytest.mark.parametrize("names", ["a", "ab"])
def test_a_run_whose_shares_wait_for_their_store_succeeds(pipeline: Pipeline, names: str) -> None:
    """Nothing is stored and nothing has failed: no run is red, and what was fetched is materialized."""
    pipeline.configure(storage_mode="s3")
    pipeline.s3.outage = DENIED
    shares = pipeline.share(*names)

    results = pipeline.tick_and_run()

    assert [result.success for result in results] == [True]
    assert [pipeline.materialized(asset) for asset in ASSETS] == [set(shares), set(), set()]
    for share in shares:
        report = pipeline.report(share)
        assert (report["status"], report["outcome"], report["attempts"]) == ("pending", "postponed", 0)
        assert "s3 store is paused" in report["reason"]
    assert pipeline.checks(results[0])["bytes_are_there"].passed
    tick = pipeline.tick()
    assert isinstance(tick, dg.SkipReason)
    assert f"s3 store {len(names)}" in (tick.skip_message or "")

    pipeline.s3.outage = None
    assert pipeline.catalog.sites.resume("s3 store")
    assert [result.success for result in pipeline.tick_and_run()] == [True]
    assert [pipeline.materialized(asset) for asset in ASSETS] == [set(shares)] * len(ASSETS)


def test_a_run_that_cannot_read_from_its_store_succeeds(pipeline: Pipeline) -> None:
    """The media are stored, and their transcripts wait."""
    pipeline.configure(storage_mode="s3")
    [share] = pipeline.share("a")
    assert pipeline.materialize([share], ASSETS[:2]).success
    pipeline.s3.outage = DENIED
    result = pipeline.materialize([share], ASSETS[2:])
    assert result.success
    assert pipeline.materialized("transcript") == set()
    assert pipeline.report(share)["outcome"] == "postponed"
    assert all(check.passed for check in pipeline.checks(result).values())
