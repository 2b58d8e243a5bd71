"""What made a transcript, of which sound, and what is to be doubted in it.

Written out instead of taken from `tables.py`, because a revision must not change when the code does.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Add what is new; the rows that are there keep null in it."""
    for column in (
        sa.Column("engine_version", sa.Text),
        sa.Column("weights_sha256", sa.String(64)),
        sa.Column("parameters", _DOCUMENT, comment="the engine's own names and values"),
        sa.Column("recipe", sa.String(16), comment="stands for engine, version, weights and parameters"),
        sa.Column("audio_sha256", sa.String(64), comment="of the sound that was transcribed"),
        sa.Column("speech_seconds", sa.Double, comment="how much of the sound voice detection took for speech"),
        sa.Column("doubts", _DOCUMENT, comment="what the quality rules found; null: nothing, or never judged"),
    ):
        op.add_column("transcript_provenance", column)
    op.create_index("ix_transcript_provenance_recipe", "transcript_provenance", ["recipe"])
    is_doubtful = sa.text("doubts IS NOT NULL")
    op.create_index(
        "ix_transcript_provenance_doubtful",
        "transcript_provenance",
        ["updated_at"],
        sqlite_where=is_doubtful,
        postgresql_where=is_doubtful,
    )


def downgrade() -> None:
    """Take it back. A share in whose video nobody speaks is one that is done, as it was before."""
    op.execute("UPDATE share_work SET outcome = 'done' WHERE outcome = 'no_speech'")
    op.drop_index("ix_transcript_provenance_doubtful", table_name="transcript_provenance")
    op.drop_index("ix_transcript_provenance_recipe", table_name="transcript_provenance")
    for name in (
        "doubts",
        "speech_seconds",
        "audio_sha256",
        "recipe",
        "parameters",
        "weights_sha256",
        "engine_version",
    ):
        op.drop_column("transcript_provenance", name)
