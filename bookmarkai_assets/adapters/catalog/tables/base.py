"""The metadata that all tables belong to, and the row that names the version of the schema."""

from sqlalchemy import (
    Column,
    MetaData,
    String,
    Table,
)
from sqlalchemy.dialects import postgresql, sqlite

SCHEMA_VERSION_TABLE = "bookmarkai_schema_version"
"""Alembic's table under a name of our own: the gateway keeps one too, under Alembic's default name."""

metadata = MetaData()

schema_version = Table(SCHEMA_VERSION_TABLE, MetaData(), Column("version_num", String(32), nullable=False))


def insert_into(table: Table, *, is_sqlite: bool) -> sqlite.Insert | postgresql.Insert:
    """Begin an INSERT that can say ON CONFLICT, in the database's own dialect."""
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)
