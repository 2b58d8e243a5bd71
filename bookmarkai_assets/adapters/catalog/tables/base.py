"""The metadata that all tables belong to, and the row that names the version of the schema."""

from sqlalchemy import (
    Column,
    MetaData,
    String,
    Table,
)
from sqlalchemy.dialects import postgresql, sqlite

SCHEMA_VERSION_TABLE = "bookmarkai_schema_version"
"""Alembic's table, under our own name because the gateway has one under Alembic's default name."""

metadata = MetaData()

schema_version = Table(
    SCHEMA_VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    Column("oldest_code", String(32), comment="the revision of the oldest code that can work on this schema"),
)


def insert_into(table: Table, *, is_sqlite: bool) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT in the database's own dialect, which supports ON CONFLICT."""
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)
