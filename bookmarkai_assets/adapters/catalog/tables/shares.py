"""The table `shares`, and the partial indexes of several tables, as the current code sees them.

The migrations create them. `shares` and `transcripts` belong to BookmarkAI's gateway: the code relies only on the
columns named here, and no constraint of ours refers to them, so the gateway may delete rows as it likes. The other
tables are the pipeline's own.
"""

from sqlalchemy import (
    Column,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
)

from bookmarkai_assets.adapters.catalog.columns import Document, Identifier, Moment
from bookmarkai_assets.adapters.catalog.tables.base import metadata
from bookmarkai_assets.adapters.catalog.tables.media import UNCONFIRMED, tombstones
from bookmarkai_assets.adapters.catalog.tables.transcripts import IS_DOUBTFUL, transcript_provenance
from bookmarkai_assets.adapters.catalog.tables.work import IS_HELD, IS_NOT_DONE, IS_PARKED, share_work

shares = Table(
    "shares",
    metadata,
    Column("id", Identifier, nullable=False),
    Column("user_id", Identifier, nullable=False),
    Column("url", Text, nullable=False),
    Column("platform", String(50)),
    Column("status", String(50), nullable=False, server_default="pending"),
    Column("idempotency_key", String(100)),
    Column("title", Text),
    Column("description", Text),
    Column("author", Text),
    Column("thumbnail_url", Text),
    Column("media_url", Text),
    Column("media_type", Text),
    Column("platform_data", Document),
    Column("workflow_state", Text),
    Column("created_at", Moment, nullable=False, server_default=func.now()),
    Column("updated_at", Moment, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("id", name="pk_shares"),
    UniqueConstraint("idempotency_key", name="uq_shares_idempotency_key"),
    UniqueConstraint("url", "user_id", name="uq_shares_url_user_id"),
    Index("ix_shares_status_created_at", "status", "created_at"),
    Index("ix_shares_created_at", "created_at"),
)

Index(
    "ix_transcript_provenance_doubtful",
    transcript_provenance.c.updated_at,
    sqlite_where=IS_DOUBTFUL,
    postgresql_where=IS_DOUBTFUL,
)

# The state comes first although it is always the same. Otherwise SQLite uses the longer index that begins with it.
Index(
    "ix_share_work_parked",
    share_work.c.state,
    share_work.c.finished_at,
    sqlite_where=IS_PARKED,
    postgresql_where=IS_PARKED,
)

Index(
    "ix_share_work_failed",
    share_work.c.outcome,
    share_work.c.state,
    sqlite_where=IS_NOT_DONE,
    postgresql_where=IS_NOT_DONE,
)

Index(
    "ix_share_work_held_for",
    share_work.c.held_for,
    share_work.c.next_attempt_at,
    sqlite_where=IS_HELD,
    postgresql_where=IS_HELD,
)

Index(
    "ix_tombstones_unconfirmed_url",
    tombstones.c.url,
    unique=True,
    sqlite_where=UNCONFIRMED,
    postgresql_where=UNCONFIRMED,
)
