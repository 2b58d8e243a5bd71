"""Report the retry debt as it is now, for people and programs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.failures.debt import Debt, DebtLine, PostponedShares, debt_of
from bookmarkai_assets.core.shares.dagster_ui import BackfillLink, DagsterUI
from bookmarkai_assets.core.shares.partition_selections import partition_selection


@dataclass(frozen=True)
class DebtReport:
    """The debt at one moment. `partitions` are Dagster's partition keys in its order, None if Dagster has not run.

    `strangers` are the partitions that are no share. `ui` makes the links to backfills.
    """

    at: datetime
    debt: Debt
    partitions: Sequence[str] | None
    strangers: Sequence[str] = ()
    ui: DagsterUI = field(default_factory=DagsterUI)

    def selection_of(self, line: DebtLine) -> str | None:
        """Return a line's shares as a partition selection: "" if none has a partition, None if Dagster has not run."""
        return None if self.partitions is None else partition_selection(line.share_ids, self.partitions)

    def backfills_of(self, line: DebtLine) -> list[BackfillLink]:
        """Return the pages from which a backfill takes a line's shares; none if none of them has a partition."""
        return self.ui.backfills(line.share_ids, self.partitions or ())

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: times in ISO 8601, outcomes, platforms and ages by their values."""
        debt = self.debt
        return {
            "at": self.at.isoformat(),
            "total": debt.total,
            "transient": debt.transient,
            "terminal": debt.terminal,
            "waiting": debt.waiting,
            "put_off": debt.put_off,
            "failures": [self._line(line) for line in debt.lines],
            "held": [_postponed_as_dict(shares) for shares in debt.postponed],
            "not_shares": list(self.strangers),
        }

    def _line(self, line: DebtLine) -> dict[str, Any]:
        return {
            "outcome": line.outcome.value,
            "platform": line.platform.value,
            "age": line.age.value,
            "count": line.count,
            "is_transient": line.is_transient,
            "waiting": line.waiting,
            "given_up": line.given_up,
            "remedy": line.remedy,
            "next_step": line.next_step,
            "oldest": line.oldest.isoformat(),
            "command": line.command,
            "partitions": self.selection_of(line),
            "backfills": [{"url": page.url, "partitions": page.count} for page in self.backfills_of(line)],
        }


def debt_report(
    catalog: Catalog, *, now: datetime, partitions: Sequence[str] | None, ui: DagsterUI | None = None
) -> DebtReport:
    """Read every failure that stands, and which of Dagster's partitions are no share."""
    return DebtReport(
        now, retry_debt(catalog, now=now), partitions, catalog.shares.without_row(partitions or ()), ui or DagsterUI()
    )


def retry_debt(catalog: Catalog, *, now: datetime) -> Debt:
    """Read every failure that stands and add them up."""
    return debt_of(catalog.failures.standing(), catalog.failures.waiting(), now=now)


def _postponed_as_dict(shares: PostponedShares) -> dict[str, Any]:
    return {"site": shares.site, "count": shares.count, "oldest": shares.oldest.isoformat(), "command": shares.command}
