"""Which formats of a site came without the sound that they promised.

Written out instead of taken from `tables.py`, because a revision must not change when the code does.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_MOMENT = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "silent_formats",
        sa.Column("site", sa.String(255), nullable=False),
        sa.Column("family", sa.String(32), nullable=False, comment="the codec and delivery that came without sound"),
        sa.Column("found_at", _MOMENT, nullable=False, comment="when it last did"),
        sa.PrimaryKeyConstraint("site", "family", name="pk_silent_formats"),
    )


def downgrade() -> None:
    """Take it back: each site's silent formats are found out again."""
    op.drop_table("silent_formats")
