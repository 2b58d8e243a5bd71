"""The sentences and numbers that the rollout's commands print."""

from collections.abc import Callable
from datetime import UTC, datetime

from bookmarkai_assets.core.rollout.costs import PriceTable
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


def format_moment(at: datetime) -> str:
    """Return a moment to the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def format_window(window: Window) -> str:
    """Return a window as its two ends, to the minute, in UTC."""
    return f"{window.start.astimezone(UTC):%Y-%m-%d %H:%M} to {format_moment(window.end)}"


def format_or_dash(value: float | None, form: Callable[[float], str]) -> str:
    """Return a number in a form, or a dash for None."""
    return NOTHING_MEASURED if value is None else form(value)


def format_seconds(value: float) -> str:
    """Return seconds with as many places as mean something."""
    return f"{value:,.1f}" if value >= 10 else f"{value:.3f}"  # noqa: PLR2004 - where milliseconds cease to matter


def format_usd(value: float) -> str:
    """Return an amount in US dollars: to the cent, and below one dollar to a hundredth of a cent."""
    return f"{value:,.2f}" if value >= 1 else f"{value:.4f}"


def format_percent(value: float) -> str:
    """Return a percentage to four significant digits."""
    return f"{value:.4g}%"


def describe_prices(prices: PriceTable) -> str:
    """Return where a price table is from, its date and its region."""
    return f"{prices.source}, of {prices.as_of}, region {prices.region}"
