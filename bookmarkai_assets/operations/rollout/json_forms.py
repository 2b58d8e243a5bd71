"""The rollout's figures as JSON values, for commands and for the HTTP door."""

from typing import Any

from bookmarkai_assets.core.rollout.costs import Cost, PriceTable
from bookmarkai_assets.core.rollout.windows import Window


def cost_as_dict(cost: Cost) -> dict[str, float]:
    """Return a cost as JSON values, in USD."""
    return {"storage": cost.storage, "requests": cost.requests, "transfer": cost.transfer, "total": cost.total}


def prices_as_dict(prices: PriceTable) -> dict[str, Any]:
    """Return a price table as JSON values."""
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
    """Return a window as JSON values. `end` is not part of it."""
    return {"start": window.start.isoformat(), "end": window.end.isoformat()}
