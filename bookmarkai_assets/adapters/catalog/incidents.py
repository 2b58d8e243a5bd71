"""`IncidentTable` over `incidents`: what is open, and what was delivered."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import Select, func, select, update
from typing_extensions import override

from bookmarkai_assets.adapters.catalog.columns import storable_document
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.rollout import OPEN, UNDELIVERED
from bookmarkai_assets.adapters.catalog.tables.rollout import incidents as table
from bookmarkai_assets.core.alerts.incidents import Incident, IncidentTable

_COLUMNS = [table.c[field.name] for field in fields(Incident)]


class SqlIncidentTable(IncidentTable):
    """Its columns are the fields of `Incident`. At most one row per key is open."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def open(self, incident: Incident) -> bool:
        values = {column.name: getattr(incident, column.name) for column in _COLUMNS}
        statement = insert_into(table, is_sqlite=self._database.is_sqlite).values(
            {**values, "details": storable_document(incident.details)}
        )
        with self._database.writing() as connection:
            return (
                connection.execute(
                    statement.on_conflict_do_nothing(index_elements=[table.c.key], index_where=OPEN)
                ).rowcount
                == 1
            )

    @override
    def close(self, key: str, *, now: datetime) -> bool:
        statement = update(table).where(OPEN, table.c.key == key).values(closed_at=now)
        with self._database.writing() as connection:
            return connection.execute(statement).rowcount == 1

    @override
    def undelivered(self) -> Sequence[Incident]:
        return self._read(select(*_COLUMNS).where(UNDELIVERED).order_by(table.c.opened_at, table.c.id))

    @override
    def mark_delivered(self, incident: Incident, *, now: datetime) -> None:
        statement = (
            update(table)
            .where(UNDELIVERED, table.c.key == incident.key, table.c.opened_at == incident.opened_at)
            .values(delivered_at=now)
        )
        with self._database.writing() as connection:
            connection.execute(statement)

    @override
    def count_open(self) -> Mapping[str, int]:
        statement = select(table.c.kind, func.count().label("open")).where(OPEN).group_by(table.c.kind)
        with self._database.reading() as connection:
            return {row.kind: row.open for row in connection.execute(statement)}

    @override
    def list(self, *, is_open: bool | None = None, limit: int | None = None) -> Sequence[Incident]:
        statement = select(*_COLUMNS).order_by(table.c.opened_at.desc(), table.c.id.desc()).limit(limit)
        if is_open is not None:
            statement = statement.where(OPEN if is_open else ~OPEN)
        return self._read(statement)

    def _read(self, statement: Select[*tuple[object, ...]]) -> Sequence[Incident]:
        with self._database.reading() as connection:
            return [Incident(**row._mapping) for row in connection.execute(statement)]  # noqa: SLF001 - SQLAlchemy's documented name
