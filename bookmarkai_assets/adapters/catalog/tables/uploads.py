"""The table of uploads: files that people send to the bucket themselves."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    literal_column,
)

from bookmarkai_assets.adapters.catalog.columns import ForeignText, Identifier, Moment
from bookmarkai_assets.adapters.catalog.tables.base import metadata

uploads = Table(
    "uploads",
    metadata,
    Column("id", Identifier, nullable=False),
    Column("user_id", Identifier, nullable=False),
    Column("name", ForeignText, nullable=False, comment="the file's, as its owner says"),
    Column("content_type", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False, comment="as its owner says; the bytes are compared with it"),
    Column("object_key", Text, nullable=False),
    Column("status", String(20), nullable=False, comment="awaiting, arrived, taken_in, refused or abandoned"),
    Column("multipart_id", Text, comment="the bucket's multipart upload; null for a file sent in one request"),
    Column("part_bytes", BigInteger),
    Column("share_id", Identifier, comment="the share that was made of it"),
    Column("reason", ForeignText, comment="why it was refused or abandoned"),
    Column("created_at", Moment, nullable=False),
    Column("arrived_at", Moment),
    Column("ended_at", Moment, comment="when it was taken in, refused or abandoned"),
    Column("removed_at", Moment, comment="when nothing of it was left in the bucket"),
    PrimaryKeyConstraint("id", name="pk_uploads"),
    Index("ix_uploads_sha256_user_id", "sha256", "user_id"),
)

IS_IN_BUCKET = uploads.c.removed_at.is_(None)
"""The uploads of which something may be in the bucket. SQLite uses a partial index only for its exact condition."""

IS_UNFINISHED = uploads.c.status.in_([literal_column("'awaiting'"), literal_column("'arrived'")])

Index("ix_uploads_in_bucket", uploads.c.id, sqlite_where=IS_IN_BUCKET, postgresql_where=IS_IN_BUCKET)
