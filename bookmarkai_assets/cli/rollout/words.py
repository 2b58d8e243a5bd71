"""What people read of the rollout: which policy counts and why, numbers with units. Nothing is decided here."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bookmarkai_assets.core.media.placement import StorageMode, StoragePolicy
from bookmarkai_assets.core.rollout.costs import Cost, PriceTable
from bookmarkai_assets.core.rollout.stages import Decision
from bookmarkai_assets.core.rollout.windows import Window

NOTHING_MEASURED = "-"


def why(configured: StoragePolicy, decision: Decision | None) -> str:
    """Say which rule of `core.rollout.stages.effective_policy` made the policy that counts. `decision` as there."""
    if configured.mode is StorageMode.LOCAL:
        return "STORAGE_MODE=local in the settings: everything local, whatever the rollout says"
    if decision is not None and decision.is_rolled_back:
        return f"rolled back (decision {decision.decision_id}): everything local, whatever the stage and STORAGE_MODE"
    if configured.mode is StorageMode.S3:
        return "STORAGE_MODE=s3 in the settings: everything to S3, whatever the stage; only a rollback counts more"
    if decision is None or decision.stage is None:
        return f"S3_SPLIT_PERCENTAGE={configured.s3_percentage} in the settings: the rollout has no stage yet"
    return f"STORAGE_MODE=hybrid in the settings, and the rollout's stage {decision.stage} {taken(decision)}"


def taken(decision: Decision) -> str:
    """Say which decision it is and whose."""
    return f"(decision {decision.decision_id}: {decision.action} by {decision.who}, {moment(decision.decided_at)})"


def moment(at: datetime) -> str:
    """Write a moment to the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def stretch(window: Window) -> str:
    """Write a window."""
    return f"{window.start.astimezone(UTC):%Y-%m-%d %H:%M} to {moment(window.end)}"


def amount(value: float | None, form: Callable[[float], str]) -> str:
    """Write a number, or that there is none."""
    return NOTHING_MEASURED if value is None else form(value)


def seconds(value: float) -> str:
    """Write seconds with as many places as say something."""
    return f"{value:,.1f}" if value >= 10 else f"{value:.3f}"  # noqa: PLR2004 - where milliseconds cease to matter


def usd(value: float) -> str:
    """Write a sum in US dollars; hundredths of a cent below one dollar, where requests are paid."""
    return f"{value:,.2f}" if value >= 1 else f"{value:.4f}"


def percent(value: float) -> str:
    """Write a percentage."""
    return f"{value:.4g}%"


def prices_named(prices: PriceTable) -> str:
    """Name a price table: where it is from and when it was true."""
    return f"{prices.source}, of {prices.as_of}, region {prices.region}"


def cost_as_dict(cost: Cost) -> dict[str, float]:
    """Give a cost as plain values, in USD."""
    return {"storage": cost.storage, "requests": cost.requests, "transfer": cost.transfer, "total": cost.total}


def prices_as_dict(prices: PriceTable) -> dict[str, Any]:
    """Give a price table as plain values."""
    return {
        "source": prices.source,
        "as_of": prices.as_of.isoformat(),
        "region": prices.region,
        "currency": prices.currency,
        "storage_gb_month": prices.storage_gb_month,
        "put_per_1000": prices.put_per_1000,
        "get_per_1000": prices.get_per_1000,
        "transfer_out_gb": prices.transfer_out_gb,
        "note": prices.note,
    }


def window_as_dict(window: Window) -> dict[str, str]:
    """Give a window as plain values; it ends before `end`."""
    return {"start": window.start.isoformat(), "end": window.end.isoformat()}
