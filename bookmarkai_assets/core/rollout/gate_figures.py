"""What the gate is told, what its rules answer, and which transfers count: limits, figures, results, windows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bookmarkai_assets.core.rollout.ports import RecordedVerification
from bookmarkai_assets.core.rollout.stages import RolloutState
from bookmarkai_assets.core.rollout.windows import GRID, Window, window_ending


@dataclass(frozen=True)
class GateLimits:
    """What the operator accepts.

    `window` is how far back transfers are looked at, `min_sample` how many good uploads, and downloads, are wanted.
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
        """Refuse a sample of nothing (`ValueError`): it would promote without a single upload."""
        if self.min_sample < 1:
            raise ValueError(f"expected a sample of at least 1 upload, found {self.min_sample}")


@dataclass(frozen=True)
class GateFigures:
    """What was measured, of the present stage alone: `window` is that of `window_to_judge`.

    `uploads` are the puts of videos and audio tracks to S3 that ended by themselves, the `upload_failures` among them;
    `mean_upload_seconds` is of the good ones. A transcript's files are none: a handful of shares would make a sample.
    `losses_since_verification` counts reads from S3 that found nothing or other bytes, over `window_of_losses`.
    `downloads` are workers' good reads from S3.
    """

    window: Window
    uploads: int
    upload_failures: int
    mean_upload_seconds: float | None
    access_denied: int
    verification: RecordedVerification | None
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


class RuleStatus(StrEnum):
    """How the figures stand to one rule."""

    PASS = "pass"  # noqa: S105 - an answer, not a password
    FAIL = "fail"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True)
class RuleResult:
    """One rule's answer: what was measured and allowed, in the rule's own unit, over how many; `detail` is in words."""

    rule: RuleName
    status: RuleStatus
    value: float | None
    limit: float | None
    sample: int
    detail: str


def window_to_judge(limits: GateLimits, state: RolloutState, *, now: datetime) -> Window:
    """Give the window whose transfers count: the newest, and nothing from before the present stage.

    What made a stage fail must not fail the one that an abort goes back to: that would end at 0% in two ticks.
    """
    window = window_ending(now, limits.window)
    if state.since is None:
        return window
    return Window(max(window.start, _on_grid(state.since, window.end)), window.end)


def window_of_losses(
    limits: GateLimits, state: RolloutState, verification: RecordedVerification | None, *, now: datetime
) -> Window:
    """Give the window whose reads must not have lost anything: since the last verification, within this stage."""
    end = GRID.floor(now)
    moments = (state.since, verification.verified_at if verification else None)
    known = [moment for moment in moments if moment is not None]
    return Window(_on_grid(max(known, default=now - limits.max_verification_age), end), end)


def _on_grid(moment: datetime, end: datetime) -> datetime:
    """Give the first boundary from `moment` on: the five minutes that it cuts belong to what was before."""
    floor = GRID.floor(moment)
    return min(floor if floor == moment else floor + timedelta(seconds=GRID), end)


VERIFY = "bookmarkai storage verify"

_FIGURES = "bookmarkai metrics --window 1h"

LOOK_AT: Mapping[RuleName, str] = {
    RuleName.UPLOAD_FAILURES: _FIGURES,
    RuleName.MEAN_UPLOAD: _FIGURES,
    RuleName.ACCESS_DENIED: "bookmarkai storage check --backend s3",
    RuleName.NOTHING_LOST: VERIFY,
    RuleName.COST: "bookmarkai rollout plan",
    RuleName.DOWNLOAD_P95: _FIGURES,
}
"""The command that shows the cause of a failing rule."""


def lasting(time: timedelta) -> str:
    """Write a length of time in its two largest units, rounded up to the minute: 3 days 4 hours."""
    minutes = -(-time // timedelta(minutes=1))
    units = [(minutes // 1440, "day"), (minutes // 60 % 24, "hour"), (minutes % 60, "minute")]
    parts = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in units if count]
    return " ".join(parts[:2]) or "0 minutes"
