"""The metadata of clean-up and verification."""

from itertools import islice

import dagster as dg

from bookmarkai_assets.batches import RunMetadata
from bookmarkai_assets.core.text import format_size
from bookmarkai_assets.metadata.entries import without_empty
from bookmarkai_assets.metadata.keys import FINDING_COLUMNS
from bookmarkai_assets.metadata.tables import MAX_ROWS, table
from bookmarkai_assets.operations.storage.clean_up_report import CleanUpReport
from bookmarkai_assets.operations.storage.verifying import Finding, VerificationReport


def cleanup_metadata(report: CleanUpReport) -> RunMetadata:
    """Return the metadata of a clean-up: what it removed and kept, and why."""
    item = {"reason": "why", "share_id": "the share, which is its partition", "name": "its key, or its path"}
    return without_empty(
        {
            "removed": len(report.removed),
            "removed_size": format_size(report.removed_bytes),
            "removed_bytes": report.removed_bytes,
            "removed_why": dg.MetadataValue.json(report.removed_by_reason()),
            "kept": sum(report.kept.values()) - len(report.failed),
            "kept_why": dg.MetadataValue.json(dict(report.kept)),
            "failed": len(report.failed),
            "failures": table(
                {"name": item["name"], "detail": "what went wrong"}, [(c.name, c.detail) for c in report.failed]
            ),
            "to_look_at": table(item, [(c.kept, c.share_id, c.name) for c in report.to_look_at]),
            "removals": table(
                {"reason": item["reason"], "name": item["name"], "size": "its size", "size_bytes": "the same in bytes"},
                [(c.removed, c.name, format_size(c.size_bytes), c.size_bytes) for c in report.removed],
            ),
        }
    )


def verification_metadata(report: VerificationReport) -> RunMetadata:
    """Return the metadata of a verification: what it found."""
    counts = {finding.value: report.counts[finding] for finding in Finding}
    rows = [
        (
            line.finding.value,
            line.share_id,
            line.kind,
            line.url,
            format_size(line.size_bytes),
            line.size_bytes,
            line.detail,
        )
        for line in islice(report.lines, MAX_ROWS)
    ]
    same_bytes = report.size_bytes[Finding.SAME]
    return without_empty(
        {
            "verdict": report.verdict,
            **counts,
            "same_size": format_size(same_bytes),
            "same_bytes": same_bytes,
            "findings": table(FINDING_COLUMNS, rows),
        }
    )
