"""Print shares as partitions: the selection for Dagster's UI, and the pages that have it filled in."""

from collections.abc import Collection, Sequence
from typing import Annotated, Any

import typer

from bookmarkai_assets.cli.output import clean, out, print_json
from bookmarkai_assets.core.shares.dagster_ui import SHARE_ASSETS, BackfillLink
from bookmarkai_assets.core.shares.partition_selections import partition_selection
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.wiring.catalog import share_partitions
from bookmarkai_assets.wiring.dagster_ui import make_links_from_outside

MAX_PAGES = 10
"""The most pages that are printed. Each takes a click, so nobody opens a hundred."""

AsPartitions = Annotated[
    bool, typer.Option("--partitions", help="Print them as partitions, with the page that opens them as a backfill")
]


def print_partitions(
    settings: Settings,
    share_ids: Collection[str],
    *,
    assets: Sequence[str] = SHARE_ASSETS,
    as_json: bool,
    cut: str | None = None,
) -> None:
    """Print shares as a selection of partitions, and the pages of a backfill of `assets` with it.

    `cut` says what was left out before, if anything was.
    """
    keys = share_partitions(settings)
    selected = set(share_ids).intersection(keys or ())
    selection = None if keys is None else partition_selection(selected, keys)
    pages = make_links_from_outside(settings).backfills(selected, keys or (), assets=assets)
    if as_json:
        print_json(
            {
                "shares": len(share_ids),
                "selected": len(selected),
                "cut": cut,
                "partitions": selection,
                "backfills": pages_as_plain(pages),
            }
        )
        return
    if cut:
        _say(cut)
    if selection is None:
        _say("Their partitions are not known, because Dagster has not run in DAGSTER_HOME.")
        return
    _say(f"{count_shares(len(share_ids))}, {len(selected):,} with a partition.{_others(len(share_ids), len(selected))}")
    if selection:
        _say(f"Partitions: {selection}")
        print_pages(pages)


def print_pages(pages: Sequence[BackfillLink], *, of: str = "") -> None:
    """Print the pages of a backfill, one a line, and how many more there are. `of` says of what it is."""
    shown = pages[:MAX_PAGES]
    for number, page in enumerate(shown, 1):
        which = f" {number} of {len(pages):,}" if len(pages) > 1 else ""
        _say(f"Backfill{which}{of}, {count_partitions(page.count)}: {page.url}")
    if rest := pages[len(shown) :]:
        _say(
            f"{len(rest):,} more pages, with {count_partitions(sum(page.count for page in rest))}: --json has all of "
            "them."
        )


def pages_as_plain(pages: Sequence[BackfillLink]) -> list[dict[str, Any]]:
    """Return the JSON form of the pages of a backfill."""
    return [{"url": page.url, "partitions": page.count} for page in pages]


def count_shares(count: int) -> str:
    """Return a number of shares in words."""
    return "1 share" if count == 1 else f"{count:,} shares"


def count_partitions(count: int) -> str:
    """Return a number of partitions in words."""
    return "1 partition" if count == 1 else f"{count:,} partitions"


def _others(shares: int, selected: int) -> str:
    return "" if shares == selected else " The others never came to a run."


def _say(text: str) -> None:
    # Printed whole, however long, because what it names is there to be copied.
    out.print(clean(text, len(text)), soft_wrap=True)
