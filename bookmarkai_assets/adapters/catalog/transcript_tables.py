"""The tables about transcripts that are under way, and about the files that are made of them.

All are the pipeline's own. How a database comes to have them is the migrations' matter.
"""

from sqlalchemy import BigInteger, Column, Double, Index, PrimaryKeyConstraint, String, Table, Text

from bookmarkai_assets.adapters.catalog.columns import Document, Moment
from bookmarkai_assets.adapters.catalog.tables import metadata

transcript_files = Table(
    "transcript_files",
    metadata,
    Column("media_id", Text, nullable=False),
    Column("kind", String(10), nullable=False, comment="json, txt, srt or vtt"),
    Column("url", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("content_type", Text, nullable=False),
    PrimaryKeyConstraint("media_id", "kind", name="pk_transcript_files"),
    Index("ix_transcript_files_url", "url"),
)

transcript_parts = Table(
    "transcript_parts",
    metadata,
    Column("media_id", Text, nullable=False),
    Column("recipe", String(16), nullable=False, comment="what makes it, as in transcript_provenance"),
    Column("audio_sha256", String(64), nullable=False, comment="of the file that is transcribed"),
    Column("told_language", String(16), nullable=False, comment="the language it was told; empty: detected"),
    Column("start_seconds", Double, nullable=False),
    Column("end_seconds", Double, nullable=False),
    Column("part", Document, nullable=False, comment="what was heard in between"),
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint(
        "media_id", "recipe", "audio_sha256", "told_language", "start_seconds", name="pk_transcript_parts"
    ),
    Index("ix_transcript_parts_created_at", "created_at"),
)
