"""The search over what was said. What is there already is indexed once the schema is current: see `schema`.

Written out instead of taken from `search_tables.py`, because a revision must not change when the code does.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_IDENTIFIER = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
_MOMENT = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# FTS5 reads the words from `transcript_segments` when it must, so they are stored once. Its `ascii` tokenizer takes
# them as they are: white space is all that divides them.
_FULL_TEXT_INDEX = """CREATE VIRTUAL TABLE transcript_words USING fts5(
  words, content='transcript_segments', content_rowid='id', columnsize=0, tokenize='ascii', prefix='2 3')"""
_TRIGGERS = (
    """CREATE TRIGGER transcript_segments_inserted AFTER INSERT ON transcript_segments BEGIN
  INSERT INTO transcript_words (rowid, words) VALUES (new.id, new.words);
END""",
    """CREATE TRIGGER transcript_segments_deleted AFTER DELETE ON transcript_segments BEGIN
  INSERT INTO transcript_words (transcript_words, rowid, words) VALUES ('delete', old.id, old.words);
END""",
    """CREATE TRIGGER transcript_segments_updated AFTER UPDATE ON transcript_segments BEGIN
  INSERT INTO transcript_words (transcript_words, rowid, words) VALUES ('delete', old.id, old.words);
  INSERT INTO transcript_words (rowid, words) VALUES (new.id, new.words);
END""",
)


def upgrade() -> None:
    """Add what is new."""
    op.create_table(
        "transcript_documents",
        sa.Column("number", _NUMBER, nullable=False, autoincrement=True),
        sa.Column("share_id", _IDENTIFIER, nullable=False),
        sa.Column("transcript_id", _IDENTIFIER, nullable=False),
        sa.Column(
            "revision", sa.String(64), comment="updated_at of the text that is indexed; null while it waits to be"
        ),
        sa.Column("shared_at", _MOMENT),
        sa.PrimaryKeyConstraint("number", name="pk_transcript_documents"),
        sa.UniqueConstraint("share_id", name="uq_transcript_documents_share_id"),
    )
    op.create_index("ix_transcript_documents_shared_at_number", "transcript_documents", ["shared_at", "number"])
    op.create_table(
        "transcript_segments",
        sa.Column(
            "id",
            _NUMBER,
            nullable=False,
            autoincrement=False,
            comment="higher is found first: the document's number, then its sentences from the last to the first",
        ),
        sa.Column("start_seconds", sa.Double),
        sa.Column("end_seconds", sa.Double),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column(
            "words", sa.Text().with_variant(postgresql.TSVECTOR(), "postgresql"), nullable=False, comment="as indexed"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_transcript_segments"),
    )
    if op.get_context().dialect.name == "sqlite":
        for statement in (_FULL_TEXT_INDEX, *_TRIGGERS):
            op.execute(statement)
    else:
        # Without a list of what is still to be indexed: every search would read it.
        op.create_index(
            "ix_transcript_segments_words",
            "transcript_segments",
            ["words"],
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        )


def downgrade() -> None:
    """Take it back."""
    if op.get_context().dialect.name == "sqlite":
        op.execute("DROP TABLE transcript_words")
    op.drop_table("transcript_segments")
    op.drop_table("transcript_documents")
