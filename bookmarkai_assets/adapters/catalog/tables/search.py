"""The tables of the search in transcripts, as the current code sees them.

A segment is a row of `transcript_segments`, and its id decides where it comes in the results. `transcript_documents`
numbers the transcripts and records which text of each is indexed. On SQLite the index over `transcript_segments.words`
is `transcript_words`, an FTS5 table that triggers keep up to date. On PostgreSQL it is a GIN index.
"""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, PrimaryKeyConstraint, String, Table, Text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.dialects import postgresql

from bookmarkai_assets.adapters.catalog.columns import ForeignText, Identifier, Moment
from bookmarkai_assets.adapters.catalog.tables.base import metadata

POSITION_BITS = 20
"""The bits of a segment's id that hold its position in its transcript. The others hold the transcript's number."""

MAX_SEGMENTS = 1 << POSITION_BITS
"""Per transcript. It takes about a month to speak a million sentences."""

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
