"""The retry debt: the failures that stand, counted by outcome, platform and age, with the command that retries them.

`failures.ports` finds them in the catalog. `operations/failures/retrying` makes them due again.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bookmarkai_assets.core.links.platforms import Platform, platform_of_link
from bookmarkai_assets.core.outcomes import FAILURES, Outcome


class Age(StrEnum):
    """How long a failure has stood, in ranges that an operator can act on."""

    UNDER_AN_HOUR = "under an hour"
    UNDER_A_DAY = "under a day"
    UNDER_A_WEEK = "under a week"
    OLDER = "older"


_BOUNDS = (
    (timedelta(hours=1), Age.UNDER_AN_HOUR),
    (timedelta(days=1), Age.UNDER_A_DAY),
    (timedelta(weeks=1), Age.UNDER_A_WEEK),
)


@dataclass(frozen=True)
class StandingFailure:
    """A share that failed and has not succeeded since. It is tried again at `retry_at`, or parked when that is None."""

    share_id: str
    url: str
    outcome: Outcome
    failed_at: datetime
    retry_at: datetime | None


@dataclass(frozen=True)
class PostponedShares:
    """Shares that were postponed, which is not a failure, by the site that they wait for.

    `site` is named as by `sites.breaker.site_of`. Shares without one wait for disk space or for the next run.
    """

    site: str | None
    count: int
    oldest: datetime

    @property
    def command(self) -> str:
        """The command that shows why they wait."""
        return "bookmarkai platforms list" if self.site else "bookmarkai doctor"


@dataclass(frozen=True)
class DebtLine:
    """The failures of one outcome, platform and age. `waiting` of them are tried again automatically.

    `share_ids` are in the order in which they were found. `oldest` is when the earliest of them failed.
    """

    outcome: Outcome
    platform: Platform
    age: Age
    share_ids: tuple[str, ...]
    waiting: int
    oldest: datetime

    @property
    def count(self) -> int:
        """How many shares."""
        return len(self.share_ids)

    @property
    def given_up(self) -> int:
        """How many of them are tried again only if a person retries them."""
        return self.count - self.waiting

    @property
    def is_transient(self) -> bool:
        """Whether another attempt can succeed although nothing was changed."""
        return FAILURES[self.outcome].is_transient

    @property
    def next_step(self) -> str:
        """What a person can do about the outcome."""
        return FAILURES[self.outcome].next_step

    @property
    def command(self) -> str:
        """The command that makes them due at once, whatever their age."""
        return f"bookmarkai shares retry --outcome {self.outcome} --platform {self.platform}"

    @property
    def remedy(self) -> str:
        """Whether another attempt can help, in words."""
        if self.waiting == self.count:
            return "tried again by itself"
        if self.is_transient:
            some = f"{self.given_up} may heal by a retry, the rest by itself"
            return some if self.waiting else "may heal by a retry"
        return "only once the cause is gone"


@dataclass(frozen=True)
class Debt:
    """The whole debt, the largest line first, and beside it the shares that were postponed."""

    lines: tuple[DebtLine, ...]
    postponed: tuple[PostponedShares, ...]

    @property
    def total(self) -> int:
        """How many failures stand."""
        return sum(line.count for line in self.lines)

    @property
    def transient(self) -> int:
        """How many of them another attempt can resolve."""
        return sum(line.count for line in self.lines if line.is_transient)

    @property
    def terminal(self) -> int:
        """How many of them need their cause removed first."""
        return self.total - self.transient

    @property
    def waiting(self) -> int:
        """How many of them are tried again automatically."""
        return sum(line.waiting for line in self.lines)

    @property
    def put_off(self) -> int:
        """How many shares were postponed."""
        return sum(shares.count for shares in self.postponed)

    @property
    def oldest(self) -> datetime | None:
        """When the oldest failure that stands happened."""
        return min((line.oldest for line in self.lines), default=None)


def debt_of(failures: Iterable[StandingFailure], postponed: Iterable[PostponedShares], *, now: datetime) -> Debt:
    """Group failures by outcome, platform and age."""
    groups: dict[tuple[Outcome, Platform, Age], list[StandingFailure]] = defaultdict(list)
    for failure in failures:
        groups[failure.outcome, platform_of_link(failure.url), age_of(failure.failed_at, now=now)].append(failure)
    lines = [
        DebtLine(
            outcome=outcome,
            platform=platform,
            age=age,
            share_ids=tuple(failure.share_id for failure in group),
            waiting=sum(failure.retry_at is not None for failure in group),
            oldest=min(failure.failed_at for failure in group),
        )
        for (outcome, platform, age), group in groups.items()
    ]
    lines.sort(key=lambda line: (-line.count, line.outcome, line.platform, line.oldest))
    return Debt(tuple(lines), tuple(sorted(postponed, key=lambda shares: (-shares.count, shares.site or ""))))


def age_of(moment: datetime, *, now: datetime) -> Age:
    """Return how long ago a moment was. A moment in the future, written by a faster clock, counts as just now."""
    return next((age for bound, age in _BOUNDS if now - moment < bound), Age.OLDER)
