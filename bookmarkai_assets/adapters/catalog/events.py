"""`EventLog` over `storage_events`. Here rows are only appended."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Column, Row, insert, select
from typing_extensions import override

from bookmarkai_assets.adapters.catalog.columns import has_id
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.settling import settled_id
from bookmarkai_assets.adapters.catalog.tables.media import storage_events
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.ports import EventLog
from bookmarkai_assets.core.media.storage_events import Operation, Purpose, StorageEvent

_COLUMNS = [storage_events.c[field.name] for field in fields(StorageEvent)]


class SqlEventLog(EventLog):
    """The log that all metrics are computed from. Its columns are the fields of `StorageEvent`. A position is an id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def record(self, event: StorageEvent) -> None:
        with self._database.writing() as connection:
            connection.execute(insert(storage_events).values(asdict(event)))

    @override
    def for_share(self, share_id: str) -> Sequence[StorageEvent]:
        statement = (
            select(*_COLUMNS)
            .where(has_id(storage_events.c.share_id, share_id, is_sqlite=self._database.is_sqlite))
            .order_by(storage_events.c.occurred_at, storage_events.c.id)
        )
        with self._database.reading() as connection:
            return [_event(row) for row in connection.execute(statement)]

    @override
    def after(self, position: int, *, limit: int) -> tuple[Sequence[StorageEvent], int]:
        rows = rows_after(self._database, position, _COLUMNS, limit=limit)
        return [_event(row) for row in rows], rows[-1].id if rows else position


def _event(row: Row[*tuple[Any, ...]]) -> StorageEvent:
    return StorageEvent(
        occurred_at=row.occurred_at,
        operation=Operation(row.operation),
        backend=row.backend,
        share_id=row.share_id,
        media_id=row.media_id,
        kind=PartKind(row.kind),
        size_bytes=row.size_bytes,
        seconds=row.seconds,
        error_class=row.error_class,
        error=row.error,
        purpose=Purpose(row.purpose) if row.purpose else None,
    )


def rows_after(
    database: Database, position: int, columns: Sequence[Column[Any]], *, limit: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Read the next settled events in the order of their ids. Each row has the id, then these columns."""
    identity = storage_events.c.id
    statement = (
        select(identity, *columns)
        .where(identity > position, identity <= settled_id(database))
        .order_by(identity)
        .limit(limit)
    )
    with database.reading() as connection:
        return connection.execute(statement).all()
