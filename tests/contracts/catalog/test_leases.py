"""The contract of `WorkLedger`'s leases, over SQLite and PostgreSQL.

Who holds a video's lease, until when, and what a run may still record once it has lost it.
"""

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import LeaseLostError
from tests.support.catalog import (
    add_share,
    at,
    begin,
    claim,
    due_ids,
    fail,
    finish,
    staged_media,
    status_of,
    stored_media,
)


def test_a_lease_ends_at_its_moment(each_catalog: OpenCatalog) -> None:
    """A lease is live before its end, and nobody's from its end on."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run-1")

    assert begin(each_catalog, share_id, "m", "run-2", 59.999999) is None
    assert begin(each_catalog, share_id, "m", "run-2", 60) == 2


def test_a_run_is_alive_as_long_as_one_of_its_leases_is(each_catalog: OpenCatalog) -> None:
    """A run or claim without a live lease has died, or is working on nothing."""
    first, second = add_share(each_catalog, seconds=1), add_share(each_catalog, seconds=2)
    claim(each_catalog, first, "m1", "tick")
    begin(each_catalog, second, "m2", "run", 10)

    assert [each_catalog.leases.has_live_lease(owner, now=at(59)) for owner in ("tick", "run", "nobody")] == [
        True,
        True,
        False,
    ]
    assert [each_catalog.leases.has_live_lease(owner, now=at(60)) for owner in ("tick", "run")] == [False, True]
    finish(each_catalog, second, "run", 60)
    assert not each_catalog.leases.has_live_lease("run", now=at(60))


def test_renewing_keeps_every_lease_of_a_run(each_catalog: OpenCatalog) -> None:
    """One call extends all leases that the run still holds, and returns which they are."""
    first, second = add_share(each_catalog, seconds=1), add_share(each_catalog, seconds=2)
    begin(each_catalog, first, "m1", "run")
    begin(each_catalog, second, "m2", "run")

    assert each_catalog.leases.renew("run", until=at(500)) == {"m1", "m2"}

    assert due_ids(each_catalog, 499.9) == []
    assert due_ids(each_catalog, 500) == [first, second]
    assert each_catalog.leases.renew("somebody-else", until=at(900)) == frozenset()


def test_an_expired_lease_that_nobody_took_can_be_renewed(each_catalog: OpenCatalog) -> None:
    """A slow run that lost nothing goes on, and one whose video was taken gets an error."""
    kept, lost = add_share(each_catalog, seconds=1), add_share(each_catalog, seconds=2)
    begin(each_catalog, kept, "m1", "run-1")
    begin(each_catalog, lost, "m2", "run-1")
    begin(each_catalog, lost, "m2", "run-2", 100)

    assert each_catalog.leases.renew("run-1", until=at(200)) == {"m1"}
    finish(each_catalog, kept, "run-1", 150)
    assert status_of(each_catalog, kept) == "done"


def test_a_run_may_record_while_its_lease_is_only_expired(each_catalog: OpenCatalog) -> None:
    """A run whose lease expired without being taken may still record, so that its work was not in vain."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run")

    each_catalog.media.record_staged(staged_media("m", share_id), owner="run", now=at(100))
    each_catalog.media.record_stored(stored_media("m", share_id), owner="run", now=at(101))
    assert each_catalog.leases.holds("run", "m")
    finish(each_catalog, share_id, "run", 102)

    assert status_of(each_catalog, share_id) == "done"


@pytest.mark.parametrize("taker", ["claim", "run"])
def test_a_run_that_lost_its_lease_records_nothing(each_catalog: OpenCatalog, taker: str) -> None:
    """Once another has the video, the first run can neither change the media nor end the share."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run-1")
    if taker == "claim":
        claim(each_catalog, share_id, "m", "tick", 60)
    else:
        begin(each_catalog, share_id, "m", "run-2", 60)

    with pytest.raises(LeaseLostError, match="expected run run-1 to hold the lease on media m"):
        each_catalog.media.record_staged(staged_media("m", share_id), owner="run-1", now=at(61))
    with pytest.raises(LeaseLostError):
        each_catalog.media.record_stored(stored_media("m", share_id), owner="run-1", now=at(61))
    with pytest.raises(LeaseLostError):
        finish(each_catalog, share_id, "run-1", 61)
    with pytest.raises(LeaseLostError):
        fail(each_catalog, share_id, "run-1", 61)
    each_catalog.work.mark(share_id, "fetched", owner="run-1", now=at(61))

    assert each_catalog.media.get("m") is None
    assert status_of(each_catalog, share_id) == "processing"
    assert each_catalog.work.failure_in(share_id, "run-1") is None


def test_ending_a_share_twice_is_a_lost_lease(each_catalog: OpenCatalog) -> None:
    """The first end frees the lease, so the second one fails."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run")
    finish(each_catalog, share_id, "run")

    with pytest.raises(LeaseLostError, match="nobody holding it"):
        fail(each_catalog, share_id, "run")


def test_claims_that_wait_for_their_run_can_be_found_and_extended(each_catalog: OpenCatalog) -> None:
    """A claim is open until its run begins, and extending it keeps its shares from being claimed again."""
    queued, begun = add_share(each_catalog, seconds=1), add_share(each_catalog, seconds=2)
    other = add_share(each_catalog, seconds=3)
    claim(each_catalog, queued, "m1", "tick-1")
    claim(each_catalog, begun, "m2", "tick-1")
    claim(each_catalog, other, "m3", "tick-2", 50)
    begin(each_catalog, begun, "m2", "run", 1, claim_id="tick-1")

    assert each_catalog.work.open_claims(expiring_before=at(60)) == []
    assert each_catalog.work.open_claims(expiring_before=at(60.1)) == ["tick-1"]
    assert each_catalog.work.open_claims(expiring_before=at(999)) == ["tick-1", "tick-2"]
    each_catalog.work.extend_claim("tick-1", until=at(500))

    assert each_catalog.work.open_claims(expiring_before=at(400)) == ["tick-2"]
    assert due_ids(each_catalog, 499) == [begun, other]
    begin(each_catalog, queued, "m1", "run", 400, claim_id="tick-1")
    assert "tick-1" not in each_catalog.work.open_claims(expiring_before=at(999))


def test_a_claim_that_was_taken_over_is_not_extended(each_catalog: OpenCatalog) -> None:
    """Extending a claim does not touch what another claim holds now."""
    share_id = add_share(each_catalog)
    claim(each_catalog, share_id, "m", "tick-1", 0)
    claim(each_catalog, share_id, "m", "tick-2", 60)

    each_catalog.work.extend_claim("tick-1", until=at(900))

    assert each_catalog.work.open_claims(expiring_before=at(121)) == ["tick-2"]
    assert due_ids(each_catalog, 120) == [share_id]


def test_releasing_gives_back_what_a_run_has_not_finished(each_catalog: OpenCatalog) -> None:
    """At the end of a run its unfinished shares are pending and due at once, and its finished ones do not change."""
    done, failed, left = (add_share(each_catalog, seconds=seconds) for seconds in (1, 2, 3))
    others = add_share(each_catalog, seconds=4)
    for share_id, media_id in ((done, "m1"), (failed, "m2"), (left, "m3")):
        begin(each_catalog, share_id, media_id, "run")
    begin(each_catalog, others, "m4", "other-run")
    finish(each_catalog, done, "run", 1)
    fail(each_catalog, failed, "run", 2)

    each_catalog.work.release("run", now=at(5))

    assert due_ids(each_catalog, 5) == [left]
    assert [status_of(each_catalog, share_id) for share_id in (done, failed, left, others)] == [
        "done",
        "error",
        "pending",
        "processing",
    ]
    assert not each_catalog.leases.holds("run", "m3")
    assert each_catalog.leases.holds("other-run", "m4")
    assert each_catalog.work.progress(left).attempts == 1


def test_releasing_does_not_touch_what_another_run_has_taken(each_catalog: OpenCatalog) -> None:
    """A run that ends late leaves the share to the run that has it now."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run-1")
    begin(each_catalog, share_id, "m", "run-2", 60)

    each_catalog.work.release("run-1", now=at(61))

    assert each_catalog.leases.holds("run-2", "m")
    assert due_ids(each_catalog, 61) == []


def test_releasing_a_backfill_leaves_done_shares_done(each_catalog: OpenCatalog) -> None:
    """A run that took a done share and ended without a result gives the lease back and changes nothing else."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run-1")
    finish(each_catalog, share_id, "run-1", 1)
    begin(each_catalog, share_id, "m", "run-2", 2)

    each_catalog.work.release("run-2", now=at(3))

    assert status_of(each_catalog, share_id) == "done"
    assert not each_catalog.leases.holds("run-2", "m")
    assert due_ids(each_catalog, 10_000) == []


@pytest.mark.parametrize("was_done", [False, True])
def test_a_run_may_work_on_two_shares_of_one_video(each_catalog: OpenCatalog, was_done: bool) -> None:
    """A backfill over both shares of a video begins both, and the lease ends with the last of them."""
    first, second = add_share(each_catalog, seconds=1), add_share(each_catalog, seconds=2)
    if was_done:
        for share_id in (first, second):
            begin(each_catalog, share_id, "m", "run-1")
            finish(each_catalog, share_id, "run-1")
    begin(each_catalog, first, "m", "run-2")
    begin(each_catalog, second, "m", "run-2")

    finish(each_catalog, first, "run-2", 1)

    assert each_catalog.leases.holds("run-2", "m")
    fail(each_catalog, second, "run-2", 2)
    assert not each_catalog.leases.holds("run-2", "m")


def test_a_claim_that_was_never_launched_can_be_released(each_catalog: OpenCatalog) -> None:
    """Giving a claim back makes its shares due at once."""
    share_id = add_share(each_catalog)
    claim(each_catalog, share_id, "m", "tick")

    each_catalog.work.release("tick", now=at(1))

    assert due_ids(each_catalog, 1) == [share_id]
