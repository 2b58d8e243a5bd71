"""Where a transcript's files are: stored beside the video that they are of.

Written out instead of taken from `tables.py`, because a revision must not change when the code does.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; what was transcribed before has no files until they are stored."""
    op.create_table(
        "transcript_files",
        sa.Column("media_id", sa.Text, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False, comment="json, txt, srt or vtt"),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("media_id", "kind", name="pk_transcript_files"),
    )
    op.create_index("ix_transcript_files_url", "transcript_files", ["url"])


def downgrade() -> None:
    """Take it back. The files stay where they are, known to nobody."""
    op.drop_table("transcript_files")
