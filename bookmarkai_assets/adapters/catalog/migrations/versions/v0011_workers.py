"""Who is alive, and under which settings; and when media were stored, to be searched by.

Written out instead of taken from `tables.py`, because a revision must not change when the code does.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_MOMENT = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    """Add the table and the index."""
    op.create_table(
        "workers",
        sa.Column("worker_id", sa.String(255), nullable=False, comment="the id of a run, or the name of a process"),
        sa.Column("kind", sa.String(20), nullable=False, comment="run or daemon"),
        sa.Column("job", sa.Text, comment="the run's job"),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("storage_mode", sa.String(20), nullable=False, comment="its setting STORAGE_MODE"),
        sa.Column("s3_percentage", sa.Integer, nullable=False, comment="its setting S3_SPLIT_PERCENTAGE"),
        sa.Column("policy", sa.Text, nullable=False, comment="where it sent new media when it began, in words"),
        sa.Column("began_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False, comment="until when it counts as alive without another sign"),
        sa.PrimaryKeyConstraint("worker_id", name="pk_workers"),
    )
    op.create_index("ix_media_stored_at", "media", ["stored_at"])


def downgrade() -> None:
    """Take it back: who is alive announces itself again."""
    op.drop_index("ix_media_stored_at", "media")
    op.drop_table("workers")
