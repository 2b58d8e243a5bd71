"""Report the retry debt as it is now, for people and programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.failures.debt import Debt, DebtLine, PostponedShares, debt_of
from bookmarkai_assets.core.shares.partition_selections import partition_selection


@dataclass(frozen=True)
class DebtReport:
    """The debt at one moment. `partitions` are Dagster's partition keys in its order, None if Dagster has not run."""

    at: datetime
    debt: Debt
    partitions: Sequence[str] | None

    def selection_of(self, line: DebtLine) -> str | None:
        """Return a line's shares as a partition selection: "" if none has a partition, None if Dagster has not run."""
        return None if self.partitions is None else partition_selection(line.share_ids, self.partitions)

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
        }


def retry_debt(catalog: Catalog, *, now: datetime) -> Debt:
    """Read every failure that stands and add them up."""
    return debt_of(catalog.failures.standing(), catalog.failures.waiting(), now=now)


def _postponed_as_dict(shares: PostponedShares) -> dict[str, Any]:
    return {"site": shares.site, "count": shares.count, "oldest": shares.oldest.isoformat(), "command": shares.command}
