"""What the rollout is judged by and what was decided: totals of events, decisions, verifications, incidents, cursors.

Written out instead of taken from `tables.py`, because a revision must not change when the code does.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_MOMENT = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")
_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Add what is new; the rows that are there keep null in it."""
    op.add_column(
        "storage_events",
        sa.Column("purpose", sa.String(20), comment="fetch, place, shadow, move or transcribe; null in older rows"),
    )
    op.add_column(
        "media",
        sa.Column("placement_decision_id", sa.BigInteger, comment="the rollout's decision that the placement followed"),
    )
    op.create_index(
        "ix_media_inventory",
        "media",
        [
            "state",
            "placement_backend",
            "placement_bucket",
            "placement_decided_by",
            "size_bytes",
            "audio_size_bytes",
        ],
    )
    is_parked = sa.text("state = 'parked'")
    op.create_index(
        "ix_share_work_parked",
        "share_work",
        ["state", "finished_at"],
        sqlite_where=is_parked,
        postgresql_where=is_parked,
    )
    _create_event_totals()
    _create_rollout_decisions()
    _create_storage_verifications()
    _create_incidents()
    op.create_table(
        "cursors",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("position", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_cursors"),
    )


def downgrade() -> None:
    """Take it back. Totals can be made again from the events; decisions, verifications and incidents are gone."""
    for table in ("cursors", "incidents", "storage_verifications", "rollout_decisions", "event_totals"):
        op.drop_table(table)
    op.drop_index("ix_share_work_parked", "share_work")
    op.drop_index("ix_media_inventory", "media")
    op.drop_column("media", "placement_decision_id")
    op.drop_column("storage_events", "purpose")


def _create_event_totals() -> None:
    op.create_table(
        "event_totals",
        sa.Column("span_seconds", sa.Integer, nullable=False, comment="300, 3600 or 86400"),
        sa.Column("starts_at", _MOMENT, nullable=False, comment="the span's boundary, in UTC"),
        sa.Column("operation", sa.String(20), nullable=False),
        sa.Column("backend", sa.String(20), nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False, comment="empty for events that do not say it"),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("error_class", sa.Text, nullable=False, comment="empty for what went well"),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False, comment="of what went well"),
        sa.Column("seconds", sa.Double, nullable=False, comment="of what went well"),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("latency_bins", _DOCUMENT, nullable=False, comment="how many took how long: count by bin"),
        sa.PrimaryKeyConstraint(
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


def _create_rollout_decisions() -> None:
    op.create_table(
        "rollout_decisions",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("previous_id", sa.BigInteger, nullable=False, comment="the decision it follows; 0 for the first"),
        sa.Column("action", sa.String(20), nullable=False, comment="promote, set, abort, rollback, resume or advise"),
        sa.Column("stage", sa.String(20), comment="the stage from then on: shadow or a percentage; null: not begun"),
        sa.Column("is_rolled_back", sa.Boolean, nullable=False),
        sa.Column("decided_at", _MOMENT, nullable=False),
        sa.Column("decided_by", sa.String(20), nullable=False, comment="gate or operator"),
        sa.Column("actor", sa.Text, nullable=False, comment="the run or the person"),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("verdict", sa.String(20), comment="the gate's, null when it was not asked"),
        sa.Column("evidence", _DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rollout_decisions"),
        sa.UniqueConstraint("previous_id", name="uq_rollout_decisions_previous_id"),
    )
    is_standing = sa.text("action <> 'advise'")
    op.create_index(
        "ix_rollout_decisions_standing",
        "rollout_decisions",
        ["id"],
        sqlite_where=is_standing,
        postgresql_where=is_standing,
    )


def _create_storage_verifications() -> None:
    op.create_table(
        "storage_verifications",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("verified_at", _MOMENT, nullable=False, comment="when it began"),
        sa.Column("is_deep", sa.Boolean, nullable=False),
        sa.Column("is_good", sa.Boolean, nullable=False),
        sa.Column("missing", sa.BigInteger, nullable=False),
        sa.Column("different", sa.BigInteger, nullable=False),
        sa.Column("unverified", sa.BigInteger, nullable=False),
        sa.Column("counts", _DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_storage_verifications"),
    )
    op.create_index("ix_storage_verifications_verified_at_id", "storage_verifications", ["verified_at", "id"])


def _create_incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("next_step", sa.Text, nullable=False),
        sa.Column("details", _DOCUMENT, nullable=False),
        sa.Column("opened_at", _MOMENT, nullable=False),
        sa.Column("delivered_at", _MOMENT, comment="when the last receiver had it"),
        sa.Column("closed_at", _MOMENT, comment="when it was over; null while it is open"),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_index("ix_incidents_opened_at_id", "incidents", ["opened_at", "id"])
    is_open = sa.text("closed_at IS NULL")
    op.create_index(
        "ix_incidents_open_key", "incidents", ["key"], unique=True, sqlite_where=is_open, postgresql_where=is_open
    )
    is_undelivered = sa.text("delivered_at IS NULL")
    op.create_index(
        "ix_incidents_undelivered",
        "incidents",
        ["opened_at", "id"],
        sqlite_where=is_undelivered,
        postgresql_where=is_undelivered,
    )
