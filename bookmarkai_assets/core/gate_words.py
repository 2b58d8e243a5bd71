"""What operators read of the gate wherever it speaks: which command shows a rule's cause, how long something lasts."""

from collections.abc import Mapping
from datetime import timedelta

from bookmarkai_assets.core.gate_figures import RuleName

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
