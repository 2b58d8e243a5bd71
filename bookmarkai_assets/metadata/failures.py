"""The metadata of `retry_debt`."""

import dagster as dg

from bookmarkai_assets.batches import RunMetadata
from bookmarkai_assets.core.shares.strange_partitions import strangers_in_words
from bookmarkai_assets.metadata.tables import MAX_ROWS, backfill_links, cap_selection, markdown_table
from bookmarkai_assets.operations.failures.debt import DebtReport

_ALL = "bookmarkai shares debt --partitions"


def debt_metadata(report: DebtReport) -> RunMetadata:
    """Return the metadata of the failures that stand."""
    debt = report.debt
    rows = [
        (
            line.outcome,
            line.platform,
            line.age,
            line.count,
            line.remedy,
            f"`{line.command}`",
            backfill_links(report.backfills_of(line), _ALL) if number < MAX_ROWS else f"`{_ALL}`",
        )
        for number, line in enumerate(debt.lines)
    ] + [
        ("postponed", held.site or "", "", held.count, "put off, not failed", f"`{held.command}`", "")
        for held in debt.postponed
    ]
    oldest_seconds = (report.at - debt.oldest).total_seconds() if debt.oldest else 0
    return {
        "total": debt.total,
        "transient": debt.transient,
        "terminal": debt.terminal,
        "waiting": debt.waiting,
        "oldest_hours": round(oldest_seconds / 3600, 1),
        "put_off": debt.put_off,
        "failures": dg.MetadataValue.md(
            markdown_table(["outcome", "platform", "age", "shares", "heals", "what to do", "backfill"], rows)
            if rows
            else "No share has failed, and none is put off."
        ),
        "partitions": dg.MetadataValue.json(
            {
                f"{line.outcome} {line.platform} {line.age}": cap_selection(report.selection_of(line) or "", _ALL)
                for line in debt.lines[:MAX_ROWS]
            }
        ),
        "not_shares": strangers_in_words(report.strangers) if report.strangers else "",
    }
