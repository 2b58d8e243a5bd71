"""Up to which id `storage_events` is settled: no row will appear at or below it any more.

PostgreSQL hands out an id before the row that has it is committed, so of two inserts the later one may be seen first.
Whoever reads on by id must not pass the earlier one by.
"""

import time

from sqlalchemy import Connection, func, select, text

from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.tables.media import storage_events
from bookmarkai_assets.core.errors import CatalogUnavailableError

PATIENCE_SECONDS = 20.0
"""Recording an event takes milliseconds, so a transaction that is open for longer hangs, or is a person's."""

_POLL_SECONDS = 0.01

# An insert takes this lock on the table before it draws its id and keeps it until it is committed. Looked at, and not
# waited for with a lock of our own: that one would hold up every insert behind it, and end an autovacuum.
_INSERTING = text(
    "SELECT virtualtransaction, pid FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted"
    " AND relation = CAST('storage_events' AS regclass)"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def settled_id(database: Database, *, patience_seconds: float = PATIENCE_SECONDS) -> int:
    """Give the id up to which every event is there to be read, or never will be; 0 without events.

    Waits for the inserts that are under way, but keeps none from beginning. Raises `CatalogUnavailableError` when one
    does not end.
    """
    with database.reading() as connection:
        newest = connection.execute(select(func.max(storage_events.c.id))).scalar() or 0
    # SQLite has one writer at a time: the rows become visible in the order of their ids.
    if newest and not database.is_sqlite:
        _await_inserts(database, patience_seconds)
    return newest


def _await_inserts(database: Database, patience_seconds: float) -> None:
    deadline = time.monotonic() + patience_seconds
    with database.reading() as connection:
        awaited = _inserting(connection)
        while awaited:
            if time.monotonic() > deadline:
                pids = ", ".join(sorted(str(pid) for pid in awaited.values()))
                raise CatalogUnavailableError(
                    f"expected the transactions that write to storage_events in {database.name} to end within "
                    f"{patience_seconds:g} s, found them open in the server processes {pids}; look "
                    "them up in pg_stat_activity and end them if they hang. Nothing was lost, the next try goes on "
                    "from here"
                )
            time.sleep(_POLL_SECONDS)
            awaited = {key: pid for key, pid in _inserting(connection).items() if key in awaited}


def _inserting(connection: Connection) -> dict[str, int]:
    found = {row.virtualtransaction: row.pid for row in connection.execute(_INSERTING)}
    # Not kept open over the wait: an idle transaction holds back the server's own cleaning.
    connection.rollback()
    return found
