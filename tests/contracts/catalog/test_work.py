"""The contract of `WorkLedger`, over SQLite and PostgreSQL: how a share gets to a run."""

from uuid import uuid4

import pytest
from sqlalchemy import event

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import LeaseLostError, UnknownShareError
from bookmarkai_assets.core.shares.ports import DueShare, Refused
from bookmarkai_assets.core.shares.share import ShareProgress
from tests.support.catalog import (
    add_share,
    at,
    begin,
    claim,
    columns_of,
    due_ids,
    execute,
    fail,
    finish,
    status_of,
)

NOTHING_YET = ShareProgress(0, None, None, None, None, None)


def test_a_new_share_is_due_with_the_text_of_its_row(each_catalog: OpenCatalog) -> None:
    """A pending share that the ledger has never seen is due, without attempts."""
    share_id = add_share(each_catalog, url="https://example.com/1", seconds=1.5)

    assert each_catalog.work.due(now=at(2), limit=10) == [
        DueShare(share_id, "https://example.com/1", "2026-01-31T12:00:01.500000+00:00", attempts=0, crashes=0)
    ]
    assert each_catalog.work.progress(share_id) == NOTHING_YET


def test_due_shares_come_oldest_first_up_to_the_limit(each_catalog: OpenCatalog) -> None:
    """New shares and retries are in one queue, ordered by the age of the share."""
    third, first, second = (add_share(each_catalog, seconds=seconds) for seconds in (3, 1, 2))
    begin(each_catalog, second, "m2", "run")
    fail(each_catalog, second, "run", retry_in=5)

    assert due_ids(each_catalog, 6) == [first, second, third]
    assert due_ids(each_catalog, 6, limit=2) == [first, second]


def test_a_claimed_share_is_processing_and_not_due(each_catalog: OpenCatalog) -> None:
    """A claim takes the share out of the queue until it expires, and shows it as in progress."""
    share_id = add_share(each_catalog)

    assert claim(each_catalog, share_id, "m", "tick")

    assert due_ids(each_catalog, 59.9) == []
    assert status_of(each_catalog, share_id) == "processing"
    assert due_ids(each_catalog, 60) == [share_id]


def test_a_share_is_claimed_once(each_catalog: OpenCatalog) -> None:
    """A second claim gets nothing while the first one lives; the same claim id succeeds again."""
    share_id = add_share(each_catalog)
    claim(each_catalog, share_id, "m", "tick-1")

    assert not claim(each_catalog, share_id, "m", "tick-2", 59.9)
    assert claim(each_catalog, share_id, "m", "tick-1", 30)


def test_two_shares_of_one_video_take_turns(each_catalog: OpenCatalog) -> None:
    """While one share of a video is claimed or worked on, no other share of it can be claimed or is due."""
    first, second = add_share(each_catalog, seconds=1), add_share(each_catalog, seconds=2)
    claim(each_catalog, first, "m", "tick")

    assert not claim(each_catalog, second, "m", "tick")
    assert due_ids(each_catalog, 1) == []
    begin(each_catalog, first, "m", "run", 2, claim_id="tick")
    assert due_ids(each_catalog, 2) == []
    finish(each_catalog, first, "run", 3)
    assert due_ids(each_catalog, 3) == [second]
    assert claim(each_catalog, second, "m", "tick-2", 3)


def test_a_share_that_found_its_video_busy_stays_pending(each_catalog: OpenCatalog) -> None:
    """Being refused costs no attempt and is no failure."""
    first, second = add_share(each_catalog, seconds=1), add_share(each_catalog, seconds=2)
    claim(each_catalog, first, "m", "tick")

    claim(each_catalog, second, "m", "tick")

    progress = each_catalog.work.progress(second)
    assert status_of(each_catalog, second) == "pending"
    assert (progress.attempts, progress.outcome, progress.finished_at) == (0, None, None)


def test_many_shares_of_one_busy_video_do_not_hide_the_others(each_catalog: OpenCatalog) -> None:
    """Shares that wait for a busy video leave the head of the queue to those that can go on."""
    busy = [add_share(each_catalog, seconds=seconds) for seconds in range(5)]
    other = add_share(each_catalog, seconds=9)
    claim(each_catalog, busy[0], "m", "tick")
    for share_id in due_ids(each_catalog, 10, limit=4):
        claim(each_catalog, share_id, "m", "tick", 10)

    assert due_ids(each_catalog, 11, limit=4) == [other]
    assert due_ids(each_catalog, 60, limit=10) == [*busy, other]


def test_a_share_that_does_not_exist_is_not_claimed(each_catalog: OpenCatalog) -> None:
    """Claiming a deleted share takes no lease."""
    assert not claim(each_catalog, str(uuid4()), "m", "tick")
    assert not each_catalog.leases.holds("tick", "m")


def test_a_share_that_is_not_due_is_not_claimed(each_catalog: OpenCatalog) -> None:
    """Done, parked and not yet due shares cannot be claimed, and trying leaves no lease behind."""
    done, parked, waiting, gateways = (add_share(each_catalog, seconds=seconds) for seconds in range(4))
    for share_id, media_id in ((done, "m1"), (parked, "m2"), (waiting, "m3")):
        begin(each_catalog, share_id, media_id, "run")
    finish(each_catalog, done, "run")
    fail(each_catalog, parked, "run")
    fail(each_catalog, waiting, "run", retry_in=30)
    execute(each_catalog, "UPDATE shares SET status = 'enriched' WHERE id = :id", id=gateways)

    for share_id, media_id in ((done, "m1"), (parked, "m2"), (waiting, "m3"), (gateways, "m4")):
        assert not claim(each_catalog, share_id, media_id, "tick", 29)
        assert not each_catalog.leases.holds("tick", media_id)
    assert due_ids(each_catalog, 29) == []


def test_beginning_counts_one_attempt_per_run(each_catalog: OpenCatalog) -> None:
    """Each run that takes the share over counts once, however many of its steps begin it."""
    share_id = add_share(each_catalog)

    assert begin(each_catalog, share_id, "m", "run-1", 0) == 1
    assert begin(each_catalog, share_id, "m", "run-1", 10) == 1
    assert begin(each_catalog, share_id, "m", "run-2", 70) == 2
    assert each_catalog.work.progress(share_id).attempts == 2
    assert each_catalog.work.progress(share_id).media_id == "m"


def test_a_share_that_does_not_exist_cannot_be_begun(each_catalog: OpenCatalog) -> None:
    """Beginning a deleted share raises and takes no lease."""
    with pytest.raises(UnknownShareError):
        begin(each_catalog, str(uuid4()), "m", "run")

    assert not each_catalog.leases.holds("run", "m")


def test_a_run_is_refused_while_another_has_the_video(each_catalog: OpenCatalog) -> None:
    """The refusal says who has it and until when, and the share does not change."""
    first, second = add_share(each_catalog, seconds=1), add_share(each_catalog, seconds=2)
    begin(each_catalog, first, "m", "run-1")

    refused = each_catalog.work.begin(second, "m", owner="run-2", claim_id=None, now=at(59), until=at(99))

    assert refused == Refused("expected the video to be free, found run-1 holding it until 2026-01-31 12:01:00 UTC")
    assert status_of(each_catalog, second) == "pending"
    assert each_catalog.work.progress(second) == NOTHING_YET


def test_a_run_launched_for_a_claim_takes_over_its_lease(each_catalog: OpenCatalog) -> None:
    """The claim's run may begin while the claim lives, and any other run may not."""
    share_id = add_share(each_catalog)
    claim(each_catalog, share_id, "m", "tick")

    assert begin(each_catalog, share_id, "m", "somebody-else", 1) is None
    assert begin(each_catalog, share_id, "m", "run", 1, claim_id="tick") == 1
    assert each_catalog.leases.holds("run", "m")
    assert not each_catalog.leases.holds("tick", "m")


def test_a_run_whose_claim_was_replaced_is_refused(each_catalog: OpenCatalog) -> None:
    """A run that is launched after a later claim is too late, even once that claim has ended."""
    share_id = add_share(each_catalog)
    claim(each_catalog, share_id, "m", "tick-1", 0)
    claim(each_catalog, share_id, "m", "tick-2", 60)

    assert begin(each_catalog, share_id, "m", "run-1", 61, claim_id="tick-1") is None
    assert begin(each_catalog, share_id, "m", "run-1", 200, claim_id="tick-1") is None
    assert not each_catalog.leases.holds("run-1", "m")
    assert begin(each_catalog, share_id, "m", "run-2", 201, claim_id="tick-2") == 1


def test_a_late_run_may_begin_when_its_claim_has_only_expired(each_catalog: OpenCatalog) -> None:
    """An expired claim that nobody has replaced still admits its run."""
    share_id = add_share(each_catalog)
    claim(each_catalog, share_id, "m", "tick")

    assert begin(each_catalog, share_id, "m", "run", 500, claim_id="tick") == 1


def test_a_dead_run_counts_as_a_crash_once_it_is_found(each_catalog: OpenCatalog) -> None:
    """A share found running under an expired lease has crashed its worker once more; an expired claim has not."""
    share_id = add_share(each_catalog)
    claim(each_catalog, share_id, "m", "tick-1", 0)
    assert [due.crashes for due in each_catalog.work.due(now=at(99), limit=1)] == [0]
    claim(each_catalog, share_id, "m", "tick-2", 100)
    begin(each_catalog, share_id, "m", "run-2", 101, claim_id="tick-2")
    assert [due.crashes for due in each_catalog.work.due(now=at(200), limit=1)] == [1]

    assert claim(each_catalog, share_id, "m", "tick-3", 200)

    (due,) = each_catalog.work.due(now=at(300), limit=1)
    assert (due.attempts, due.crashes) == (1, 1)


def test_stages_show_in_the_gateways_status(each_catalog: OpenCatalog) -> None:
    """The run that is working on the share names its stage, and any other run's is ignored."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run-1")

    each_catalog.work.mark(share_id, "fetching", owner="run-1", now=at(1))
    each_catalog.work.mark(share_id, "fetched", owner="run-2", now=at(2))

    assert status_of(each_catalog, share_id) == "fetching"


def test_a_later_step_of_a_run_keeps_the_stage(each_catalog: OpenCatalog) -> None:
    """Beginning again in the same run keeps the status of the step before; another run starts again."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run-1")
    each_catalog.work.mark(share_id, "fetched", owner="run-1", now=at(1))

    begin(each_catalog, share_id, "m", "run-1", 2)
    assert status_of(each_catalog, share_id) == "fetched"

    begin(each_catalog, share_id, "m", "run-2", 100)
    assert status_of(each_catalog, share_id) == "processing"


def test_every_change_of_status_is_timed(each_catalog: OpenCatalog) -> None:
    """`shares.updated_at` follows the work, so the gateway can see when something last happened."""
    share_id = add_share(each_catalog)
    moments = []
    for step in (
        lambda: claim(each_catalog, share_id, "m", "tick", 1),
        lambda: begin(each_catalog, share_id, "m", "run", 2, claim_id="tick"),
        lambda: each_catalog.work.mark(share_id, "fetched", owner="run", now=at(3)),
        lambda: fail(each_catalog, share_id, "run", 4),
        lambda: each_catalog.work.retry([share_id], now=at(5)),
        lambda: begin(each_catalog, share_id, "m", "run", 6),
        lambda: finish(each_catalog, share_id, "run", 7),
    ):
        step()
        (moment,) = columns_of(each_catalog, share_id, "updated_at")
        moments.append(moment)

    assert moments == sorted(set(moments))


def test_only_the_run_that_began_a_share_can_end_it(each_catalog: OpenCatalog) -> None:
    """A run that never began the share can neither fail nor finish it, lease or no lease."""
    mine, other = add_share(each_catalog, seconds=1), add_share(each_catalog, seconds=2)
    begin(each_catalog, mine, "m", "run")
    claim(each_catalog, other, "m", "tick")

    for share_id in (other, add_share(each_catalog, seconds=3)):
        with pytest.raises(LeaseLostError):
            finish(each_catalog, share_id, "run")
        with pytest.raises(LeaseLostError):
            fail(each_catalog, share_id, "run")
    assert status_of(each_catalog, other) == "pending"


def test_the_progress_of_many_is_that_of_each(each_catalog: OpenCatalog) -> None:
    """In their order, with those that nobody has claimed and those that are not there, and in a few statements."""
    shares = [add_share(each_catalog, seconds=number) for number in range(7)]
    begin(each_catalog, shares[2], "m2", "run")
    claim(each_catalog, shares[4], "m4", "claim")
    asked = [*shares, "no-uuid", "X'FF'", "6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11", shares[2]]
    statements: list[object] = []
    engine = each_catalog.database.engine
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))

    found = list(each_catalog.work.progress_of(asked))

    assert sum("SELECT" in str(statement) for statement in statements) <= 3
    assert found == [each_catalog.work.progress(share_id) for share_id in asked]
    assert (found[2].attempts, found[0].attempts) == (1, 0)
    assert each_catalog.work.progress_of([]) == []
