"""The gate's input and output: limits, figures and the results of its rules, and the windows of the figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from bookmarkai_assets.core.rollout.stages import RolloutState
from bookmarkai_assets.core.rollout.windows import GRID, Window, window_ending

if TYPE_CHECKING:
    from bookmarkai_assets.core.rollout.ports import RecordedVerification


@dataclass(frozen=True)
class GateLimits:
    """The limits that the operator has set.

    `window` is how far back transfers count. `min_sample` is how many good uploads, and downloads, are required.
    `budget_usd` is for a calendar month, None without one.
    """

    window: timedelta
    min_sample: int
    max_failure_percent: float
    max_mean_upload_seconds: float
    max_download_p95_seconds: float
    budget_usd: float | None
    max_verification_age: timedelta

    def __post_init__(self) -> None:
        """Refuse a sample of 0 (`ValueError`): it would promote without a single upload."""
        if self.min_sample < 1:
            raise ValueError(f"expected a sample of at least 1 upload, found {self.min_sample}")


@dataclass(frozen=True)
class GateFigures:
    """What was measured of the present stage, over `window`, which is that of `window_to_judge`.

    `uploads` are the puts of videos and audio tracks to S3 that were not interrupted by us, with the `upload_failures`
    among them; `mean_upload_seconds` is of the good ones. A transcript's files do not count: a handful of shares would
    make a sample.
    `losses_since_verification` counts reads from S3 that found nothing or other bytes, over `window_of_losses`.
    `downloads` are workers' good reads from S3.
    """

    window: Window
    uploads: int
    upload_failures: int
    mean_upload_seconds: float | None
    access_denied: int
    verification: "RecordedVerification | None"
    losses_since_verification: int
    projected_month_usd: float | None
    downloads: int
    download_p95_seconds: float | None


class RuleName(StrEnum):
    """The gate's rules."""

    UPLOAD_FAILURES = "upload_failures"
    MEAN_UPLOAD = "mean_upload"
    ACCESS_DENIED = "access_denied"
    NOTHING_LOST = "nothing_lost"
    COST = "cost"
    DOWNLOAD_P95 = "download_p95"

    @property
    def unit(self) -> str:
        """What follows a figure of the rule when people read it; empty for a count."""
        return _UNITS[self]


_UNITS = {
    RuleName.UPLOAD_FAILURES: "%",
    RuleName.MEAN_UPLOAD: " s",
    RuleName.ACCESS_DENIED: "",
    RuleName.NOTHING_LOST: "",
    RuleName.COST: " USD",
    RuleName.DOWNLOAD_P95: " s",
}


class RuleStatus(StrEnum):
    """The result of one rule; `insufficient` when there is too little to go by."""

    PASS = "pass"  # noqa: S105 - an answer, not a password
    FAIL = "fail"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True)
class RuleResult:
    """One rule's result: the value and the limit, in the rule's own unit, and the sample size. `detail` is in words."""

    rule: RuleName
    status: RuleStatus
    value: float | None
    limit: float | None
    sample: int
    detail: str


def window_to_judge(limits: GateLimits, state: RolloutState, *, now: datetime) -> Window:
    """Return the window whose transfers count: the newest, without anything from before the present stage.

    Otherwise the failures of one stage would also fail the stage that an abort goes back to, down to 0% in two ticks.
    """
    window = window_ending(now, limits.window)
    if state.since is None:
        return window
    return Window(max(window.start, _round_up(state.since, window.end)), window.end)


def window_of_losses(
    limits: GateLimits, state: RolloutState, verification: "RecordedVerification | None", *, now: datetime
) -> Window:
    """Return the window in which no read may have found a loss: since the last verification, within this stage."""
    end = GRID.floor(now)
    moments = (state.since, verification.verified_at if verification else None)
    known = [moment for moment in moments if moment is not None]
    return Window(_round_up(max(known, default=now - limits.max_verification_age), end), end)


def _round_up(moment: datetime, end: datetime) -> datetime:
    """Return the first boundary of the grid from `moment` on, `end` at the latest.

    The five minutes in which `moment` falls belong to what was before it.
    """
    floor = GRID.floor(moment)
    return min(floor if floor == moment else floor + timedelta(seconds=GRID), end)


VERIFY = "bookmarkai storage verify"
CHECK_BUCKET = "bookmarkai storage check --backend s3"

_FIGURES = "bookmarkai metrics --window 1h"

CAUSE_COMMANDS: Mapping[RuleName, str] = {
    RuleName.UPLOAD_FAILURES: _FIGURES,
    RuleName.MEAN_UPLOAD: _FIGURES,
    RuleName.ACCESS_DENIED: CHECK_BUCKET,
    RuleName.NOTHING_LOST: VERIFY,
    RuleName.COST: "bookmarkai rollout plan",
    RuleName.DOWNLOAD_P95: _FIGURES,
}
"""The command that shows the cause of a failing rule."""


def format_length(time: timedelta) -> str:
    """Return a length of time in its two largest units, rounded up to the minute: 3 days 4 hours."""
    minutes = -(-time // timedelta(minutes=1))
    units = [(minutes // 1440, "day"), (minutes // 60 % 24, "hour"), (minutes % 60, "minute")]
    parts = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in units if count]
    return " ".join(parts[:2]) or "0 minutes"
