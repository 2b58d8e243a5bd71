"""The tables of the search over what was said, as the code of today sees them.

A sentence is a row of `transcript_segments`, whose id says its place in the results. `transcript_documents` numbers the
transcripts and remembers which text of theirs is indexed. On SQLite `transcript_words`, an FTS5 table, is the index
over `transcript_segments.words`, kept by triggers; on PostgreSQL a GIN index is.
"""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, PrimaryKeyConstraint, String, Table, Text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.dialects import postgresql

from bookmarkai_assets.adapters.catalog.columns import ForeignText, Identifier, Moment
from bookmarkai_assets.adapters.catalog.tables.base import metadata

POSITION_BITS = 20
"""Of a sentence's id, for its place in its transcript; the others are the transcript's number."""

MAX_SEGMENTS = 1 << POSITION_BITS
"""Of one transcript: a million sentences are spoken in about a month."""

FULL_TEXT_TABLE = "transcript_words"

transcript_documents = Table(
    "transcript_documents",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), nullable=False, autoincrement=True),
    Column("share_id", Identifier, nullable=False),
    Column("transcript_id", Identifier, nullable=False),
    Column("revision", String(64), comment="updated_at of the text that is indexed; null while it waits to be"),
    Column("shared_at", Moment),
    PrimaryKeyConstraint("number", name="pk_transcript_documents"),
    Unique("share_id", name="uq_transcript_documents_share_id"),
    Index("ix_transcript_documents_shared_at_number", "shared_at", "number"),
)

transcript_segments = Table(
    "transcript_segments",
    metadata,
    Column(
        "id",
        BigInteger().with_variant(Integer, "sqlite"),
        nullable=False,
        autoincrement=False,
        comment="higher is found first: the document's number, then its sentences from the last to the first",
    ),
    Column("start_seconds", Double),
    Column("end_seconds", Double),
    Column("text", ForeignText, nullable=False),
    Column("words", Text().with_variant(postgresql.TSVECTOR(), "postgresql"), nullable=False, comment="as indexed"),
    PrimaryKeyConstraint("id", name="pk_transcript_segments"),
)

Index(
    "ix_transcript_segments_words",
    transcript_segments.c.words,
    postgresql_using="gin",
    postgresql_with={"fastupdate": "off"},
).ddl_if(dialect="postgresql")
