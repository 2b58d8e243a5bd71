"""The one partitions definition. The key is a share's id: always a UUID, never a title or a URL."""

import dagster as dg

shares_partitions = dg.DynamicPartitionsDefinition(name="shares")
