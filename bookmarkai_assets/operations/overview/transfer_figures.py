"""The figures of all transfers over one window, what is stored, and what this month costs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import StoredMedia
from bookmarkai_assets.core.media.transfers import TransferUnderWay, under_way_as_dict
from bookmarkai_assets.core.rollout.costs import MonthCost
from bookmarkai_assets.core.rollout.metrics import Latency, WindowMetrics, target_percentage
from bookmarkai_assets.core.rollout.policy import EffectivePolicy
from bookmarkai_assets.core.rollout.windows import WINDOWS, window_ending
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.rollout.current_policy import read_effective_policy
from bookmarkai_assets.operations.rollout.json_forms import cost_as_dict, prices_as_dict, window_as_dict
from bookmarkai_assets.operations.rollout.measuring import catch_up, read_metrics, read_month_cost


@dataclass(frozen=True)
class TransferFigures:
    """The figures of a window that ends now, and this month's cost.

    `effective` is the policy in force, `under_way` the transfers that have not ended.
    """

    name: str
    rules: PipelineRules
    has_bucket: bool
    metrics: WindowMetrics
    cost: MonthCost
    stored: Mapping[Backend, StoredMedia]
    effective: EffectivePolicy
    under_way: Sequence[TransferUnderWay]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: seconds, bytes, percentages from 0 to 100, USD."""
        found, cost, configured = self.metrics, self.cost, self.rules.storage
        return {
            "window": {"name": self.name, **window_as_dict(found.window)},
            "total_requests": found.total_requests,
            "s3_uploads": found.s3_uploads,
            "s3_upload_errors": found.s3_upload_errors,
            "success_rate": found.success_rate,
            "s3_storage": found.s3_storage,
            "local_storage": found.local_storage,
            "s3_upload_rate": found.s3_upload_rate,
            "upload_seconds": _latency_as_dict(found.upload),
            "download_seconds": _latency_as_dict(found.download),
            "errors_by_class": dict(found.errors_by_class),
            "error_rate": found.error_rate,
            "interrupted": found.interrupted,
            "under_way": under_way_as_dict(self.under_way),
            "objects_put": dict(found.objects_put),
            "bytes_put": dict(found.bytes_put),
            "bytes_got": dict(found.bytes_got),
            "stored": {backend: asdict(stored) for backend, stored in self.stored.items()},
            "storage_mode": configured.mode.value,
            "effective_mode": self.effective.policy.mode.value,
            "split_percentage": target_percentage(self.effective.policy),
            "is_shadow": self.effective.policy.is_shadow,
            "decision_id": self.effective.policy.decision_id,
            "s3_configured": self.has_bucket,
            "cost_usd": {
                "storage": cost.to_date.storage,
                "requests": cost.to_date.requests,
                "transfer": cost.to_date.transfer,
                "to_date": cost.to_date.total,
                "projected_month": cost.projected.total,
                "projected": cost_as_dict(cost.projected),
                "prices": prices_as_dict(self.rules.prices),
            },
        }


def read_figures(
    catalog: Catalog, rules: PipelineRules, *, name: str, has_bucket: bool, now: datetime
) -> TransferFigures:
    """Add up what was recorded since the last time, and read the figures of the window with this name of `WINDOWS`."""
    catch_up(catalog)
    return TransferFigures(
        name=name,
        rules=rules,
        has_bucket=has_bucket,
        metrics=read_metrics(catalog, window_ending(now, WINDOWS[name])),
        cost=read_month_cost(catalog, rules, now=now),
        stored=catalog.media.stored_totals(),
        effective=read_effective_policy(catalog, rules),
        under_way=catalog.transfers.under_way(now=now),
    )


def _latency_as_dict(latency: Latency) -> dict[str, float | None]:
    return {
        "mean": latency.mean,
        "p50": latency.p50,
        "p95": latency.p95,
        "p99": latency.p99,
        "count": latency.count,
    }
