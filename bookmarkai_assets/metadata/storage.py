"""The metadata of clean-up and verification."""

from itertools import islice

import dagster as dg

from bookmarkai_assets.batches import RunMetadata
from bookmarkai_assets.metadata.tables import MAX_ROWS, table
from bookmarkai_assets.operations.storage.clean_up_report import CleanUpReport
from bookmarkai_assets.operations.storage.verifying import Finding, VerificationReport


def cleanup_metadata(report: CleanUpReport) -> RunMetadata:
    """Return the metadata of a clean-up: what it removed and kept, and why."""
    return {
        "removed": len(report.removed),
        "removed_bytes": report.removed_bytes,
        "removed_why": dg.MetadataValue.json(report.removed_by_reason()),
        "kept": sum(report.kept.values()) - len(report.failed),
        "kept_why": dg.MetadataValue.json(dict(report.kept)),
        "failed": len(report.failed),
        "removals": table(
            ["reason", "name", "size_bytes"], [(c.removed, c.name, c.size_bytes) for c in report.removed]
        ),
        "failures": table(["name", "detail"], [(c.name, c.detail) for c in report.failed]),
        "to_look_at": table(["reason", "share_id", "name"], [(c.kept, c.share_id, c.name) for c in report.to_look_at]),
    }


def verification_metadata(report: VerificationReport) -> RunMetadata:
    """Return the metadata of a verification: what it found."""
    counts = {finding.value: report.counts[finding] for finding in Finding}
    rows = [
        (line.finding.value, line.share_id, line.kind, line.url, line.size_bytes, line.detail)
        for line in islice(report.lines, MAX_ROWS)
    ]
    return {
        "verdict": report.verdict,
        **counts,
        "same_bytes": report.size_bytes[Finding.SAME],
        "findings": table(["finding", "share_id", "kind", "url", "size_bytes", "detail"], rows),
    }
