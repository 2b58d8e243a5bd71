"""The partitions definitions: one partition per share, and one per day for measurements."""

import dagster as dg

from bookmarkai_assets.core.shares.partition_selections import SHARE_PARTITIONS
from bookmarkai_assets.dagster_internals import PartitionsReadOnce

shares_partitions = PartitionsReadOnce(name=SHARE_PARTITIONS)
"""The key is a share's id, which is always a UUID and never a title or a URL. Keys are in the order of adding."""

days_partitions = dg.DailyPartitionsDefinition(start_date="2026-01-01", timezone="UTC", end_offset=1)
"""The key is a UTC day, such as 2026-03-01, from before anything was measured up to and including today."""
