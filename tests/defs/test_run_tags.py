"""What the runs page shows of a run: its shares, their platforms and titles, and how they ended."""

from collections.abc import Sequence

import dagster as dg
import pytest

from bookmarkai_assets.adapters.catalog.shares import SqlShareTable
from bookmarkai_assets.core.errors import CatalogUnavailableError
from bookmarkai_assets.core.outcomes import Failure, Outcome
from tests.fakes.speech import speech_bytes
from tests.plugins.pipeline import ASSETS, Pipeline, link

TIKTOK = "https://www.tiktok.com/@_/video/7300000000000000001"


def shown_tags(pipeline: Pipeline, run_id: str) -> dict[str, str]:
    """Return a run's tags for people, without the prefix that they share."""
    run = pipeline.instance.get_run_by_id(run_id)
    assert run is not None
    prefix = "bookmarkai/"
    return {name.removeprefix(prefix): value for name, value in run.tags.items() if name.startswith(prefix)}


def test_the_run_of_a_lone_share_has_its_title_platform_and_outcome(pipeline: Pipeline) -> None:
    """The claim is not among the tags that people see."""
    pipeline.downloader.serve(TIKTOK, audio=speech_bytes("This is pasta"))
    pipeline.share_links(TIKTOK)
    [run] = pipeline.tick_and_run()
    assert shown_tags(pipeline, run.run_id) == {
        "shares": "1 share",
        "platform": "tiktok",
        "title": pipeline.metadata("raw_video", run.dagster_run.tags["dagster/partition"])["title"],
        "outcomes": "done",
    }


def test_tags_are_set_as_work_goes_on(pipeline: Pipeline) -> None:
    """During the first download a run has its number of shares and their platforms, and no outcome."""
    seen: list[dict[str, str]] = []

    def look(_: object) -> None:
        [run] = pipeline.instance.get_runs()
        seen.append(shown_tags(pipeline, run.run_id))

    pipeline.on_download = look
    pipeline.share("a")
    pipeline.tick_and_run()
    assert seen == [{"shares": "1 share", "platform": "generic"}]


def test_the_run_of_a_batch_counts_shares_and_outcomes(pipeline: Pipeline) -> None:
    """Its platforms are joined, it has no title, and its outcomes are counted, the most frequent first."""
    pipeline.downloader.serve(TIKTOK, audio=speech_bytes("This is pasta"))
    pipeline.share_links(TIKTOK)
    pipeline.share("a", "gone", "quiet")
    pipeline.downloader.fail(link("gone"), Failure(Outcome.GONE, "HTTP 404"))
    pipeline.downloader.serve(link("quiet"), audio=speech_bytes(""))
    [run] = pipeline.tick_and_run()
    assert shown_tags(pipeline, run.run_id) == {
        "shares": "4 shares",
        "platform": "generic, tiktok",
        "outcomes": "2 done, 1 gone, 1 no_speech",
    }


@pytest.mark.parametrize("selection", [ASSETS[:1], ASSETS[1:], ASSETS[2:]])
def test_a_backfill_of_any_assets_is_tagged(pipeline: Pipeline, selection: tuple[str, ...]) -> None:
    """Whichever asset is first and last, a run that a person launched has the same tags."""
    [share] = pipeline.share("a")
    pipeline.tick_and_run()
    run = pipeline.materialize([share], selection)
    assert shown_tags(pipeline, run.run_id) == {
        "shares": "1 share",
        "platform": "generic",
        "title": pipeline.metadata("raw_video", share)["title"],
        "outcomes": "done",
    }


def test_a_partition_that_is_no_share_is_counted(pipeline: Pipeline) -> None:
    """A key that somebody typed into the UI has no platform and no title, and does not stop the tags of the others."""
    run = pipeline.materialize(["6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11"])
    assert shown_tags(pipeline, run.run_id) == {"shares": "1 share", "outcomes": "refused"}


def test_a_catalog_that_does_not_answer_costs_the_tags_alone(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on without them."""
    [share] = pipeline.share("a")
    read, calls = SqlShareTable.read, []

    def read_or_fail(self: SqlShareTable, share_ids: Sequence[str]) -> object:
        calls.append(share_ids)
        if len(calls) == 1:
            raise CatalogUnavailableError("locked for too long")
        return read(self, share_ids)

    monkeypatch.setattr(SqlShareTable, "read", read_or_fail)
    run = pipeline.materialize([share])
    assert run.success
    assert shown_tags(pipeline, run.run_id)["outcomes"] == "done"


def test_a_repeated_run_has_the_outcomes_of_its_own(pipeline: Pipeline) -> None:
    """A re-execution begins with the tags of the run that it repeats, and ends with its own."""
    pipeline.downloader.serve(link("late"))
    [share] = pipeline.share_links(link("late"))
    pipeline.downloader.fail(link("late"), Failure(Outcome.GONE, "HTTP 404"))
    first = pipeline.materialize([share])
    tags = shown_tags(pipeline, first.run_id)
    assert tags["outcomes"] == "gone"
    pipeline.catalog.work.retry([share], now=pipeline.catalog.shares.get(share).created_at)
    job = pipeline.defs().resolve_implicit_global_asset_job_def()
    again = job.execute_in_process(
        instance=pipeline.instance,
        asset_selection=[dg.AssetKey(asset) for asset in ASSETS],
        partition_key=share,
        tags={f"bookmarkai/{name}": value for name, value in tags.items()},
        raise_on_error=False,
    )
    assert shown_tags(pipeline, again.run_id)["outcomes"] == "done"
