"""Settings for Dagster's own records: how long its runs and the partitions of old shares are kept."""

from pydantic import Field

from bookmarkai_assets.settings.types import SettingsPart


class HistorySettings(SettingsPart):
    """The settings of `dagster_retention`. Nothing in the catalog goes by them."""

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
