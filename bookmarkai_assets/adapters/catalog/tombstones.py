"""`TombstoneTable` over `tombstones`: what was deleted, why, and on what evidence."""

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update
from typing_extensions import override

from bookmarkai_assets.adapters.catalog.columns import storable, storable_document
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.media import UNCONFIRMED
from bookmarkai_assets.adapters.catalog.tables.media import tombstones as table
from bookmarkai_assets.core.media.ports import Tombstone, TombstoneTable

_COLUMNS = [table.c[field.name] for field in fields(Tombstone)]


class SqlTombstoneTable(TombstoneTable):
    """Its columns are the fields of `Tombstone`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def write(self, tombstones: Sequence[Tombstone]) -> None:
        with self._database.writing() as connection:
            write(connection, tombstones)

    @override
    def confirm(self, urls: Collection[str], *, now: datetime) -> None:
        if not urls:
            return
        statement = update(table).where(UNCONFIRMED, table.c.url == bindparam("of_url")).values(removed_at=now)
        with self._database.writing() as connection:
            connection.execute(statement, [{"of_url": url} for url in sorted({storable(url) for url in urls})])

    @override
    def list(self, *, media_id: str | None = None, limit: int | None = None) -> Sequence[Tombstone]:
        statement = select(*_COLUMNS).order_by(table.c.written_at.desc(), table.c.id.desc()).limit(limit)
        if media_id is not None:
            statement = statement.where(table.c.media_id == media_id)
        with self._database.reading() as connection:
            return [Tombstone(**row._mapping) for row in connection.execute(statement)]  # noqa: SLF001 - SQLAlchemy's documented name


def write(connection: Connection, tombstones: Sequence[Tombstone]) -> None:
    """Write tombstones within a caller's transaction. Of several for one URL, only the last is kept."""
    by_url = {storable(tombstone.url): tombstone for tombstone in tombstones}
    statement = insert_into(table, is_sqlite=connection.dialect.name == "sqlite")
    replacing = statement.on_conflict_do_update(
        index_elements=[table.c.url],
        index_where=UNCONFIRMED,
        set_={column.name: statement.excluded[column.name] for column in _COLUMNS},
    )
    if by_url:
        connection.execute(replacing, [_values(by_url[url]) for url in sorted(by_url)])


def _values(tombstone: Tombstone) -> dict[str, object]:
    values = {column.name: getattr(tombstone, column.name) for column in _COLUMNS}
    return {**values, "proof": storable_document(tombstone.proof)}
