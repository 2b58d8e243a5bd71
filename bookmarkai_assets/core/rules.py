"""The operator's settings as plain values. Operations are given these and do not read the environment."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bookmarkai_assets.core.downloads.ports import DownloadLimits
from bookmarkai_assets.core.failures.retries import RetryPolicy
from bookmarkai_assets.core.history import HistoryRules
from bookmarkai_assets.core.links.urls import HostPort
from bookmarkai_assets.core.media.placement import Backend, StoragePolicy
from bookmarkai_assets.core.media.retention import RetentionPolicy
from bookmarkai_assets.core.rollout.gate_figures import GateLimits
from bookmarkai_assets.core.rollout.stages import RolloutPlan
from bookmarkai_assets.core.sites.breaker import SiteRules

if TYPE_CHECKING:
    from bookmarkai_assets.core.rollout.costs import PriceTable


@dataclass(frozen=True)
class PipelineRules:
    """Everything an operator decides about the work on shares and about the rollout.

    `storage` is what the settings say. The policy in force comes from `operations.rollout.current_policy`.
    `staging_dir` holds downloads in progress. It is on the file system of the local media, so a put is a rename. While
    less than `min_free_bytes` is free there, no work on shares begins. `stores` are the settings of stores' breakers.
    `door_url` is where people open the pages of the HTTP door, None without one. `patience_seconds` is the least time
    that the shares of a run wait for a download after the others have ended. `upload_prefix` is what the keys of
    uploads begin with. A run that has given no sign of life `worker_start_seconds` after its launch is dead.
    """

    storage: StoragePolicy
    video_prefix: str
    staging_dir: Path
    limits: DownloadLimits
    patience_seconds: float
    download_concurrency: int
    speech_concurrency: int
    sites: SiteRules
    stores: SiteRules
    min_free_bytes: int
    allowed_hosts: frozenset[HostPort]
    language: str | None
    retry: RetryPolicy
    retention: RetentionPolicy
    history: HistoryRules
    rollout: RolloutPlan
    gate: GateLimits
    prices: "PriceTable"
    lease_seconds: float
    watch_seconds: float
    worker_start_seconds: float
    batch_size: int
    batches_per_tick: int
    door_url: str | None = None
    upload_prefix: str = "temp/uploads/"

    def prefix_on(self, backend: Backend) -> str:
        """Return the prefix of our keys on a backend. A bucket may be shared, the local directory is ours alone."""
        return self.video_prefix if backend.is_remote else ""
