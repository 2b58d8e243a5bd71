"""The asset that shows the retry debt: its numbers, its table, and the partitions that a backfill would take."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from bookmarkai_assets.core.failures.debt import Age, Debt, DebtLine
from bookmarkai_assets.core.links.platforms import Platform
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.metadata.failures import debt_metadata
from bookmarkai_assets.metadata.keys import KEYS
from bookmarkai_assets.metadata.tables import MAX_PAGES, MAX_SELECTION_CHARACTERS
from bookmarkai_assets.operations.failures.debt import DebtReport
from tests.plugins.pipeline import Pipeline, link


def test_the_debt_is_shown_in_numbers_and_words(pipeline: Pipeline) -> None:
    """It shows terminal failures and those that are retried, with commands, and the partitions as a selection."""
    pipeline.configure(retry_base_seconds=600, retry_max_seconds=600)
    one, other, waiting, _ = pipeline.share("one", "other", "waiting", "good")
    for name in ("one", "other"):
        pipeline.downloader.fail(link(name), Failure(Outcome.GONE, "404"))
    pipeline.downloader.fail(link("waiting"), Failure(Outcome.UNREACHABLE, "no answer"))
    pipeline.tick_and_run()

    assert pipeline.run_schedule("hourly_retry_debt").success

    shown = pipeline.report_metadata("retry_debt")
    assert set(shown) == set(KEYS["retry_debt"])
    assert [shown[key] for key in ("total", "transient", "terminal", "waiting", "put_off")] == [3, 1, 2, 1, 0]
    assert shown["oldest_hours"] == 0.0
    assert (
        "| gone | generic | under an hour | 2 | only once the cause is gone | "
        "`bookmarkai shares retry --outcome gone --platform generic` | [2](/asset-groups~"
    ) in shown["failures"]
    assert f"default_range=%5B{one}...{other}%5D) |" in shown["failures"]
    assert f"default_range={waiting}) |" in shown["failures"]
    assert shown["not_shares"] == ""
    assert shown["partitions"] == {
        "gone generic under an hour": f"[{one}...{other}]",
        "unreachable generic under an hour": waiting,
    }


def test_no_debt_is_shown_in_words(pipeline: Pipeline) -> None:
    """An empty catalog gives zeros and a sentence."""
    assert pipeline.run_schedule("hourly_retry_debt").success
    shown = pipeline.report_metadata("retry_debt")
    assert (shown["total"], shown["oldest_hours"]) == (0, 0)
    assert shown["failures"] == "No share has failed, and none is put off."


def test_partitions_that_are_no_share_are_named(pipeline: Pipeline) -> None:
    """With the way to remove them. A real share is not among them, whether it failed or not."""
    pipeline.share("good")
    pipeline.tick_and_run()
    strangers = [f"typed in {number}" for number in range(7)]
    pipeline.instance.add_dynamic_partitions("shares", strangers)

    assert pipeline.run_schedule("hourly_retry_debt").success

    shown = pipeline.report_metadata("retry_debt")["not_shares"]
    assert shown.startswith(f"7 partitions are no shares: {', '.join(strangers[:5])} and 2 more. To remove them, ")
    assert "Delete partitions" in shown


def test_behind_a_path_prefix_links_have_the_uis_address(pipeline: Pipeline) -> None:
    """A path alone would lead beside the UI."""
    pipeline.configure(dagster_ui_url="https://dagster.example.com/prefix")
    [one] = pipeline.share("one")
    pipeline.downloader.fail(link("one"), Failure(Outcome.GONE, "404"))
    pipeline.tick_and_run()

    assert pipeline.run_schedule("hourly_retry_debt").success

    shown = pipeline.report_metadata("retry_debt")["failures"]
    assert "[1](https://dagster.example.com/prefix/asset-groups~" in shown
    assert f"default_range={one})" in shown


def test_a_selection_is_cut_between_two_keys() -> None:
    """However many partitions there are, the event stays small, and says where the rest is."""
    keys = [f"00000000-0000-4000-8000-{number:012}" for number in range(1000)]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    line = DebtLine(Outcome.GONE, Platform.X, Age.OLDER, tuple(keys), waiting=0, oldest=now - timedelta(weeks=2))
    apart = [partition for key in keys for partition in (key, f"not {key}")]  # no two of them are neighbours
    shown: Any = debt_metadata(DebtReport(now, Debt((line,), ()), apart))
    [selection] = shown["partitions"].value.values()
    kept, _, rest = selection.rpartition(", … ")
    assert kept.split(", ") == keys[: len(kept.split(", "))]
    assert len(selection) < MAX_SELECTION_CHARACTERS + 100
    assert "bookmarkai shares debt --partitions" in rest
    links = [int(count.replace(",", "")) for count in re.findall(r"\[([0-9,]+)\]\(", shown["failures"].value)]
    [left] = re.findall(r" and ([0-9]+) more: `bookmarkai shares debt --partitions`", shown["failures"].value)
    assert len(links) == MAX_PAGES
    assert sum(links) + int(left) == 1000
