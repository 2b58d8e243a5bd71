"""The metadata of clean-up and verification."""

from collections.abc import Mapping

import dagster as dg

from bookmarkai_assets.batches import RunMetadata
from bookmarkai_assets.metadata.tables import table
from bookmarkai_assets.operations.storage.clean_up_report import CleanUpReport
from bookmarkai_assets.operations.storage.verifying import Finding, VerificationReport

CLEANUP_KEYS: Mapping[str, str] = {
    "removed": "files, staging directories and uploads that were removed",
    "removed_bytes": "the space that was freed, in bytes",
    "removed_why": "removals by reason: in_s3, past_retention, expired, lifecycle, abandoned",
    "kept": "media that were kept, and files that no media claims",
    "kept_why": "what was kept, by reason",
    "failed": "what could not be checked or removed",
    "removals": "each removal, the first 200",
    "failures": "each failure, the first 200",
    "to_look_at": "what was kept for a reason that needs a person's attention, the first 200",
}
"""`{key: meaning}` of local_cleanup."""


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


VERIFICATION_KEYS: Mapping[str, str] = {
    "verdict": "whether anything is missing or different",
    "same": "videos, audio tracks and transcripts' files that are as recorded, at their recorded location",
    "missing": "recorded but absent",
    "different": "present, but with other bytes than recorded",
    "orphaned": "present but not recorded",
    "expired": "removed by rule; their transcripts stay",
    "in_both_places": "second copies that a move left: clean-up removes local ones, the bucket's rule the others",
    "unverified": "could not be checked",
    "same_bytes": "the bytes of what is as recorded",
    "findings": "each finding except the same, the worst first, at most 200",
}
"""`{key: meaning}` of storage_verification."""


def verification_metadata(report: VerificationReport) -> RunMetadata:
    """Return the metadata of a verification: what it found."""
    counts = {finding.value: report.counts[finding] for finding in Finding}
    rows = [
        (line.finding.value, line.share_id, line.kind, line.url, line.size_bytes, line.detail)
        for line in report.worst_first
    ]
    return {
        "verdict": report.verdict,
        **counts,
        "same_bytes": report.size_bytes[Finding.SAME],
        "findings": table(["finding", "share_id", "kind", "url", "size_bytes", "detail"], rows),
    }
