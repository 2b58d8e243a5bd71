"""The partitions definitions: one partition per share, and one per day for measurements."""

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import dagster as dg
from typing_extensions import override

_keys_of_ranges: WeakKeyDictionary[dg.DagsterInstance, dict[dg.PartitionKeyRange, Sequence[str]]] = WeakKeyDictionary()


class SharePartitions(dg.DynamicPartitionsDefinition):
    """One partition per share, in the order in which they were added.

    For each output, check and metadata of a run, Dagster asks for the run's partitions and reads all shares to find
    them. Here it reads them once per instance and range. That is correct because later shares come after every range.
    """

    @override
    def get_partition_keys_in_range(self, partition_key_range: dg.PartitionKeyRange) -> Sequence[str]:
        with dg.partition_loading_context() as loading:
            instance = loading.dynamic_partitions_store
        if not isinstance(instance, dg.DagsterInstance):
            return super().get_partition_keys_in_range(partition_key_range)
        known = _keys_of_ranges.setdefault(instance, {})
        if partition_key_range not in known:
            known[partition_key_range] = super().get_partition_keys_in_range(partition_key_range)
        return known[partition_key_range]


shares_partitions = SharePartitions(name="shares")
"""The key is a share's id, which is always a UUID and never a title or a URL."""

days_partitions = dg.DailyPartitionsDefinition(start_date="2026-01-01", timezone="UTC", end_offset=1)
"""The key is a UTC day, such as 2026-03-01, from before anything was measured up to and including today."""
