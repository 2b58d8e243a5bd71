"""`Cursors` over `cursors`: positions by name."""

from sqlalchemy import Connection, select
from typing_extensions import override

from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.rollout import cursors as table
from bookmarkai_assets.core.rollout.ports import Cursors


class SqlCursors(Cursors):
    """One position per name, the last one that was kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def get(self, name: str) -> str | None:
        with self._database.reading() as connection:
            return read(connection, name)

    @override
    def set(self, name: str, position: str) -> None:
        statement = insert_into(table, is_sqlite=self._database.is_sqlite).values(name=name, position=position)
        with self._database.writing() as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=[table.c.name], set_={"position": position})
            )


def read(connection: Connection, name: str) -> str | None:
    """Read a position within a caller's transaction."""
    return connection.execute(select(table.c.position).where(table.c.name == name)).scalar()


def advance(connection: Connection, name: str, *, expected: str | None, position: str) -> bool:
    """Replace a position if it is still `expected` (None: there was none). Return whether it was.

    The row stays locked until the end of the caller's transaction, so exactly one of several that advance it wins.
    """
    statement = insert_into(table, is_sqlite=connection.dialect.name == "sqlite").values(name=name, position=position)
    return (
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[table.c.name],
                set_={"position": position},
                where=table.c.position == expected,
            )
        ).rowcount
        == 1
    )
