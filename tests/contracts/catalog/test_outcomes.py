"""The contract of `WorkLedger`, over SQLite and PostgreSQL: how work on a share ends, and what can follow."""

from uuid import uuid4

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.shares.share import ShareProgress
from tests.support.catalog import (
    GONE,
    UNREACHABLE,
    add_share,
    at,
    begin,
    claim,
    columns_of,
    due_ids,
    execute,
    fail,
    finish,
    put_transcript,
    staged_media,
    status_of,
    stored_media,
    transcript_of,
)

CRASHED = Failure(Outcome.CRASHED, "the worker died in each of 3 attempts")


def test_a_finished_share_is_done_and_has_its_videos_url(each_catalog: OpenCatalog) -> None:
    """Finishing sets the gateway's status and media_url, frees the lease, and ends the work."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run")

    each_catalog.work.finish(share_id, media_url="s3://media/v.mp4", owner="run", now=at(5))

    assert columns_of(each_catalog, share_id, "status", "media_url") == ("done", "s3://media/v.mp4")
    assert each_catalog.work.progress(share_id) == ShareProgress(1, "done", None, None, "m", at(5))
    assert not each_catalog.leases.holds("run", "m")
    assert due_ids(each_catalog, 10_000) == []


def test_a_failed_share_waits_for_its_retry(each_catalog: OpenCatalog) -> None:
    """A failure with a retry frees the lease, makes the share pending, and makes it due at its time."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run")

    fail(each_catalog, share_id, "run", 5, retry_in=30)

    assert status_of(each_catalog, share_id) == "pending"
    assert each_catalog.work.progress(share_id) == ShareProgress(
        1, "unreachable", UNREACHABLE.reason, at(35), "m", None
    )
    assert not each_catalog.leases.holds("run", "m")
    assert due_ids(each_catalog, 34.9) == []
    assert [(due.share_id, due.attempts) for due in each_catalog.work.due(now=at(35), limit=9)] == [(share_id, 1)]


def test_a_share_that_cannot_succeed_is_parked(each_catalog: OpenCatalog) -> None:
    """A failure without a retry sets the gateway's status to error, with its reason; the share is never due again."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run")

    fail(each_catalog, share_id, "run", 5)

    assert status_of(each_catalog, share_id) == "error"
    assert each_catalog.work.progress(share_id) == ShareProgress(1, "gone", GONE.reason, None, "m", at(5))
    assert each_catalog.work.failed_share_ids() == [share_id]
    assert not each_catalog.leases.holds("run", "m")
    assert due_ids(each_catalog, 10_000) == []


def test_a_failure_is_known_to_the_run_in_which_it_happened(each_catalog: OpenCatalog) -> None:
    """A later step of the same run learns how the share failed; another run does not, and a success clears it."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run-1")
    assert each_catalog.work.failure_in(share_id, "run-1") is None

    fail(each_catalog, share_id, "run-1", retry_in=1)

    assert each_catalog.work.failure_in(share_id, "run-1") == UNREACHABLE
    assert each_catalog.work.failure_in(share_id, "run-2") is None
    begin(each_catalog, share_id, "m", "run-1", 2)
    finish(each_catalog, share_id, "run-1", 2)
    assert each_catalog.work.failure_in(share_id, "run-1") is None


def test_parked_shares_are_listed_oldest_first(each_catalog: OpenCatalog) -> None:
    """Parked shares are listed in the order in which the shares were added."""
    second, first = add_share(each_catalog, seconds=2), add_share(each_catalog, seconds=1)
    for share_id in (second, first):
        each_catalog.work.park(share_id, CRASHED, now=at(3))

    assert each_catalog.work.failed_share_ids() == [first, second]


def test_parking_costs_no_attempt(each_catalog: OpenCatalog) -> None:
    """A share may be parked before anybody has tried it."""
    share_id = add_share(each_catalog)

    each_catalog.work.park(share_id, CRASHED, now=at(3))

    assert status_of(each_catalog, share_id) == "error"
    assert each_catalog.work.progress(share_id) == ShareProgress(0, "crashed", CRASHED.reason, None, None, at(3))
    assert due_ids(each_catalog, 10_000) == []


def test_parking_leaves_done_and_running_shares_alone(each_catalog: OpenCatalog) -> None:
    """A share that was finished, or that a live run is working on, is not parked."""
    done, running = add_share(each_catalog, seconds=1), add_share(each_catalog, seconds=2)
    for share_id, media_id in ((done, "m1"), (running, "m2")):
        begin(each_catalog, share_id, media_id, "run")
    finish(each_catalog, done, "run")

    for share_id in (done, running):
        each_catalog.work.park(share_id, CRASHED, now=at(59))

    assert (status_of(each_catalog, done), status_of(each_catalog, running)) == ("done", "processing")
    each_catalog.work.park(running, CRASHED, now=at(60))
    assert status_of(each_catalog, running) == "error"


def test_parking_a_claimed_share_frees_its_video(each_catalog: OpenCatalog) -> None:
    """The claim of a share that turns out to be malformed does not keep other shares of the video waiting."""
    first, second = add_share(each_catalog, seconds=1), add_share(each_catalog, seconds=2)
    claim(each_catalog, first, "m", "tick")

    each_catalog.work.park(first, CRASHED, now=at(1))

    assert claim(each_catalog, second, "m", "tick-2", 1)


def test_a_parked_share_set_back_to_pending_is_new(each_catalog: OpenCatalog) -> None:
    """When the gateway reopens a parked share, it is due at once and its attempts start again."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run-1")
    claim(each_catalog, share_id, "m", "tick-1", 60)
    each_catalog.work.park(share_id, CRASHED, now=at(200))

    execute(each_catalog, "UPDATE shares SET status = 'pending' WHERE id = :id", id=share_id)

    (due,) = each_catalog.work.due(now=at(201), limit=9)
    assert (due.share_id, due.attempts, due.crashes) == (share_id, 0, 0)
    assert claim(each_catalog, share_id, "m", "tick-2", 201)
    assert begin(each_catalog, share_id, "m", "run-2", 202, claim_id="tick-2") == 1
    assert each_catalog.work.progress(share_id).finished_at is None


def test_a_reopened_share_waits_for_its_video_like_any_other(each_catalog: OpenCatalog) -> None:
    """While another share of the video is worked on, a reopened share is not due."""
    reopened, other = add_share(each_catalog, seconds=1), add_share(each_catalog, seconds=2)
    begin(each_catalog, reopened, "m", "run-1")
    fail(each_catalog, reopened, "run-1")
    begin(each_catalog, other, "m", "run-2")
    execute(each_catalog, "UPDATE shares SET status = 'pending' WHERE id = :id", id=reopened)

    assert due_ids(each_catalog, 59) == []
    assert not claim(each_catalog, reopened, "m", "tick", 59)
    assert due_ids(each_catalog, 60) == [reopened, other]


def test_retrying_makes_failed_shares_due_with_all_their_attempts(each_catalog: OpenCatalog) -> None:
    """Parked and waiting shares are due at once; done, running and unknown ones are left alone."""
    parked, waiting, aside, done, running, new = (add_share(each_catalog, seconds=seconds) for seconds in range(6))
    for share_id, media_id in ((parked, "m1"), (waiting, "m2"), (done, "m3"), (running, "m4")):
        begin(each_catalog, share_id, media_id, "run")
    fail(each_catalog, parked, "run")
    fail(each_catalog, waiting, "run", retry_in=900)
    finish(each_catalog, done, "run")
    each_catalog.work.park(aside, CRASHED, now=at(1))
    unknown = str(uuid4())

    changed = each_catalog.work.retry([unknown, done, waiting, aside, running, parked, new, "nonsense"], now=at(9))

    assert changed == [waiting, aside, parked]
    assert [(due.share_id, due.attempts) for due in each_catalog.work.due(now=at(9), limit=9)] == [
        (parked, 0),
        (waiting, 0),
        (aside, 0),
        (new, 0),
    ]
    assert {status_of(each_catalog, share_id) for share_id in changed} == {"pending"}
    assert each_catalog.work.failed_share_ids() == []
    assert begin(each_catalog, parked, "m1", "run", 10) == 1


def test_a_done_share_stays_done_while_it_is_worked_on_again(each_catalog: OpenCatalog) -> None:
    """A backfill over a done share takes its lease and counts an attempt, but users still see it as done."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run-1")
    finish(each_catalog, share_id, "run-1", 5)

    assert begin(each_catalog, share_id, "m", "run-2", 10) == 2
    each_catalog.work.mark(share_id, "fetching", owner="run-2", now=at(11))

    assert status_of(each_catalog, share_id) == "done"
    assert each_catalog.leases.holds("run-2", "m")
    assert due_ids(each_catalog, 10_000) == []


@pytest.mark.parametrize("retry_in", [None, 30])
def test_a_failure_does_not_undo_a_done_share(each_catalog: OpenCatalog, retry_in: float | None) -> None:
    """When a backfill over a done share fails, the failure is recorded and the share stays done, with its video."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run-1")
    finish(each_catalog, share_id, "run-1", 5)
    begin(each_catalog, share_id, "m", "run-2", 10)

    fail(each_catalog, share_id, "run-2", 11, retry_in=retry_in)

    failure = each_catalog.work.failure_in(share_id, "run-2")
    progress = each_catalog.work.progress(share_id)
    assert failure == (GONE if retry_in is None else UNREACHABLE)
    assert (progress.outcome, progress.finished_at) == (failure.outcome, at(5))
    assert columns_of(each_catalog, share_id, "status", "media_url") == ("done", "/media/video.mp4")
    assert not each_catalog.leases.holds("run-2", "m")
    assert due_ids(each_catalog, 10_000) == []


def test_a_share_that_the_gateway_calls_done_stays_done(each_catalog: OpenCatalog) -> None:
    """A share that was finished before this ledger existed can be worked on again, and a failure leaves it done."""
    share_id = add_share(each_catalog)
    execute(each_catalog, "UPDATE shares SET status = 'done', media_url = '/old.mp4' WHERE id = :id", id=share_id)

    begin(each_catalog, share_id, "m", "run")
    fail(each_catalog, share_id, "run", 1)

    assert columns_of(each_catalog, share_id, "status", "media_url") == ("done", "/old.mp4")
    assert each_catalog.work.failed_share_ids() == []


def test_a_share_with_a_transcript_ends_as_done_when_a_later_attempt_fails(each_catalog: OpenCatalog) -> None:
    """A run that died between the transcript and finishing had done the work, so the video's URL is filled in."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run-1")
    each_catalog.media.record_staged(staged_media("m", share_id), owner="run-1", now=at(1))
    each_catalog.media.record_stored(stored_media("m", share_id, url="s3://media/v"), owner="run-1", now=at(2))
    put_transcript(each_catalog, share_id, transcript_of("hello"), now=at(3))
    begin(each_catalog, share_id, "m", "run-2", 100)

    fail(each_catalog, share_id, "run-2", 101)

    assert columns_of(each_catalog, share_id, "status", "media_url") == ("done", "s3://media/v")
    assert each_catalog.work.progress(share_id).finished_at == at(101)


def test_a_failure_keeps_its_words_whatever_they_are(each_catalog: OpenCatalog) -> None:
    """Emoji and right-to-left text are kept, and what no database can store becomes a replacement character."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run")
    reason = "העוגה 🍰 " + "x" * 100_000

    each_catalog.work.fail(
        share_id, Failure(Outcome.CORRUPT, f"{reason}\x00\ud800"), owner="run", now=at(1), retry_at=None
    )

    assert each_catalog.work.progress(share_id).reason == f"{reason}\ufffd\ufffd"
