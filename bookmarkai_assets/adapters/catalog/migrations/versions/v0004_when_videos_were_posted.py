"""When a site says that a video was posted.

Written out instead of taken from `tables.py`, because a revision must not change when the code does.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_MOMENT = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    """Add what is new; the rows that are there keep null in it."""
    op.add_column("media", sa.Column("posted_at", _MOMENT, comment="when the site says that it was posted"))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("media", "posted_at")
