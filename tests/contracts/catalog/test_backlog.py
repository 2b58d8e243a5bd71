"""The contract of `WorkLedger.backlog`, over SQLite and PostgreSQL: what waits for a worker, and since when."""

import re

import pytest
from sqlalchemy import bindparam, text

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.adapters.catalog.columns import Moment
from bookmarkai_assets.core.shares.ports import Backlog
from tests.support.catalog import LEASE_SECONDS, add_share, at, begin, claim, execute, fail, finish
from tests.support.project import PROJECT


def backlog(catalog: OpenCatalog, seconds: float, slots: dict[str, int] | None = None) -> Backlog:
    """Read the backlog at that time."""
    return catalog.work.backlog(now=at(seconds), slots=slots or {})


def wait(catalog: OpenCatalog, share_id: str, media: str, seconds: float) -> None:
    """Have a share wait for TikTok."""
    catalog.work.wait_for_site(share_id, media, held_for="tiktok", reason="paused", now=at(seconds))


def test_an_empty_catalog_has_no_backlog(each_catalog: OpenCatalog) -> None:
    """Nothing is due, and there is no oldest."""
    assert backlog(each_catalog, 0) == Backlog(due=0, running=0, oldest_since=None)


def test_a_share_waits_until_a_run_begins_it(each_catalog: OpenCatalog) -> None:
    """New and claimed shares wait for a worker, the one with a run does not, and a finished one is forgotten."""
    first, second = add_share(each_catalog, seconds=1), add_share(each_catalog, seconds=2)
    assert backlog(each_catalog, 5) == Backlog(due=2, running=0, oldest_since=at(1))
    assert claim(each_catalog, first, "m1", "tick", 6)
    assert backlog(each_catalog, 7) == Backlog(due=2, running=0, oldest_since=at(2))
    assert begin(each_catalog, first, "m1", "run", 8, claim_id="tick") == 1
    assert backlog(each_catalog, 9) == Backlog(due=1, running=1, oldest_since=at(2))
    assert claim(each_catalog, second, "m2", "tick", 10)
    assert backlog(each_catalog, 11) == Backlog(due=1, running=1, oldest_since=at(10))
    finish(each_catalog, first, "run", 12)
    assert backlog(each_catalog, 13) == Backlog(due=1, running=0, oldest_since=at(10))


def test_a_retry_counts_once_it_is_due(each_catalog: OpenCatalog) -> None:
    """A failed share counts from the moment of its next attempt, and a parked one does not."""
    retried, parked = add_share(each_catalog), add_share(each_catalog)
    for share, media, retry_in in ((retried, "m1", 100), (parked, "m2", None)):
        begin(each_catalog, share, media, "run", 1)
        fail(each_catalog, share, "run", 2, retry_in=retry_in)
    assert backlog(each_catalog, 50).due == 0
    assert backlog(each_catalog, 150) == Backlog(due=1, running=0, oldest_since=at(102))


def test_the_shares_of_a_dead_worker_wait_for_another(each_catalog: OpenCatalog) -> None:
    """Once its lease has ended, a share that was begun or claimed counts as due and no longer as running."""
    begun, claimed = add_share(each_catalog), add_share(each_catalog)
    begin(each_catalog, begun, "m1", "run", 1)
    claim(each_catalog, claimed, "m2", "tick", 2)
    assert backlog(each_catalog, 3) == Backlog(due=1, running=1, oldest_since=at(2))
    assert backlog(each_catalog, 3 + LEASE_SECONDS) == Backlog(due=2, running=0, oldest_since=at(1))


def test_what_no_worker_could_take_does_not_count(each_catalog: OpenCatalog) -> None:
    """Of the shares that wait for a site only as many count as it has slots, and none that waits for its own video."""
    for number in range(3):
        wait(each_catalog, add_share(each_catalog), f"m{number}", number)
    assert backlog(each_catalog, 10, {"tiktok": 0}) == Backlog(due=0, running=0, oldest_since=None)
    assert backlog(each_catalog, 10, {"tiktok": 2}) == Backlog(due=2, running=0, oldest_since=at(0))
    assert backlog(each_catalog, 10).due == 3
    begin(each_catalog, add_share(each_catalog), "m0", "run", 10)
    assert backlog(each_catalog, 11) == Backlog(due=2, running=1, oldest_since=at(1))


@pytest.mark.parametrize("created_at", ["yesterday", ""])
def test_a_malformed_time_does_not_hide_the_backlog(sqlite_catalog: OpenCatalog, created_at: str) -> None:
    """The share counts like any other. Only the age of the oldest cannot be said."""
    share = add_share(sqlite_catalog)
    execute(sqlite_catalog, "UPDATE shares SET created_at = :moment WHERE id = :id", moment=created_at, id=share)
    assert backlog(sqlite_catalog, 1) == Backlog(due=1, running=0, oldest_since=None)


def test_the_query_in_the_documentation_counts_the_same(each_catalog: OpenCatalog) -> None:
    """What docs/cluster.md gives to those who scale by the database is what `bookmarkai work` counts."""
    page = (PROJECT / "docs" / "cluster.md").read_text(encoding="utf-8")
    [query] = re.findall(r"query: >-\n((?: +.*\n)+?)(?= +targetQueryValue)", page)
    _, claimed, begun, held, retried, later, parked = (add_share(each_catalog) for _ in range(7))
    claim(each_catalog, claimed, "m1", "tick", 1)
    begin(each_catalog, begun, "m2", "run", 1)
    wait(each_catalog, held, "m3", 1)
    for share, media, retry_in in ((retried, "m4", 3), (later, "m5", 3000), (parked, "m6", None)):
        begin(each_catalog, share, media, "run", 1)
        fail(each_catalog, share, "run", 2, retry_in=retry_in)
    statement = text(query.replace("now()", ":now")).bindparams(bindparam("now", at(10), type_=Moment))
    with each_catalog.database.engine.connect() as connection:
        counted = connection.execute(statement).scalar_one()
    assert counted == backlog(each_catalog, 10, {"tiktok": 0}).due == 3
