"""The reports of the commands on stored media, as programs read them: one complete example of each."""

from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.retention import Kept, Removal
from bookmarkai_assets.operations.media.results import MediaResult
from bookmarkai_assets.operations.storage.clean_up_report import CleanUpItem, CleanUpReport
from bookmarkai_assets.operations.storage.moving import MoveOutcome
from bookmarkai_assets.operations.storage.rebuilding import RebuildReport, Unrestorable
from bookmarkai_assets.operations.storage.verifying import Finding, VerificationLine, VerificationReport
from tests.support.catalog import at, stored_media
from tests.support.json_forms import assert_same_json


def test_a_clean_up_as_json() -> None:
    """Names, order and formats are what `storage cleanup --json` has promised."""
    report = CleanUpReport(is_dry_run=True)
    report.add(CleanUpItem("/media/a.mp4", "m1", 10, Removal.IN_S3, None))
    report.add(CleanUpItem("/media/b.mp4", "m2", 20, None, Kept.NOT_TRANSCRIBED, share_id="s2"))
    report.add(CleanUpItem("/media/c.mp4", "m3", 30, None, None, "the disk said no"))
    assert_same_json(
        report.as_dict(),
        {
            "dry_run": True,
            "removed": [{"name": "/media/a.mp4", "media_id": "m1", "size_bytes": 10, "reason": "in_s3"}],
            "removed_bytes": 10,
            "removed_by_reason": {"in_s3": 1},
            "kept": {"not_transcribed": 1, "failed": 1},
            "kept_bytes": {"not_transcribed": 20, "failed": 30},
            "to_look_at": [{"name": "/media/b.mp4", "media_id": "m2", "share_id": "s2", "reason": "not_transcribed"}],
            "failed": [{"name": "/media/c.mp4", "media_id": "m3", "detail": "the disk said no"}],
        },
    )


def test_a_verification_as_json() -> None:
    """Names, order and formats are what `storage verify --json` has promised."""
    report = VerificationReport(is_deep=True, started_at=at(0), bytes_read=7, media_on_record=2)
    report.unanswered[Backend.S3] = "the bucket is away"
    report.add(VerificationLine(Finding.SAME, "/media/a.mp4", "video", "m1", "s1", 10))
    report.add(
        VerificationLine(Finding.MISSING, "/media/b.mp4", "video", "m2", "s2", 20, "not there", "fetch it again")
    )
    assert_same_json(
        {**report.summary_as_dict(), "findings": [line.as_dict() for line in report.lines]},
        {
            "ok": False,
            "verdict": "something is missing or different, and nothing could be checked in s3",
            "deep": True,
            "backends_not_verified": {"s3": "the bucket is away"},
            "started_at": "2026-01-31T12:00:00+00:00",
            "counts": {
                "same": 1,
                "missing": 1,
                "different": 0,
                "expired": 0,
                "orphaned": 0,
                "in_both_places": 0,
                "unverified": 0,
                "not_taken_in": 0,
            },
            "size_bytes": {
                "same": 10,
                "missing": 20,
                "different": 0,
                "expired": 0,
                "orphaned": 0,
                "in_both_places": 0,
                "unverified": 0,
                "not_taken_in": 0,
            },
            "bytes_read": 7,
            "media_on_record": 2,
            "findings": [
                {
                    "finding": "missing",
                    "url": "/media/b.mp4",
                    "kind": "video",
                    "media_id": "m2",
                    "share_id": "s2",
                    "size_bytes": 20,
                    "detail": "not there",
                    "remedy": "fetch it again",
                }
            ],
        },
    )


def test_a_rebuild_as_json() -> None:
    """Names, order and formats are what `storage rebuild-catalog --json` has promised."""
    report = RebuildReport(
        is_dry_run=False,
        restored=[stored_media("m1", "s1")],
        known=3,
        without_share=1,
        unrestorable=[Unrestorable("s3://media/x.mp4", "it has no tags")],
    )
    assert_same_json(
        report.as_dict(),
        {
            "dry_run": False,
            "restored": [
                {"media_id": "m1", "share_id": "s1", "url": "s3://media/video.mp4", "size_bytes": 5_000_480_000}
            ],
            "known": 3,
            "without_share": 1,
            "unrestorable": [{"url": "s3://media/x.mp4", "reason": "it has no tags"}],
        },
    )


def test_what_became_of_one_media_as_json() -> None:
    """This is a line of `storage move --json` and `transcripts store --json`."""
    moved = MediaResult("m1", "s1", MoveOutcome.FAILED, size_bytes=10, seconds=1.23456, detail="timeout")
    assert_same_json(
        moved.as_dict(),
        {
            "media_id": "m1",
            "share_id": "s1",
            "outcome": "failed",
            "size_bytes": 10,
            "seconds": 1.235,
            "detail": "timeout",
        },
    )
