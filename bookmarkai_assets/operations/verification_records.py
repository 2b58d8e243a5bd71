"""What the rollout keeps of a verification, so that its gate can tell that nothing was lost."""

from datetime import datetime

from bookmarkai_assets.core.ports import Catalog
from bookmarkai_assets.core.rollout_ports import RecordedVerification
from bookmarkai_assets.operations.verifying import Finding, VerificationReport


def record_verification(
    catalog: Catalog, report: VerificationReport, *, is_deep: bool, now: datetime
) -> RecordedVerification:
    """Keep the counts of a report, one that could not look everywhere too; give what was kept.

    `now` is when the verification began: what was lost while it ran it may not have seen.
    """
    verification = RecordedVerification(
        verified_at=now,
        is_deep=is_deep,
        is_good=report.is_good,
        missing=report.counts[Finding.MISSING],
        different=report.counts[Finding.DIFFERENT],
        unverified=report.counts[Finding.UNVERIFIED],
        counts={finding.value: report.counts[finding] for finding in Finding},
    )
    catalog.rollout.record_verification(verification)
    return verification
