"""The tables as the code of today sees them. How a database comes to have them is the migrations' matter.

`shares` and `transcripts` belong to BookmarkAI's gateway: only the columns named here are relied on, and no constraint
of ours refers to them, so the gateway may delete rows as it likes. The other tables are the pipeline's own.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    func,
    literal_column,
)
from sqlalchemy.dialects import postgresql, sqlite

from bookmarkai_assets.adapters.catalog.columns import Document, ForeignText, Identifier, Moment

SCHEMA_VERSION_TABLE = "bookmarkai_schema_version"
"""Alembic's table under a name of our own: the gateway keeps one too, under Alembic's default name."""

metadata = MetaData()

shares = Table(
    "shares",
    metadata,
    Column("id", Identifier, nullable=False),
    Column("user_id", Identifier, nullable=False),
    Column("url", Text, nullable=False),
    Column("platform", String(50)),
    Column("status", String(50), nullable=False, server_default="pending"),
    Column("idempotency_key", String(100)),
    Column("title", Text),
    Column("description", Text),
    Column("author", Text),
    Column("thumbnail_url", Text),
    Column("media_url", Text),
    Column("media_type", Text),
    Column("platform_data", Document),
    Column("workflow_state", Text),
    Column("created_at", Moment, nullable=False, server_default=func.now()),
    Column("updated_at", Moment, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("id", name="pk_shares"),
    UniqueConstraint("idempotency_key", name="uq_shares_idempotency_key"),
    UniqueConstraint("url", "user_id", name="uq_shares_url_user_id"),
    Index("ix_shares_status_created_at", "status", "created_at"),
    Index("ix_shares_created_at", "created_at"),
)

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
"""The transcripts that are marked. Few, so the index over them has few rows."""

Index(
    "ix_transcript_provenance_doubtful",
    transcript_provenance.c.updated_at,
    sqlite_where=IS_DOUBTFUL,
    postgresql_where=IS_DOUBTFUL,
)

share_work = Table(
    "share_work",
    metadata,
    Column("share_id", Identifier, nullable=False),
    Column("state", String(20), nullable=False, comment="claimed, running, waiting, parked or done"),
    Column("media_id", Text, comment="the video behind the link, once a claim or a run has named it"),
    Column("claim_id", Text, comment="the latest claim, kept until a later one replaces it"),
    Column("owner", Text, comment="the run that has the share in hand now"),
    Column("last_owner", Text, comment="the last run that began it: beginning again is no new attempt"),
    Column("failed_by", Text, comment="the run in which the failure named by outcome and reason happened"),
    Column("attempts", Integer, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("next_attempt_at", Moment),
    Column("outcome", Text),
    Column("reason", ForeignText),
    Column("finished_at", Moment, comment="when it was done or parked"),
    Column("held_for", String(255), comment="the site whose breaker or limit it waits for"),
    Column("runs_alone", Boolean, comment="whether it held up its neighbours, and gets runs of its own; null: no"),
    Column("updated_at", Moment, nullable=False),
    PrimaryKeyConstraint("share_id", name="pk_share_work"),
    Index("ix_share_work_state_next_attempt_at", "state", "next_attempt_at"),
    Index("ix_share_work_media_id", "media_id"),
    Index("ix_share_work_owner", "owner"),
)

IS_PARKED = share_work.c.state == literal_column("'parked'")
"""The shares that were given up. A literal: SQLite takes a partial index only for the very condition it has."""

# The state leads although it is one and the same: else SQLite takes the longer index that begins with it.
Index(
    "ix_share_work_parked",
    share_work.c.state,
    share_work.c.finished_at,
    sqlite_where=IS_PARKED,
    postgresql_where=IS_PARKED,
)

IS_NOT_DONE = share_work.c.outcome != literal_column("'done'")
"""The shares whose last attempt did not end with a transcript that says something."""

IS_FAILED = and_(IS_NOT_DONE, share_work.c.outcome != literal_column("'no_speech'"))
"""The shares whose last attempt failed, those among them that had been done before included."""

Index(
    "ix_share_work_failed",
    share_work.c.outcome,
    share_work.c.state,
    sqlite_where=IS_NOT_DONE,
    postgresql_where=IS_NOT_DONE,
)

IS_HELD = share_work.c.held_for.is_not(None)
"""The shares that wait for their site."""

Index(
    "ix_share_work_held_for",
    share_work.c.held_for,
    share_work.c.next_attempt_at,
    sqlite_where=IS_HELD,
    postgresql_where=IS_HELD,
)

leases = Table(
    "leases",
    metadata,
    Column("media_id", Text, nullable=False),
    Column("owner", Text, nullable=False, comment="a claim id or a run id"),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("media_id", name="pk_leases"),
    Index("ix_leases_owner", "owner"),
)

media = Table(
    "media",
    metadata,
    Column("media_id", Text, nullable=False),
    Column("canonical_url", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("share_id", Identifier, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("state", String(20), nullable=False, comment="staged, stored or expired"),
    Column("title", ForeignText, nullable=False),
    Column("author", ForeignText),
    Column("description", ForeignText),
    Column("thumbnail_url", ForeignText),
    Column("extractor", ForeignText, nullable=False),
    Column("duration_seconds", Double, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("posted_at", Moment, comment="when the site says that it was posted"),
    Column("video_url", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("content_type", Text, nullable=False),
    Column("audio_url", Text),
    Column("audio_size_bytes", BigInteger),
    Column("audio_sha256", String(64)),
    Column("audio_content_type", Text),
    Column("download_seconds", Double, nullable=False),
    Column("upload_seconds", Double),
    Column("placement_backend", String(20)),
    Column("placement_mode", String(20)),
    Column("placement_percentage", Integer),
    Column("placement_bucket", Integer),
    Column("placement_decided_by", String(20), comment="policy, operator or found; null means policy"),
    Column("placement_decision_id", BigInteger, comment="the rollout's decision that the placement followed"),
    Column("created_at", Moment, nullable=False, comment="when the download was recorded"),
    Column("stored_at", Moment),
    Column("expires_at", Moment, comment="when the bucket's lifecycle rule may delete the bytes"),
    Column("updated_at", Moment, nullable=False),
    PrimaryKeyConstraint("media_id", name="pk_media"),
    Index("ix_media_video_url", "video_url"),
    Index("ix_media_audio_url", "audio_url"),
    Index(
        "ix_media_inventory",
        "state",
        "placement_backend",
        "placement_bucket",
        "placement_decided_by",
        "size_bytes",
        "audio_size_bytes",
    ),
)

storage_events = Table(
    "storage_events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), nullable=False, autoincrement=True),
    Column("occurred_at", Moment, nullable=False),
    Column("operation", String(20), nullable=False, comment="fetch, put or get"),
    Column("backend", String(20), nullable=False, comment="site, local or s3"),
    Column("share_id", Identifier),
    Column("media_id", Text),
    Column("kind", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("error_class", Text),
    Column("error", ForeignText),
    Column("purpose", String(20), comment="fetch, place, shadow, move or transcribe; null in older rows"),
    PrimaryKeyConstraint("id", name="pk_storage_events"),
    Index("ix_storage_events_share_id", "share_id"),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), nullable=False, autoincrement=True),
    Column("url", ForeignText, nullable=False),
    Column("kind", Text, nullable=False),
    Column("media_id", Text),
    Column("share_id", Identifier),
    Column("size_bytes", BigInteger),
    Column("sha256", String(64)),
    Column("reason", ForeignText, nullable=False),
    Column("proof", Document, nullable=False),
    Column("written_at", Moment, nullable=False, comment="when the deletion was decided"),
    Column("removed_at", Moment, comment="when it was done; null while that is not known"),
    PrimaryKeyConstraint("id", name="pk_tombstones"),
    Index("ix_tombstones_media_id", "media_id"),
    Index("ix_tombstones_written_at_id", "written_at", "id"),
)

UNCONFIRMED = tombstones.c.removed_at.is_(None)
"""The tombstones whose deletion is not known to have been done: at most one for each URL."""

Index(
    "ix_tombstones_unconfirmed_url",
    tombstones.c.url,
    unique=True,
    sqlite_where=UNCONFIRMED,
    postgresql_where=UNCONFIRMED,
)

schema_version = Table(SCHEMA_VERSION_TABLE, MetaData(), Column("version_num", String(32), nullable=False))


def insert_into(table: Table, *, is_sqlite: bool) -> sqlite.Insert | postgresql.Insert:
    """Begin an INSERT that can say ON CONFLICT, in the database's own dialect."""
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)
