"""The sentences, numbers and JSON values that the rollout's commands print."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bookmarkai_assets.core.rollout.costs import Cost, PriceTable
from bookmarkai_assets.core.rollout.policy import EffectivePolicy, PolicySource
from bookmarkai_assets.core.rollout.windows import Window

NOTHING_MEASURED = "-"


def describe_effect(effective: EffectivePolicy) -> str:
    """Return what a decision that was just recorded does. `effective` is the policy that follows from it here."""
    match effective.source:
        case PolicySource.SETTINGS_LOCAL:
            return "recorded, without effect: STORAGE_MODE=local keeps everything local"
        case PolicySource.SETTINGS_S3:
            return "recorded, without effect until STORAGE_MODE is hybrid: STORAGE_MODE=s3 sends everything new to S3"
        case PolicySource.SETTINGS_PERCENTAGE:
            counts = "S3_SPLIT_PERCENTAGE, until the rollout begins"
            return f"{effective.policy.effect}, from the next placement on ({counts})"
        case PolicySource.STAGE if effective.policy.is_shadow:
            return effective.policy.effect
        case PolicySource.STAGE | PolicySource.ROLLBACK:
            return f"{effective.policy.effect}, from the next placement on"


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
