"""Media that expire or were put somewhere by a person, and a tombstone for every deletion.

Written out instead of taken from `tables.py`, because a revision must not change when the code does.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_IDENTIFIER = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
_MOMENT = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")
_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Add what is new; the rows that are there keep null in it."""
    op.add_column(
        "media",
        sa.Column("placement_decided_by", sa.String(20), comment="policy, operator or found; null means policy"),
    )
    op.add_column(
        "media", sa.Column("expires_at", _MOMENT, comment="when the bucket's lifecycle rule may delete the bytes")
    )
    _say_states("staged, stored or expired", before="staged or stored")
    op.create_table(
        "tombstones",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("media_id", sa.Text),
        sa.Column("share_id", _IDENTIFIER),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("sha256", sa.String(64)),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("proof", _DOCUMENT, nullable=False),
        sa.Column("written_at", _MOMENT, nullable=False, comment="when the deletion was decided"),
        sa.Column("removed_at", _MOMENT, comment="when it was done; null while that is not known"),
        sa.PrimaryKeyConstraint("id", name="pk_tombstones"),
    )
    op.create_index("ix_tombstones_media_id", "tombstones", ["media_id"])
    op.create_index("ix_tombstones_written_at_id", "tombstones", ["written_at", "id"])
    is_unconfirmed = sa.text("removed_at IS NULL")
    op.create_index(
        "ix_tombstones_unconfirmed_url",
        "tombstones",
        ["url"],
        unique=True,
        sqlite_where=is_unconfirmed,
        postgresql_where=is_unconfirmed,
    )


def downgrade() -> None:
    """Take it back. What has expired is left as stored: the earlier release finds no bytes and fetches them again."""
    op.execute("UPDATE media SET state = 'stored' WHERE state = 'expired'")
    op.drop_table("tombstones")
    _say_states("staged or stored", before="staged, stored or expired")
    op.drop_column("media", "expires_at")
    op.drop_column("media", "placement_decided_by")


def _say_states(comment: str, *, before: str) -> None:
    # SQLite keeps no comments, and cannot alter a column.
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("media", "state", comment=comment, existing_comment=before, existing_type=sa.String(20))
