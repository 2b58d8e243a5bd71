"""`bookmarkai shares debt`: which failures stand, and the commands that retry them."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from bookmarkai_assets.cli.output import clean, out, print_json, print_table
from bookmarkai_assets.cli.partitions import print_pages
from bookmarkai_assets.core.failures.debt import Debt, DebtLine, PostponedShares
from bookmarkai_assets.core.shares.strange_partitions import strangers_in_words
from bookmarkai_assets.core.sites.stores import is_store
from bookmarkai_assets.operations.failures.debt import DebtReport, debt_report
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog, share_partitions
from bookmarkai_assets.wiring.dagster_ui import make_links_from_outside


def debt(
    *,
    partitions: Annotated[
        bool, typer.Option("--partitions", help="Also print the partitions, as a selection for Dagster's UI")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, including the partitions")] = False,
) -> None:
    """Show the retry debt: shares that failed, parked or waiting for their next attempt, by outcome, platform and age.

    Each line has the command that makes its shares due. Shares that only wait for their site, or for room on the disk,
    have not failed and are listed last. The age counts from the last failure.

    Example: bookmarkai shares debt
    """
    settings = load_settings()
    now = datetime.now(UTC)
    keys = share_partitions(settings) if partitions or as_json else None
    with open_catalog(settings) as catalog:
        report = debt_report(catalog, now=now, partitions=keys, ui=make_links_from_outside(settings))
    found = report.debt
    if as_json:
        print_json(report.as_dict())
        return
    if not found.lines and not found.postponed:
        out.print("No share has failed, and none is put off.")
    else:
        _print_debt(found)
    if partitions:
        _print_strangers(report)
        _print_partitions(report)


def _print_debt(found: Debt) -> None:
    print_table(
        ["outcome", "platform", "age", "shares", "heals", "oldest", "what to do"],
        [*map(_failure_cells, found.lines), *map(_held_cells, found.postponed)],
    )
    if found.lines:
        out.print(
            f"{found.total:,} failed: {found.waiting:,} are tried again by themselves; of all, "
            f"{found.transient:,} may heal by a retry, {found.terminal:,} only once the cause is gone.",
            soft_wrap=True,
        )


def _failure_cells(line: DebtLine) -> list[object]:
    return [line.outcome, line.platform, line.age, line.count, line.remedy, _minute(line.oldest), line.command]


def _held_cells(held: PostponedShares) -> list[object]:
    why = "waits for room or the next run"
    if held.site:
        why = "waits for this store" if is_store(held.site) else "waits for its site"
    return ["postponed", held.site or "", "", held.count, why, _minute(held.oldest), held.command]


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _print_strangers(report: DebtReport) -> None:
    if report.strangers:
        words = strangers_in_words(report.strangers)
        out.print(clean(words, len(words)), soft_wrap=True)


def _print_partitions(report: DebtReport) -> None:
    for line in report.debt.lines:
        heading = f"{line.outcome} {line.platform} {line.age}"
        selection = report.selection_of(line)
        if selection is None:
            selection = "not known, because Dagster has not run in DAGSTER_HOME"
        elif not selection:
            selection = "none: these shares never came to a run"
        print_pages(report.backfills_of(line), of=f" of {heading}")
        # Printed whole, however long, because the selection is there to be copied.
        out.print(clean(f"{heading}: {selection}", len(selection) + len(heading) + 2), soft_wrap=True)
