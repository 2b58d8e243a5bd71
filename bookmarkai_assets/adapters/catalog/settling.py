"""The id up to which `storage_events` is settled: no new row will appear at or below it.

PostgreSQL assigns an id before the row is committed, so of two inserts the later one may become visible first. A reader
that continues by id must not skip the earlier one.
"""

import time

from sqlalchemy import Connection, func, select, text

from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.tables.media import storage_events
from bookmarkai_assets.core.errors import CatalogUnavailableError

PATIENCE_SECONDS = 20.0
"""Recording an event takes milliseconds. A transaction that is open for longer hangs, or a person has opened it."""

_POLL_SECONDS = 0.01

# An insert takes this lock on the table before it draws its id, and keeps it until it commits. The lock is polled.
# Waiting for it with a lock of our own would block every insert behind it, and cancel an autovacuum.
_INSERTING = text(
    "SELECT virtualtransaction, pid FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted"
    " AND relation = CAST('storage_events' AS regclass)"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def settled_id(database: Database, *, patience_seconds: float = PATIENCE_SECONDS) -> int:
    """Return the id up to which every event can be read now or never will be. It is 0 without events.

    Waits for the inserts in progress, but keeps no new one from beginning. Raises `CatalogUnavailableError` if one does
    not end.
    """
    with database.reading() as connection:
        newest = connection.execute(select(func.max(storage_events.c.id))).scalar() or 0
    # SQLite has one writer at a time, so the rows become visible in the order of their ids.
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
                    "them up in pg_stat_activity and end them if they hang. Nothing was lost, and the next try "
                    "continues from here"
                )
            time.sleep(_POLL_SECONDS)
            awaited = {key: pid for key, pid in _inserting(connection).items() if key in awaited}


def _inserting(connection: Connection) -> dict[str, int]:
    found = {row.virtualtransaction: row.pid for row in connection.execute(_INSERTING)}
    # Not kept open while waiting, because an idle transaction holds back the server's vacuum.
    connection.rollback()
    return found
