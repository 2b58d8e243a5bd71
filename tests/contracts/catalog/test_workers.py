"""The contract of `WorkerTable`, over SQLite and PostgreSQL."""

from datetime import timedelta

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.workers.worker import WorkerKind
from tests.support.catalog import at
from tests.support.workers import worker


def test_a_worker_is_alive_until_its_sign_expires(each_catalog: OpenCatalog) -> None:
    """It is read as it was announced, and a renewed sign counts from its own end."""
    table = each_catalog.workers
    run, daemon = worker("run", now=at(0)), worker("daemon", now=at(1), kind=WorkerKind.DAEMON, storage_mode="hybrid")
    table.announce(daemon)
    table.announce(run)

    assert list(table.living(now=at(29))) == [run, daemon]
    assert table.expired(now=at(29)) == frozenset()
    assert table.expired(now=at(30)) == {"run"}
    assert list(table.living(now=at(30))) == [daemon]
    table.renew("run", until=at(100))
    assert [one.worker_id for one in table.living(now=at(99))] == ["run"]
    table.renew("nobody", until=at(900))
    assert list(table.living(now=at(100))) == []


def test_announcing_again_replaces(each_catalog: OpenCatalog) -> None:
    """A daemon announces itself at each tick, and is one worker."""
    for second in (0, 5):
        each_catalog.workers.announce(worker("daemon", now=at(second), s3_percentage=second))

    assert [one.s3_percentage for one in each_catalog.workers.living(now=at(6))] == [5]


def test_a_worker_that_leaves_is_gone(each_catalog: OpenCatalog) -> None:
    """At once, and leaving twice is no error."""
    each_catalog.workers.announce(worker("run", now=at(0)))
    for _ in "12":
        each_catalog.workers.leave("run")

    assert list(each_catalog.workers.living(now=at(1))) == []


def test_the_dead_are_forgotten_after_a_day(each_catalog: OpenCatalog) -> None:
    """Workers that died leave rows, which do not pile up."""
    each_catalog.workers.announce(worker("dead", now=at(0), seconds=0))
    each_catalog.workers.announce(worker("dead today", now=at(7200), seconds=0))
    each_catalog.workers.announce(worker("new", now=at(3600) + timedelta(days=1), seconds=60))

    each_catalog.workers.renew("dead", until=at(0) + timedelta(days=9))
    each_catalog.workers.renew("dead today", until=at(0) + timedelta(days=9))

    assert [one.worker_id for one in each_catalog.workers.living(now=at(0) + timedelta(days=8))] == ["dead today"]
