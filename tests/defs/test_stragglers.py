"""A batch with a download that hangs, as Dagster shows it: the others are done, and it is tried again by itself."""

import dagster as dg

from tests.plugins.pipeline import ASSETS, Pipeline, link


def reduce_patience(pipeline: Pipeline) -> None:
    """Configure little patience, and one thread, so that there is always a finished download."""
    pipeline.configure(download_patience_seconds=0.05, download_concurrency=1, download_timeout_seconds=30)


def test_a_straggler_holds_up_nobody_and_is_alone_next_time(pipeline: Pipeline) -> None:
    """The batch's run ends well with the others materialized; the straggler is pending, and the next tick has it."""
    reduce_patience(pipeline)
    shares = pipeline.share("a", "b", "hangs")
    pipeline.downloader.hang(link("hangs"))
    straggler = shares[2]

    [result] = pipeline.tick_and_run()
    assert result.success
    assert [pipeline.materialized(asset) for asset in ASSETS] == [set(shares) - {straggler}] * len(ASSETS)
    report = pipeline.report(straggler)
    assert (report["status"], report["outcome"], report["attempts"]) == ("pending", "postponed", 0)

    more = pipeline.share("c", "d")
    tick = pipeline.tick()
    assert isinstance(tick, dg.SensorResult)
    requests = tick.run_requests or []
    assert [request.partition_key for request in requests].count(straggler) == 1
    ranges = [request.tags.get("dagster/asset_partition_range_start") for request in requests]
    assert straggler not in ranges
    assert set(ranges) - {None} <= set(more)


def test_alone_it_is_parked_after_its_attempts(pipeline: Pipeline) -> None:
    """Each time that it hangs to the deadline is now a failed attempt, with an observation at its partition."""
    reduce_patience(pipeline)
    shares = pipeline.share("a", "hangs")
    pipeline.downloader.hang(link("hangs"))
    pipeline.tick_and_run()
    pipeline.configure(download_timeout_seconds=0.1)

    ended = [result.success for _ in range(4) for result in pipeline.tick_and_run()]

    assert ended == [False] * 3
    report = pipeline.report(shares[1])
    assert (report["status"], report["outcome"], report["attempts"]) == ("error", "timed_out", 3)
    assert pipeline.report(shares[0])["status"] == "done"


def test_in_a_backfill_too_it_is_postponed_and_runs_alone(pipeline: Pipeline) -> None:
    """An analyst's run over several ends well without it, and once the site answers, the sensor's run completes it."""
    reduce_patience(pipeline)
    shares = pipeline.share("a", "hangs")
    pipeline.downloader.hang(link("hangs"))
    assert pipeline.materialize(shares).success
    assert pipeline.materialized("transcript") == {shares[0]}

    pipeline.downloader.answer(link("hangs"))
    assert [result.success for result in pipeline.tick_and_run()] == [True]
    assert [pipeline.materialized(asset) for asset in ASSETS] == [set(shares)] * len(ASSETS)
