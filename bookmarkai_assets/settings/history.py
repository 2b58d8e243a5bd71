"""Settings for records of the past: how long Dagster's runs and partitions, and single transfers, are kept."""

from pydantic import Field

from bookmarkai_assets.settings.types import SettingsPart


class HistorySettings(SettingsPart):
    """The settings of `dagster_retention`."""

    dagster_retention_run_days: int = Field(
        90,
        ge=0,
        le=3650,
        description="Days to keep Dagster's runs with their events and logs; what shows the latest of an asset or "
        "a partition stays; 0 means forever",
    )
    dagster_retention_partition_days: int = Field(
        0,
        ge=0,
        le=3650,
        description="Days until the partition of a share that is done leaves Dagster's lists; 0 means never",
    )
    storage_event_retention_days: int = Field(
        0,
        ge=0,
        le=3650,
        description="Days to keep each single transfer (storage_events); all metrics, the gate and the costs are made "
        "from totals, which stay; 0 means forever",
    )
