"""What the failures' page shows: the retry debt, with the command and the backfill for each line of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from bookmarkai_assets.core.failures.debt import DebtLine, PostponedShares
from bookmarkai_assets.core.shares.strange_partitions import strangers_in_words
from bookmarkai_assets.core.sites.stores import is_store
from bookmarkai_assets.door.pages.views.common import REASON_CHARACTERS, Fact, Target, Words, prose, shown
from bookmarkai_assets.door.pages.views.library import in_words
from bookmarkai_assets.operations.failures.debt import DebtReport

MAX_BACKFILLS = 3
"""The most links to the backfills of one line. Each may have an address of 4,000 characters."""


@dataclass(frozen=True)
class FailureLine:
    """The failures of one outcome, platform and age. `list_path` leads to these shares in the library."""

    outcome: str
    platform: str
    age: str
    count: str
    remedy: str
    tone: str
    next_step: Sequence[Words]
    command: str
    list_path: str
    backfills: Sequence[Target]


@dataclass(frozen=True)
class PostponedLine:
    """Shares that wait for the same thing."""

    waits_for: str
    count: str
    oldest: datetime
    command: str


@dataclass(frozen=True)
class FailuresView:
    """The failures' page."""

    figures: Sequence[Fact]
    lines: Sequence[FailureLine]
    postponed: Sequence[PostponedLine]
    strangers: str


def failures_view(report: DebtReport) -> FailuresView:
    """Return the page."""
    debt = report.debt
    return FailuresView(
        figures=[
            Fact("Failed", Target(f"{debt.total:,}")),
            Fact("Tried again by themselves", Target(f"{debt.waiting:,}")),
            Fact("May heal by a retry", Target(f"{debt.transient:,}")),
            Fact("Need their cause removed", Target(f"{debt.terminal:,}")),
            Fact("Put off", Target(f"{debt.put_off:,}")),
        ],
        lines=[_line(line, report) for line in debt.lines],
        postponed=[_postponed(held) for held in debt.postponed],
        strangers=shown(strangers_in_words(report.strangers), REASON_CHARACTERS) if report.strangers else "",
    )


def _line(line: DebtLine, report: DebtReport) -> FailureLine:
    restricted = urlencode({"platform": line.platform.value, "outcome": line.outcome.value})
    return FailureLine(
        outcome=in_words(line.outcome),
        platform=line.platform.value,
        age=line.age.value,
        count=f"{line.count:,}",
        remedy=line.remedy,
        tone="warn" if line.is_transient or line.waiting else "bad",
        next_step=prose(line.next_step),
        command=line.command,
        list_path=f"/?{restricted}",
        backfills=[
            Target(f"Backfill of {page.count:,}", page.url) for page in report.backfills_of(line)[:MAX_BACKFILLS]
        ],
    )


def _postponed(held: PostponedShares) -> PostponedLine:
    waits_for = "room, or the next run"
    if held.site:
        waits_for = f"the store {shown(held.site, 80)}" if is_store(held.site) else shown(held.site, 80)
    return PostponedLine(waits_for, f"{held.count:,}", held.oldest, held.command)
