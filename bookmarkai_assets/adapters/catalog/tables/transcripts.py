"""The tables of transcripts: the text, what made it, its files, and the chunks of a transcript in progress."""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    func,
)

from bookmarkai_assets.adapters.catalog.columns import Document, ForeignText, Identifier, Moment
from bookmarkai_assets.adapters.catalog.tables.base import metadata

transcripts = Table(
    "transcripts",
    metadata,
    Column("id", Identifier, nullable=False),
    Column("share_id", Identifier, nullable=False),
    Column("full_text", ForeignText),
    Column("segments", Document),
    Column("language", Text),
    Column("created_at", Moment, nullable=False, server_default=func.now()),
    Column("updated_at", Moment, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("id", name="pk_transcripts"),
    Index("ix_transcripts_share_id", "share_id"),
)

transcript_provenance = Table(
    "transcript_provenance",
    metadata,
    Column("share_id", Identifier, nullable=False),
    Column("engine", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("language_probability", Double, nullable=False),
    Column("duration_seconds", Double, nullable=False),
    Column("transcribe_seconds", Double, nullable=False),
    Column("engine_version", Text),
    Column("weights_sha256", String(64)),
    Column("parameters", Document, comment="the engine's own names and values"),
    Column("recipe", String(16), comment="stands for engine, version, weights and parameters"),
    Column("audio_sha256", String(64), comment="of the sound that was transcribed"),
    Column("speech_seconds", Double, comment="how much of the sound voice detection took for speech"),
    Column("doubts", Document, comment="what the quality rules found; null: nothing, or never judged"),
    Column("updated_at", Moment, nullable=False),
    PrimaryKeyConstraint("share_id", name="pk_transcript_provenance"),
    Index("ix_transcript_provenance_recipe", "recipe"),
)

IS_DOUBTFUL = transcript_provenance.c.doubts.is_not(None)
"""The transcripts with doubts. They are few, so the index over them is small."""

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
