"""Which code can work on a schema, so that a worker of the version before goes on while a cluster is upgraded.

Written out instead of taken from `tables.py`, because a revision must not change when the code does.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

oldest_code = "0011"
"""The revisions since have only added tables and this column. Code of 0011 knows none of them."""

_TABLE = "bookmarkai_schema_version"


def upgrade() -> None:
    """Add the column. Alembic keeps its hands off columns that it does not know."""
    op.add_column(
        _TABLE,
        sa.Column("oldest_code", sa.String(32), comment="the revision of the oldest code that can work on this schema"),
    )


def downgrade() -> None:
    """Take it back: only code of the schema's own revision works on it."""
    op.drop_column(_TABLE, "oldest_code")
