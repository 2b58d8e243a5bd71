"""Which transfers are under way, since when and how far they are.

Written out instead of taken from `tables.py`, because a revision must not change when the code does.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_MOMENT = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")
_IDENTIFIER = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "transfers_under_way",
        sa.Column("media_id", sa.Text, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("operation", sa.String(20), nullable=False, comment="put or get"),
        sa.Column("backend", sa.String(20), nullable=False),
        sa.Column("share_id", _IDENTIFIER, nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("begun_at", _MOMENT, nullable=False),
        sa.Column("moved_bytes", sa.BigInteger, nullable=False, comment="how many bytes have arrived"),
        sa.Column("moved_at", _MOMENT, comment="when the last of them did; null: none has"),
        sa.Column(
            "reported_at",
            _MOMENT,
            nullable=False,
            comment="the last sign of life; an old one is of a killed process",
        ),
        sa.PrimaryKeyConstraint("media_id", "kind", "operation", "backend", name="pk_transfers_under_way"),
    )
    op.create_index("ix_transfers_under_way_share_id", "transfers_under_way", ["share_id"])


def downgrade() -> None:
    """Take it back. Nothing is lost: the transfers themselves go on."""
    op.drop_table("transfers_under_way")
