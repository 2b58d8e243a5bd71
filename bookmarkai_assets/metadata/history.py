"""The metadata of dagster_retention."""

import dagster as dg

from bookmarkai_assets.batches import RunMetadata
from bookmarkai_assets.core.text import format_size
from bookmarkai_assets.operations.history import HistoryReport


def history_metadata(report: HistoryReport) -> RunMetadata:
    """Return the metadata of one pruning: what was removed, and what was kept and why."""
    return {
        "runs": report.runs,
        "partitions": report.partitions,
        "events": report.events,
        "freed": format_size(report.freed_bytes),
        "freed_bytes": report.freed_bytes,
        "kept_runs": dg.MetadataValue.json({why.value: count for why, count in report.kept_runs.items()}),
        "kept_partitions": dg.MetadataValue.json({why.value: count for why, count in report.kept_partitions.items()}),
        "is_complete": report.is_complete,
    }
