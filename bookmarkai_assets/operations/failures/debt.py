"""The retry debt as it is now, for people and programs that ask."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.failures.debt import Debt, debt_of
from bookmarkai_assets.core.shares.partition_selections import partition_selection


def retry_debt(catalog: Catalog, *, now: datetime) -> Debt:
    """Read every failure that stands, and add them up."""
    return debt_of(catalog.failures.standing(), catalog.failures.held(), now=now)


def debt_report(debt: Debt, partitions: Sequence[str] | None, *, now: datetime) -> dict[str, Any]:
    """Give the debt as plain values. `partitions` are Dagster's keys in its order, None where it has not run."""
    return {
        "at": now.isoformat(),
        "total": debt.total,
        "transient": debt.transient,
        "terminal": debt.total - debt.transient,
        "waiting": debt.waiting,
        "put_off": debt.put_off,
        "failures": [
            {
                "outcome": line.outcome.value,
                "platform": line.platform.value,
                "age": line.age.value,
                "count": line.count,
                "is_transient": line.is_transient,
                "waiting": line.waiting,
                "given_up": line.count - line.waiting,
                "remedy": line.remedy,
                "next_step": line.next_step,
                "oldest": line.oldest.isoformat(),
                "command": line.command,
                "partitions": None if partitions is None else partition_selection(line.share_ids, partitions),
            }
            for line in debt.lines
        ],
        "held": [
            {
                "site": held.site,
                "count": held.count,
                "oldest": held.oldest.isoformat(),
                "command": "bookmarkai platforms list" if held.site else "bookmarkai doctor",
            }
            for held in debt.held
        ],
    }
