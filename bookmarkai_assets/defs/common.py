"""What the three assets have in common."""

import warnings
from enum import StrEnum
from typing import TypedDict

import dagster as dg

from bookmarkai_assets.dagster_internals import queue_tags
from bookmarkai_assets.partitions import shares_partitions

# Known and accepted: Dagster's version is pinned, and every run's log would begin with this.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)

MAX_PARTITIONS_PER_RUN = 10
"""Of a backfill from the UI: enough to spread a run's start-up, few enough to spread a backfill over the runs."""


VIDEO_OF_THE_LINK = dg.DataVersion("the video of the link")
"""The data version of a video that was fetched or stored, always: another fetch or another place makes no transcript
stale (docs/adr/0020)."""


UPKEEP_TAG = "bookmarkai/upkeep"
"""Marks the jobs that look after what is there. `dagster.yaml` lets one of them run at a time."""


def upkeep_tags(*, max_runtime_hours: int) -> dict[str, str]:
    """Return the tags of a job of upkeep, which is ended when it takes too long."""
    return {UPKEEP_TAG: "true", **queue_tags(max_runtime_seconds=max_runtime_hours * 3600)}


class AutomationTag(StrEnum):
    """The value of the tag `bookmarkai/does`, which says what a schedule or a sensor is for."""

    MEASURE = "measure"
    CLEAN_UP = "clean-up"
    VERIFY = "verify"
    TELL = "tell"
    TAKE_IN = "take-in"

    @property
    def tags(self) -> dict[str, str]:
        """The tag, as Dagster takes tags."""
        return {"bookmarkai/does": self.value}


def looks_at(asset: dg.AssetKey | dg.AssetsDefinition) -> dg.AssetDep:
    """Return the edge to an asset that is looked at as a whole, and none of whose partitions in particular.

    Every other mapping has Dagster read the keys of all partitions, for each run and each page.
    """
    return dg.AssetDep(asset, partition_mapping=dg.SpecificPartitionsPartitionMapping(partition_keys=[]))


class _Common(TypedDict):
    partitions_def: dg.DynamicPartitionsDefinition
    backfill_policy: dg.BackfillPolicy
    group_name: str
    owners: list[str]


SHARE_ASSET: _Common = {
    "partitions_def": shares_partitions,
    "backfill_policy": dg.BackfillPolicy.multi_run(MAX_PARTITIONS_PER_RUN),
    "group_name": "media",
    "owners": ["team:media-pipeline"],
}
"""What the assets of a share have in common. A share's run materializes every asset of the group."""


class _CommonOfOthers(TypedDict):
    group_name: str
    owners: list[str]


STORAGE_ASSET: _CommonOfOthers = {"group_name": "storage", "owners": ["team:media-pipeline"]}
"""What the assets about the stores as a whole have in common."""

ROLLOUT_ASSET: _CommonOfOthers = {"group_name": "rollout", "owners": ["team:media-pipeline"]}
"""What the assets about the rollout have in common."""

DEBT_ASSET: _CommonOfOthers = {"group_name": "failures", "owners": ["team:media-pipeline"]}
"""What the asset about the shares that failed has beside its own."""
