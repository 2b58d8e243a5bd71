"""Everything known about a share, as programs read it: one complete example of each report."""

from dataclasses import replace

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import CatalogUnavailableError, StoreErrorClass
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Digest, Part
from bookmarkai_assets.core.media.object_keys import transcript_key
from bookmarkai_assets.core.media.storage_events import Operation, Purpose, StorageEvent
from bookmarkai_assets.core.outcomes import FAILURES, Failure, Outcome
from bookmarkai_assets.core.transcripts.doubts import Doubt, DoubtKind, Severity
from bookmarkai_assets.operations.shares.reports import failure_summary, share_report, share_summary
from tests.support.catalog import (
    GONE,
    UNREACHABLE,
    USER,
    add_share,
    at,
    begin,
    fail,
    finish,
    put_transcript,
    stored_media,
    tombstone_of,
    transcript_of,
)
from tests.support.json_forms import assert_same_json

URL = "https://www.tiktok.com/@user/video/7300000000000000001"
MEDIA = "m" * 64
FILE = "s3://media/video.json"
BEYOND = Doubt(DoubtKind.IMPLAUSIBLE_RATE, Severity.WARN, 9.5, 7.0, "9.5 words a second")
LOCAL = "/media/video.mp4"


def transfer(
    share_id: str, operation: Operation, *, seconds: float, error: StoreErrorClass | None = None
) -> StorageEvent:
    """Return a transfer of the video to S3 that took so long, ten seconds into the test."""
    return StorageEvent(
        occurred_at=at(10 + seconds),
        operation=operation,
        backend="s3",
        share_id=share_id,
        media_id=MEDIA,
        kind=PartKind.VIDEO,
        size_bytes=5_000_000_000,
        seconds=seconds,
        error_class=error,
        error="the bucket said 403" if error else None,
        purpose=Purpose.PLACE,
    )


def done_share(catalog: OpenCatalog) -> str:
    """Record a share with everything: two transfers, a transcript with a doubt, two deletions."""
    share_id = add_share(catalog, url=URL)
    begin(catalog, share_id, MEDIA, "run")
    media = stored_media(MEDIA, share_id)
    key = transcript_key(media.video.key, PartKind.JSON)
    files = {PartKind.JSON: Part(PartKind.JSON, key, FILE, Digest(300, "c" * 64), "application/json")}
    catalog.media.record_stored(replace(media, transcript_files=files), owner="run", now=at(2))
    for event in (
        transfer(share_id, Operation.PUT, seconds=0.12345, error=StoreErrorClass.ACCESS_DENIED),
        transfer(share_id, Operation.PUT, seconds=2.0),
    ):
        catalog.events.record(event)
    put_transcript(catalog, share_id, replace(transcript_of("Hello", "world."), doubts=(BEYOND,)), now=at(3))
    finish(catalog, share_id, "run", seconds=4)
    catalog.tombstones.write([tombstone_of(LOCAL, seconds=5, media_id=MEDIA)])
    catalog.tombstones.confirm([LOCAL], now=at(6))
    catalog.tombstones.write([tombstone_of("/media/video.m4a", seconds=7, media_id=MEDIA, kind="audio")])
    return share_id


def test_everything_about_a_share_as_json(sqlite_catalog: OpenCatalog) -> None:
    """Names, order and formats are what `shares show --json` has promised."""
    share_id = done_share(sqlite_catalog)
    deleted = {"proof": dict(tombstone_of(LOCAL).proof)}
    assert_same_json(
        share_report(sqlite_catalog, share_id).as_dict(),
        {
            "id": share_id,
            "url": URL,
            "user_id": USER,
            "platform": "generic",
            "status": "done",
            "outcome": "done",
            "reason": None,
            "next_step": None,
            "attempts": 1,
            "next_attempt_at": None,
            "created_at": "2026-01-31T12:00:00+00:00",
            "finished_at": "2026-01-31T12:00:04+00:00",
            "title": "Kuchen backen 🍰 \u200fעוגה",  # noqa: RUF001 - Hebrew
            "author": "someone",
            "media": {
                "id": MEDIA,
                "state": "stored",
                "title": "Kuchen backen 🍰 \u200fעוגה",  # noqa: RUF001 - Hebrew
                "author": "someone",
                "duration_seconds": 29.97,
                "url": "s3://media/video.mp4",
                "backend": "s3",
                "size_bytes": 5_000_000_000,
                "sha256": "a" * 64,
                "audio_url": "s3://media/video.mp4.m4a",
                "transcript_files": {"json": FILE},
                "content_type": "video/mp4",
                "placement": {
                    "decided_by": "policy",
                    "mode": "hybrid",
                    "percentage": 50,
                    "bucket": 7,
                    "rollout_decision": None,
                    "reason": "hybrid at 50%: bucket 7 is below 50, so s3",
                },
                "stored_at": "2026-01-31T12:00:02+00:00",
                "expires_at": "2026-02-07T12:00:02+00:00",
                "download_seconds": 1.25,
                "upload_seconds": 0.75,
            },
            "transcript": {
                "language": "en",
                "language_probability": 0.98,
                "languages": [{"language": "en", "share": 1.0}],
                "text": "Hello world.",
                "words": 2,
                "doubts": [
                    {
                        "kind": "implausible_rate",
                        "severity": "warn",
                        "figure": 9.5,
                        "limit": 7.0,
                        "words": "9.5 words a second",
                    }
                ],
                "segments": [
                    {"start": 0.0, "end": 1.0, "text": "Hello"},
                    {"start": 1.0, "end": 2.0, "text": "world."},
                ],
                "engine": "faster-whisper",
                "model": "tiny.en",
                "duration_seconds": 2.0,
                "transcribe_seconds": 0.5,
            },
            "transfers": [
                {
                    "at": "2026-01-31T12:00:10.123450+00:00",
                    "operation": "put",
                    "backend": "s3",
                    "kind": "video",
                    "size_bytes": 5_000_000_000,
                    "seconds": 0.123,
                    "error_class": "access_denied",
                    "error": "the bucket said 403",
                },
                {
                    "at": "2026-01-31T12:00:12+00:00",
                    "operation": "put",
                    "backend": "s3",
                    "kind": "video",
                    "size_bytes": 5_000_000_000,
                    "seconds": 2.0,
                    "error_class": None,
                    "error": None,
                },
            ],
            "transfers_under_way": [],
            "deletions": [
                {
                    "at": "2026-01-31T12:00:07+00:00",
                    "url": "/media/video.m4a",
                    "kind": "audio",
                    "reason": "in_s3",
                    "is_done": False,
                    **deleted,
                },
                {
                    "at": "2026-01-31T12:00:06+00:00",
                    "url": LOCAL,
                    "kind": "video",
                    "reason": "in_s3",
                    "is_done": True,
                    **deleted,
                },
            ],
        },
    )


def test_a_share_without_results_as_json(sqlite_catalog: OpenCatalog) -> None:
    """What does not exist is None or an empty list, and no key is left out."""
    share_id = add_share(sqlite_catalog, url=URL)
    assert_same_json(
        share_report(sqlite_catalog, share_id).as_dict(),
        {
            "id": share_id,
            "url": URL,
            "user_id": USER,
            "platform": "generic",
            "status": "pending",
            "outcome": None,
            "reason": None,
            "next_step": None,
            "attempts": 0,
            "next_attempt_at": None,
            "created_at": "2026-01-31T12:00:00+00:00",
            "finished_at": None,
            "title": None,
            "author": None,
            "media": None,
            "transcript": None,
            "transfers": [],
            "transfers_under_way": [],
            "deletions": [],
        },
    )


def test_a_failure_that_waits_for_its_next_try_as_plain_values(sqlite_catalog: OpenCatalog) -> None:
    """An analyst reads at the partition how it failed, what comes next, and when."""
    share_id = add_share(sqlite_catalog, url=URL)
    begin(sqlite_catalog, share_id, MEDIA, "run")
    fail(sqlite_catalog, share_id, "run", retry_in=60)
    assert_same_json(
        failure_summary(sqlite_catalog, share_id, UNREACHABLE).as_dict(),
        {
            "outcome": "unreachable",
            "reason": "the site did not answer",
            "next_step": "The site did not answer; it is tried again later.",
            "is_transient": True,
            "attempts": 1,
            "next_attempt_at": "2026-01-31T12:01:00+00:00",
            "url": URL,
        },
    )


def test_a_failure_in_words_says_what_comes_next_and_when(sqlite_catalog: OpenCatalog) -> None:
    """A run's error has outcome, reason, next step, attempts and the next attempt of each share."""
    share_id = add_share(sqlite_catalog, url=URL)
    begin(sqlite_catalog, share_id, MEDIA, "run")
    fail(sqlite_catalog, share_id, "run", retry_in=60)
    assert failure_summary(sqlite_catalog, share_id, UNREACHABLE).in_words == (
        "unreachable: the site did not answer\n  The site did not answer; it is tried again later. "
        "Attempt 1, the next at 2026-01-31 12:01:00 UTC."
    )


def test_a_failure_for_good_in_words_says_so(sqlite_catalog: OpenCatalog) -> None:
    """Where no attempt follows, the words say that. Of what is not on record they say the next step alone."""
    share_id = add_share(sqlite_catalog, url=URL)
    begin(sqlite_catalog, share_id, MEDIA, "run")
    sqlite_catalog.work.fail(share_id, GONE, owner="run", now=at(0), retry_at=None)
    gone = "gone: the video no longer exists\n  The video no longer exists; nothing to do."
    assert failure_summary(sqlite_catalog, share_id, GONE).in_words == f"{gone} Attempt 1, no other by itself."
    refused = Failure(Outcome.SUPERSEDED, "another run has it")
    assert failure_summary(sqlite_catalog, share_id, refused).in_words == (
        f"superseded: another run has it\n  {FAILURES[Outcome.SUPERSEDED].next_step}"
    )


def test_a_failure_says_at_which_step_it_was(sqlite_catalog: OpenCatalog) -> None:
    """Where the step is known it stands behind outcome and reason."""
    share_id = add_share(sqlite_catalog)
    shown = failure_summary(sqlite_catalog, share_id, Failure(Outcome.GONE, "404", "raw_video")).as_dict()
    assert list(shown)[:3] == ["outcome", "reason", "failed_at"]
    assert shown["failed_at"] == "raw_video"


def test_a_failed_share_in_a_list_as_json(sqlite_catalog: OpenCatalog) -> None:
    """Names, order and formats are what `shares list --json` has promised, and the next step is that of the outcome."""
    share_id = add_share(sqlite_catalog, url=URL)
    begin(sqlite_catalog, share_id, MEDIA, "run")
    fail(sqlite_catalog, share_id, "run", seconds=5)
    assert_same_json(
        share_summary(sqlite_catalog, sqlite_catalog.shares.get(share_id)).as_dict(),
        {
            "id": share_id,
            "url": URL,
            "user_id": USER,
            "platform": "generic",
            "status": "error",
            "outcome": "gone",
            "reason": "the video no longer exists",
            "next_step": "The video no longer exists; nothing to do.",
            "attempts": 1,
            "next_attempt_at": None,
            "created_at": "2026-01-31T12:00:00+00:00",
            "finished_at": "2026-01-31T12:00:05+00:00",
            "title": None,
            "author": None,
        },
    )


def test_a_failure_after_its_last_attempt(sqlite_catalog: OpenCatalog) -> None:
    """After the last attempt, the next step is the command that tries it again, in the run and in the list."""
    share_id = add_share(sqlite_catalog, url=URL)
    begin(sqlite_catalog, share_id, MEDIA, "run")
    sqlite_catalog.work.fail(share_id, UNREACHABLE, owner="run", now=at(0), retry_at=None)
    expected = f"It was tried as often as is allowed. `bookmarkai shares retry {share_id}` tries it again."
    assert failure_summary(sqlite_catalog, share_id, UNREACHABLE).next_step == expected
    assert share_report(sqlite_catalog, share_id).summary.next_step == expected


def test_another_runs_recorded_failure_does_not_count(sqlite_catalog: OpenCatalog) -> None:
    """A run that was refused a share reports its own refusal, whatever became of the share elsewhere."""
    share_id = add_share(sqlite_catalog, url=URL)
    begin(sqlite_catalog, share_id, MEDIA, "run")
    sqlite_catalog.work.fail(share_id, GONE, owner="run", now=at(0), retry_at=None)
    refused = Failure(Outcome.SUPERSEDED, "another run has it")
    assert failure_summary(sqlite_catalog, share_id, refused).next_step == FAILURES[Outcome.SUPERSEDED].next_step


@pytest.mark.parametrize("is_catalog_away", [True, False])
def test_without_a_record_the_failure_itself_is_reported(
    sqlite_catalog: OpenCatalog, monkeypatch: pytest.MonkeyPatch, *, is_catalog_away: bool
) -> None:
    """While the catalog is away, and for an unknown share, there are no attempts, no next try and no link."""
    share_id = add_share(sqlite_catalog) if is_catalog_away else "6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11"

    def away(_: str) -> None:
        raise CatalogUnavailableError("the database did not answer")

    if is_catalog_away:
        monkeypatch.setattr(sqlite_catalog.work, "progress", away)
    assert_same_json(
        failure_summary(sqlite_catalog, share_id, GONE).as_dict(),
        {
            "outcome": "gone",
            "reason": "the video no longer exists",
            "next_step": "The video no longer exists; nothing to do.",
            "is_transient": False,
        },
    )
