"""A malformed row of `shares` is parked, not fatal.

SQLite accepts any type and any bytes in any column; PostgreSQL accepts times that Python's calendar cannot express.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.core.errors import UnknownShareError
from bookmarkai_assets.core.outcomes import Failure, Outcome
from tests.support.catalog import USER, add_share, at, begin, due_ids, execute

MALFORMED = Failure(Outcome.REFUSED, "malformed row")
GOOD_ID = "6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11"
GOOD_TIME = "2026-01-31T12:00:00.000000+00:00"

# SQL literals for (id, url, created_at).
ROWS = {
    "garbage as time": (f"'{GOOD_ID}'", "'https://example.com/1'", "'yesterday'"),
    "a number as time": (f"'{GOOD_ID}'", "'https://example.com/1'", "1769860800"),
    "bytes as time": (f"'{GOOD_ID}'", "'https://example.com/1'", "X'FF00'"),
    "nothing as link": (f"'{GOOD_ID}'", "''", f"'{GOOD_TIME}'"),
    "bytes as link": (f"'{GOOD_ID}'", "X'00FFFE'", f"'{GOOD_TIME}'"),
    "a number as link": (f"'{GOOD_ID}'", "42", f"'{GOOD_TIME}'"),
    "text that is no UTF-8 as link": (f"'{GOOD_ID}'", "CAST(X'68FF' AS TEXT)", f"'{GOOD_TIME}'"),
    "a word as id": ("'not-a-uuid'", "'https://example.com/1'", f"'{GOOD_TIME}'"),
    "nothing as id": ("''", "'https://example.com/1'", f"'{GOOD_TIME}'"),
    "a number as id": ("42", "'https://example.com/1'", f"'{GOOD_TIME}'"),
    "bytes as id": ("X'DEADBEEF'", "'https://example.com/1'", f"'{GOOD_TIME}'"),
    "a UUID in bytes as id": ("X'36663163'", "'https://example.com/1'", f"'{GOOD_TIME}'"),
    "text that is no UTF-8 as id": ("CAST(X'68FF27' AS TEXT)", "'https://example.com/1'", f"'{GOOD_TIME}'"),
    "text that reads like bytes as id": ("'X''FF'''", "'https://example.com/1'", f"'{GOOD_TIME}'"),
    "SQL as id": ("'''; DROP TABLE shares; --'", "'https://example.com/1'", f"'{GOOD_TIME}'"),
    "everything at once": ("X''", "X'FF'", "X'FE'"),
}


@pytest.fixture(params=list(ROWS), ids=lambda name: name.replace(" ", "-"))
def catalog(request: pytest.FixtureRequest, sqlite_url: str) -> Iterator[OpenCatalog]:
    """Return a catalog with one malformed row, and a good share that is younger."""
    share_id, url, created_at = ROWS[request.param]
    with open_catalog(sqlite_url) as catalog:
        insert(catalog, share_id, url, created_at)
        add_share(catalog, url="https://example.com/good", seconds=10)
        yield catalog


def insert(catalog: OpenCatalog, share_id: str, url: str, created_at: str) -> None:
    """Write a row past every check that would refuse it."""
    with closing(sqlite3.connect(str(catalog.database.engine.url.database))) as connection, connection:
        connection.execute(
            f"INSERT INTO shares (id, user_id, url, platform, status, created_at) "  # noqa: S608 - literals of this module
            f"VALUES ({share_id}, '{USER}', {url}, 'generic', 'pending', {created_at})"
        )


def test_a_malformed_row_is_due_like_any_other(catalog: OpenCatalog) -> None:
    """The selection returns it as printable text, beside the good share."""
    due = catalog.work.due(now=at(20), limit=10)

    assert len(due) == 2
    assert all(str(share).encode("utf-8") for share in due)


def test_a_malformed_row_can_be_parked(catalog: OpenCatalog) -> None:
    """A malformed row is parked by the id from the selection, with its reason, and the good share stays due."""
    good = next(due.share_id for due in catalog.work.due(now=at(20), limit=10) if due.url == "https://example.com/good")
    bad = next(share_id for share_id in due_ids(catalog, 20) if share_id != good)

    catalog.work.park(bad, MALFORMED, now=at(20))

    assert due_ids(catalog, 10_000) == [good]
    assert catalog.work.failed_share_ids() == [bad]
    assert catalog.work.progress(bad).reason == "malformed row"


def test_a_malformed_row_can_be_retried_once_it_is_corrected(catalog: OpenCatalog) -> None:
    """Retrying a row that was parked makes it due again."""
    before = due_ids(catalog, 20)
    for share_id in before:
        catalog.work.park(share_id, MALFORMED, now=at(20))

    assert catalog.work.retry(before, now=at(21)) == before

    assert sorted(due_ids(catalog, 21)) == sorted(before)


def test_malformed_rows_are_listed(catalog: OpenCatalog) -> None:
    """The list of shares shows malformed rows too, so that a person can find them."""
    shares = catalog.shares.list(statuses=["pending"])

    assert len(shares) == 2
    assert all(str(share).encode("utf-8") for share in shares)


def test_malformed_rows_do_not_stop_a_search_for_words(catalog: OpenCatalog) -> None:
    """Whatever is in the bad row's columns, the good one is found by its words."""
    assert [share.url for share in catalog.shares.list(words=["GOOD"])] == ["https://example.com/good"]
    assert catalog.shares.without_row([share.share_id for share in catalog.shares.list()]) == []


def test_a_time_that_cannot_be_read_is_named(sqlite_catalog: OpenCatalog) -> None:
    """Reading the one share says which value of which column is wrong, and what to do."""
    insert(sqlite_catalog, f"'{GOOD_ID}'", "'https://example.com/1'", "'yesterday'")

    with pytest.raises(UnknownShareError, match=r"shares\.created_at of 6f1c.* found 'yesterday'; correct the row"):
        sqlite_catalog.shares.get(GOOD_ID)


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "294275-01-01"])
def test_a_time_beyond_every_calendar_is_named(postgres_url: str, moment: str) -> None:
    """A timestamp that Python cannot hold does not stop the selection or the list, and is not taken for a time."""
    with open_catalog(postgres_url) as catalog:
        share_id = add_share(catalog)
        execute(catalog, "UPDATE shares SET created_at = :moment", moment=moment)

        assert due_ids(catalog) == [share_id]
        assert [share.created_at for share in catalog.shares.list()] == [datetime(1970, 1, 1, tzinfo=UTC)]
        with pytest.raises(UnknownShareError, match=r"expected shares\.created_at of .* to be a time"):
            catalog.shares.get(share_id)


def test_a_time_in_sqlites_own_form_is_read_as_utc(sqlite_catalog: OpenCatalog) -> None:
    """CURRENT_TIMESTAMP, which writes no zone, means UTC."""
    insert(sqlite_catalog, f"'{GOOD_ID}'", "'https://example.com/1'", "'2026-01-31 12:00:00'")

    assert sqlite_catalog.shares.get(GOOD_ID).created_at == at(0)


def test_a_row_without_an_id_is_skipped(sqlite_catalog: OpenCatalog) -> None:
    """A row that nothing could ever refer to is skipped and does not block the others."""
    with closing(sqlite3.connect(str(sqlite_catalog.database.engine.url.database))) as connection, connection:
        connection.executescript(  # the gateway's table may be laxer than ours
            "DROP TABLE shares;"
            "CREATE TABLE shares (id TEXT PRIMARY KEY, user_id TEXT, url TEXT, platform TEXT, status TEXT, "
            "title TEXT, author TEXT, media_url TEXT, created_at TEXT, updated_at TEXT, UNIQUE (url, user_id));"
            "INSERT INTO shares (user_id, url, platform, status) "
            "VALUES ('user', 'https://example.com/1', 'x', 'pending');"
        )
    good = add_share(sqlite_catalog)

    assert due_ids(sqlite_catalog, 10) == [good]


def test_a_share_deleted_by_the_gateway_is_no_longer_due(each_catalog: OpenCatalog) -> None:
    """What the ledger remembers of a deleted share does no harm."""
    gone, kept = add_share(each_catalog, seconds=1), add_share(each_catalog, seconds=2)
    begin(each_catalog, gone, "m1", "run")
    with each_catalog.database.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM shares WHERE id = '{gone}'")  # noqa: S608 - an id of this test

    assert due_ids(each_catalog, 1000) == [kept]
    each_catalog.work.park(gone, MALFORMED, now=at(1000))
    each_catalog.work.release("run", now=at(1000))
    assert each_catalog.work.retry([gone, str(uuid4())], now=at(1000)) == []
