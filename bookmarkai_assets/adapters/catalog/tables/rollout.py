"""The tables of the rollout: totals of storage events, decisions, verifications, incidents, cursors.

All are the pipeline's own. The migrations create them.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

from bookmarkai_assets.adapters.catalog.columns import Document, ForeignText, Moment
from bookmarkai_assets.adapters.catalog.tables.base import metadata

_ROW_ID = BigInteger().with_variant(Integer, "sqlite")

event_totals = Table(
    "event_totals",
    metadata,
    Column("span_seconds", Integer, nullable=False, comment="300, 3600 or 86400"),
    Column("starts_at", Moment, nullable=False, comment="the span's boundary, in UTC"),
    Column("operation", String(20), nullable=False),
    Column("backend", String(20), nullable=False),
    Column("purpose", String(20), nullable=False, comment="empty for events that do not say it"),
    Column("kind", Text, nullable=False),
    Column("error_class", Text, nullable=False, comment="empty for what went well"),
    Column("events", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False, comment="of what went well"),
    Column("seconds", Double, nullable=False, comment="of what went well"),
    Column("requests", BigInteger, nullable=False),
    Column("latency_bins", Document, nullable=False, comment="how many took how long: count by bin"),
    PrimaryKeyConstraint(
        "span_seconds",
        "starts_at",
        "operation",
        "backend",
        "purpose",
        "kind",
        "error_class",
        name="pk_event_totals",
    ),
)

rollout_decisions = Table(
    "rollout_decisions",
    metadata,
    Column("id", _ROW_ID, nullable=False, autoincrement=True),
    Column("previous_id", BigInteger, nullable=False, comment="the decision it follows; 0 for the first"),
    Column("action", String(20), nullable=False, comment="promote, set, abort, rollback, resume or advise"),
    Column("stage", String(20), comment="the stage from then on: shadow or a percentage; null: not begun"),
    Column("is_rolled_back", Boolean, nullable=False),
    Column("decided_at", Moment, nullable=False),
    Column("decided_by", String(20), nullable=False, comment="gate or operator"),
    Column("actor", ForeignText, nullable=False, comment="the run or the person"),
    Column("reason", ForeignText, nullable=False),
    Column("verdict", String(20), comment="the gate's, null when it was not asked"),
    Column("evidence", Document, nullable=False),
    PrimaryKeyConstraint("id", name="pk_rollout_decisions"),
    UniqueConstraint("previous_id", name="uq_rollout_decisions_previous_id"),
)

STANDING = rollout_decisions.c.action != literal_column("'advise'")
"""The decisions that are not advice. SQLite uses a partial index only for its exact condition, hence the literal."""

Index("ix_rollout_decisions_standing", rollout_decisions.c.id, sqlite_where=STANDING, postgresql_where=STANDING)

storage_verifications = Table(
    "storage_verifications",
    metadata,
    Column("id", _ROW_ID, nullable=False, autoincrement=True),
    Column("verified_at", Moment, nullable=False, comment="when it began"),
    Column("is_deep", Boolean, nullable=False),
    Column("is_good", Boolean, nullable=False),
    Column("missing", BigInteger, nullable=False),
    Column("different", BigInteger, nullable=False),
    Column("unverified", BigInteger, nullable=False),
    Column("counts", Document, nullable=False),
    PrimaryKeyConstraint("id", name="pk_storage_verifications"),
    Index("ix_storage_verifications_verified_at_id", "verified_at", "id"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", _ROW_ID, nullable=False, autoincrement=True),
    Column("key", ForeignText, nullable=False),
    Column("kind", Text, nullable=False),
    Column("summary", ForeignText, nullable=False),
    Column("next_step", ForeignText, nullable=False),
    Column("details", Document, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("delivered_at", Moment, comment="when the last receiver had it"),
    Column("closed_at", Moment, comment="when it was over; null while it is open"),
    PrimaryKeyConstraint("id", name="pk_incidents"),
    Index("ix_incidents_opened_at_id", "opened_at", "id"),
)

OPEN = incidents.c.closed_at.is_(None)
"""The incidents that have not ended: at most one per key."""

UNDELIVERED = incidents.c.delivered_at.is_(None)
"""The incidents that some receiver has not received yet."""

Index("ix_incidents_open_key", incidents.c.key, unique=True, sqlite_where=OPEN, postgresql_where=OPEN)
Index(
    "ix_incidents_undelivered",
    incidents.c.opened_at,
    incidents.c.id,
    sqlite_where=UNDELIVERED,
    postgresql_where=UNDELIVERED,
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, nullable=False),
    Column("position", Text, nullable=False),
    PrimaryKeyConstraint("name", name="pk_cursors"),
)
