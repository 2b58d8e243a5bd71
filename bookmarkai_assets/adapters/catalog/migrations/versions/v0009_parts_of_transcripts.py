"""What is transcribed of a long sound so far, so that work which is cut short goes on where it was.

Written out instead of taken from `tables.py`, because a revision must not change when the code does.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_MOMENT = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "transcript_parts",
        sa.Column("media_id", sa.Text, nullable=False),
        sa.Column("recipe", sa.String(16), nullable=False, comment="what makes it, as in transcript_provenance"),
        sa.Column("audio_sha256", sa.String(64), nullable=False, comment="of the file that is transcribed"),
        sa.Column("told_language", sa.String(16), nullable=False, comment="the language it was told; empty: detected"),
        sa.Column("start_seconds", sa.Double, nullable=False),
        sa.Column("end_seconds", sa.Double, nullable=False),
        sa.Column("part", _DOCUMENT, nullable=False, comment="what was heard in between"),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint(
            "media_id", "recipe", "audio_sha256", "told_language", "start_seconds", name="pk_transcript_parts"
        ),
    )
    op.create_index("ix_transcript_parts_created_at", "transcript_parts", ["created_at"])


def downgrade() -> None:
    """Take it back: what is under way begins again."""
    op.drop_table("transcript_parts")
