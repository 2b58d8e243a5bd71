"""The contract of `WorkLedger` for a share that held up the others of its run, over SQLite and PostgreSQL."""

from bookmarkai_assets.adapters.catalog import OpenCatalog
from tests.support.catalog import add_share, at, begin, claim, execute, fail, finish, status_of


def begin_and_postpone(
    catalog: OpenCatalog, share_id: str, seconds: float = 1, *, run: str = "run", alone: bool = True
) -> None:
    """Begin a share and put it back at once, to be due then."""
    begin(catalog, share_id, "m", run, seconds)
    catalog.work.postpone(share_id, reason="slow", owner=run, now=at(seconds), until=at(seconds), alone=alone)


def due_alone(catalog: OpenCatalog, seconds: float) -> dict[str, bool]:
    """Return each due share with whether it is to run alone."""
    return {due.share_id: due.runs_alone for due in catalog.work.due(now=at(seconds), limit=9)}


def test_a_straggler_is_due_at_once_and_alone(each_catalog: OpenCatalog) -> None:
    """It is pending without an attempt and needs a run of its own; another share that waited does not."""
    straggler, other = add_share(each_catalog), add_share(each_catalog, seconds=0.5)
    begin_and_postpone(each_catalog, straggler)
    begin_and_postpone(each_catalog, other, alone=False)
    assert due_alone(each_catalog, 1) == {straggler: True, other: False}
    assert status_of(each_catalog, straggler) == "pending"
    assert each_catalog.work.progress(straggler).attempts == 0


def test_it_stays_alone_through_its_attempts(each_catalog: OpenCatalog) -> None:
    """Failures, a pause of its site, a run that ends without it, and a crash do not bring it back among the others."""
    share = add_share(each_catalog)
    begin_and_postpone(each_catalog, share)
    assert claim(each_catalog, share, "m", "tick", 2)
    begin(each_catalog, share, "m", "first", 3, claim_id="tick")
    fail(each_catalog, share, "first", 4, retry_in=1)
    assert due_alone(each_catalog, 5) == {share: True}
    begin_and_postpone(each_catalog, share, 6, alone=False)
    assert due_alone(each_catalog, 6) == {share: True}
    each_catalog.work.wait_for_site(share, "m", held_for="tiktok", reason="paused", now=at(7))
    assert due_alone(each_catalog, 7) == {share: True}
    begin(each_catalog, share, "m", "second", 8)
    each_catalog.work.release("second", now=at(9))
    assert due_alone(each_catalog, 9) == {share: True}
    begin(each_catalog, share, "m", "third", 10)
    assert due_alone(each_catalog, 200) == {share: True}


def test_a_persons_retry_starts_over(each_catalog: OpenCatalog) -> None:
    """A parked or waiting share that a person retried runs with the others again."""
    waiting = add_share(each_catalog)
    begin_and_postpone(each_catalog, waiting)
    assert each_catalog.work.retry([waiting], now=at(2)) == [waiting]
    assert due_alone(each_catalog, 2) == {waiting: False}

    begin_and_postpone(each_catalog, waiting, 3)
    begin(each_catalog, waiting, "m", "last", 4)
    fail(each_catalog, waiting, "last", 5)
    assert each_catalog.work.retry([waiting], now=at(6)) == [waiting]
    assert due_alone(each_catalog, 6) == {waiting: False}


def test_a_reopened_share_starts_over(each_catalog: OpenCatalog) -> None:
    """A share that the gateway reopens runs with the others again, with all of its attempts."""
    share = add_share(each_catalog)
    begin_and_postpone(each_catalog, share)
    begin(each_catalog, share, "m", "last", 2)
    fail(each_catalog, share, "last", 3)
    execute(each_catalog, "UPDATE shares SET status = 'pending'")
    assert due_alone(each_catalog, 4) == {share: False}
    assert claim(each_catalog, share, "m", "tick", 5)
    assert due_alone(each_catalog, 100) == {share: False}


def test_success_ends_running_alone(each_catalog: OpenCatalog) -> None:
    """Once it has been fetched, a straggler runs with the others again."""
    share = add_share(each_catalog)
    begin_and_postpone(each_catalog, share)
    begin(each_catalog, share, "m", "alone", 2)
    finish(each_catalog, share, "alone", 3)
    assert each_catalog.work.retry([share], now=at(4), is_lost=True) == [share]
    assert due_alone(each_catalog, 4) == {share: False}


def test_a_share_that_is_done_stays_done(each_catalog: OpenCatalog) -> None:
    """A straggler that was only to be fetched again is not taken up again once it is done."""
    share = add_share(each_catalog)
    begin(each_catalog, share, "m", "run")
    finish(each_catalog, share, "run")
    begin_and_postpone(each_catalog, share, run="backfill")
    assert due_alone(each_catalog, 2) == {}
    assert status_of(each_catalog, share) == "done"
