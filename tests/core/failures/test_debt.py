"""The retry debt: how failures are added up, and what each line says."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from bookmarkai_assets.core.failures.debt import Age, PostponedShares, StandingFailure, age_of, debt_of
from bookmarkai_assets.core.links.platforms import Platform
from bookmarkai_assets.core.outcomes import FAILURES, Outcome

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
TIKTOK = "https://vm.tiktok.com/ZM1"
_numbers = itertools.count()


def failure(
    outcome: Outcome = Outcome.BLOCKED, *, url: str = TIKTOK, hours: float = 0.5, retry_in: float | None = None
) -> StandingFailure:
    """Return a share that failed so many hours ago and was given up, or is tried again in so many hours."""
    retry_at = None if retry_in is None else NOW + timedelta(hours=retry_in)
    return StandingFailure(f"share-{next(_numbers)}", url, outcome, NOW - timedelta(hours=hours), retry_at)


def test_nothing_is_no_debt() -> None:
    """Without a failure there is no line, no sum and no oldest."""
    debt = debt_of([], [], now=NOW)
    assert (debt.lines, debt.total, debt.transient, debt.waiting, debt.put_off, debt.oldest) == ((), 0, 0, 0, 0, None)


def test_failures_are_added_up_by_outcome_platform_and_age() -> None:
    """The largest group is first, and each has its shares in the order found and the time of its first failure."""
    old, new = failure(hours=3), failure(hours=2)
    debt = debt_of(
        [failure(Outcome.GONE, hours=200), old, new, failure(url="https://example.com/v", hours=3), failure(hours=0.2)],
        [PostponedShares("x", 2, NOW), PostponedShares(None, 9, NOW)],
        now=NOW,
    )
    assert [(line.outcome, line.platform, line.age, line.count) for line in debt.lines] == [
        (Outcome.BLOCKED, Platform.TIKTOK, Age.UNDER_A_DAY, 2),
        (Outcome.BLOCKED, Platform.GENERIC, Age.UNDER_A_DAY, 1),
        (Outcome.BLOCKED, Platform.TIKTOK, Age.UNDER_AN_HOUR, 1),
        (Outcome.GONE, Platform.TIKTOK, Age.OLDER, 1),
    ]
    assert debt.lines[0].share_ids == (old.share_id, new.share_id)
    assert debt.lines[0].oldest == old.failed_at
    assert (debt.total, debt.transient, debt.put_off) == (5, 4, 11)
    assert debt.oldest == NOW - timedelta(hours=200)
    assert [one.site for one in debt.postponed] == [None, "x"]


@pytest.mark.parametrize(
    ("failures", "remedy"),
    [
        ([failure(retry_in=1)], "tried again by itself"),
        ([failure()], "may heal by a retry"),
        ([failure(), failure(), failure(retry_in=1)], "2 may heal by a retry, the rest by itself"),
        ([failure(Outcome.GONE)], "only once the cause is gone"),
    ],
)
def test_a_line_says_whether_time_heals_it(failures: list[StandingFailure], remedy: str) -> None:
    """A waiting share is tried again by itself, a parked one by a person, and a terminal one only after a change."""
    [line] = debt_of(failures, [], now=NOW).lines
    assert line.remedy == remedy
    assert line.next_step == FAILURES[line.outcome].next_step
    assert line.command == f"bookmarkai shares retry --outcome {line.outcome} --platform tiktok"


@pytest.mark.parametrize(
    ("hours", "age"),
    [
        (-1, Age.UNDER_AN_HOUR),
        (0.99, Age.UNDER_AN_HOUR),
        (1, Age.UNDER_A_DAY),
        (24, Age.UNDER_A_WEEK),
        (167.9, Age.UNDER_A_WEEK),
        (168, Age.OLDER),
    ],
)
def test_ages_have_bounds(hours: float, age: Age) -> None:
    """A bound belongs to the older side, and a time ahead of the clock counts as now."""
    assert age_of(NOW - timedelta(hours=hours), now=NOW) is age
