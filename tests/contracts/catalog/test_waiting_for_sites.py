"""The contract of `WorkLedger` where shares wait for their site, over SQLite and PostgreSQL."""

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import LeaseLostError
from tests.support.catalog import add_share, at, begin, claim, due_ids, fail, finish, status_of

REASON = "tiktok is paused"


def wait(catalog: OpenCatalog, share_id: str, seconds: float = 0, *, site: str = "tiktok", media: str = "m") -> None:
    """Have a share wait for its site."""
    catalog.work.wait_for_site(share_id, media, held_for=site, reason=REASON, now=at(seconds))


def due_with(catalog: OpenCatalog, slots: dict[str, int], *, limit: int = 10, seconds: float = 10) -> list[str]:
    """List what is due when sites have so many slots."""
    return [due.share_id for due in catalog.work.due(now=at(seconds), limit=limit, slots=slots)]


def test_a_waiting_share_is_due_when_its_site_has_slots(each_catalog: OpenCatalog) -> None:
    """None, some of them by age, or all are due, depending on whether the site's slots are restricted."""
    shares = [add_share(each_catalog, seconds=n) for n in range(3)]
    for number, share in enumerate(shares):
        wait(each_catalog, share, media=f"m{number}")
        assert status_of(each_catalog, share) == "pending"
        progress = each_catalog.work.progress(share)
        assert (progress.held_for, progress.attempts) == ("tiktok", 0)
        assert (progress.outcome, progress.reason) == ("postponed", REASON)

    assert due_with(each_catalog, {"tiktok": 0}) == []
    assert due_with(each_catalog, {"tiktok": 2}) == shares[:2]
    assert due_with(each_catalog, {"x": 0}) == shares
    assert due_with(each_catalog, {}) == shares


def test_a_due_share_says_what_it_waits_for(each_catalog: OpenCatalog) -> None:
    """The sensor reads it there, to take a slot of the site or store."""
    new, held = add_share(each_catalog), add_share(each_catalog, seconds=1)
    wait(each_catalog, held, site="s3 store")
    found = {due.share_id: due.held_for for due in each_catalog.work.due(now=at(10), limit=10)}
    assert found == {new: None, held: "s3 store"}


def test_the_share_postponed_last_is_last(each_catalog: OpenCatalog) -> None:
    """A site's queue is ordered by waiting time, so that no share can be at its head for ever."""
    first, second = add_share(each_catalog), add_share(each_catalog, seconds=1)
    wait(each_catalog, first, 5, media="m1")
    wait(each_catalog, second, 6, media="m2")
    begin(each_catalog, first, "m1", "probe", 7)
    each_catalog.work.postpone(first, reason=REASON, owner="probe", now=at(8), until=at(9), held_for="tiktok")
    assert due_with(each_catalog, {"tiktok": 1}) == [second]
    assert due_with(each_catalog, {"tiktok": 2}) == [first, second]


def test_waiting_shares_do_not_crowd_out_others(each_catalog: OpenCatalog) -> None:
    """A listing of two returns the two shares behind a hundred that wait."""
    for number in range(100):
        wait(each_catalog, add_share(each_catalog, seconds=number), media=f"m{number}")
    others = [add_share(each_catalog, seconds=200 + number) for number in range(2)]
    assert due_with(each_catalog, {"tiktok": 0}, limit=2) == others


def test_a_claimed_share_no_longer_waits(each_catalog: OpenCatalog) -> None:
    """Once it is claimed, only a failure's own waiting time counts."""
    share = add_share(each_catalog)
    wait(each_catalog, share)
    assert claim(each_catalog, share, "m", "tick", 1)
    assert each_catalog.work.progress(share).held_for is None
    begin(each_catalog, share, "m", "run", 2, claim_id="tick")
    fail(each_catalog, share, "run", 3, retry_in=5)
    assert due_ids(each_catalog, 20) == [share]


def test_a_share_that_is_worked_on_does_not_wait(each_catalog: OpenCatalog) -> None:
    """A share that is being worked on, and one whose video another share is fetching, are left alone."""
    share, sibling = add_share(each_catalog), add_share(each_catalog, seconds=1)
    begin(each_catalog, share, "m", "run")
    wait(each_catalog, share, 1)
    wait(each_catalog, sibling, 1)
    assert each_catalog.work.progress(share).held_for is None
    assert each_catalog.work.progress(sibling).held_for is None
    finish(each_catalog, share, "run", 2)
    assert each_catalog.work.progress(share).outcome == "done"


def test_a_postponed_share_loses_no_attempt(each_catalog: OpenCatalog) -> None:
    """A postponed share is pending, is due again at its time, for anybody, and has as many attempts as before."""
    share = add_share(each_catalog)
    begin(each_catalog, share, "m", "run-1")
    fail(each_catalog, share, "run-1", retry_in=0)
    for number in range(5):
        begin(each_catalog, share, "m", f"run-2{number}", 10 * number + 1)
        each_catalog.work.postpone(
            share, reason=REASON, owner=f"run-2{number}", now=at(10 * number + 2), until=at(10 * number + 9)
        )
        assert each_catalog.work.progress(share).attempts == 1
        assert status_of(each_catalog, share) == "pending"
        assert due_ids(each_catalog, 10 * number + 8) == []
        assert due_ids(each_catalog, 10 * number + 9) == [share]
    progress = each_catalog.work.progress(share)
    assert (progress.outcome, progress.reason) == ("postponed", REASON)


def test_a_postponed_share_may_wait_for_its_site_too(each_catalog: OpenCatalog) -> None:
    """It is due once its time has come and the site has a slot."""
    share = add_share(each_catalog)
    begin(each_catalog, share, "m", "run")
    each_catalog.work.postpone(share, reason=REASON, owner="run", now=at(1), until=at(5), held_for="tiktok")
    assert due_with(each_catalog, {}, seconds=4) == []
    assert due_with(each_catalog, {"tiktok": 0}, seconds=6) == []
    assert due_with(each_catalog, {"tiktok": 1}, seconds=6) == [share]
    assert each_catalog.work.retry([share], now=at(2)) == [share]
    assert each_catalog.work.progress(share).held_for is None


def test_a_finished_share_that_is_postponed_stays_finished(each_catalog: OpenCatalog) -> None:
    """When the site is paused during a backfill over a done share, the share does not change."""
    share = add_share(each_catalog)
    begin(each_catalog, share, "m", "run")
    finish(each_catalog, share, "run", 1)
    begin(each_catalog, share, "m", "again", 2)
    each_catalog.work.postpone(share, reason=REASON, owner="again", now=at(3), until=at(9), held_for="tiktok")
    assert status_of(each_catalog, share) == "done"
    assert due_ids(each_catalog, 100) == []
    assert not each_catalog.leases.is_leased("m", now=at(4))


def test_only_the_run_that_has_a_share_may_postpone_it(each_catalog: OpenCatalog) -> None:
    """A run that has lost its lease cannot postpone its share."""
    share = add_share(each_catalog)
    begin(each_catalog, share, "m", "run")
    begin(each_catalog, share, "m", "other", 61)
    with pytest.raises(LeaseLostError):
        each_catalog.work.postpone(share, reason=REASON, owner="run", now=at(62), until=at(63))


def test_a_share_whose_worker_died_counts_the_crash_when_it_waits(each_catalog: OpenCatalog) -> None:
    """Waiting for a site hides no crash."""
    share = add_share(each_catalog)
    begin(each_catalog, share, "m", "run")
    wait(each_catalog, share, 61)
    [due] = each_catalog.work.due(now=at(62), limit=1)
    assert due.crashes == 1
