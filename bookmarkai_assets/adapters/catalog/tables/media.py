"""The tables of media: where their bytes are, each transfer, each deletion."""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from bookmarkai_assets.adapters.catalog.columns import Document, ForeignText, Identifier, Moment
from bookmarkai_assets.adapters.catalog.tables.base import metadata

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
    Index("ix_media_stored_at", "stored_at"),
    Index("ix_media_sha256", "sha256"),
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

media_totals = Table(
    "media_totals",
    metadata,
    Column("backend", String(20), nullable=False),
    Column("media", BigInteger, nullable=False, comment="how many are stored there"),
    Column("size_bytes", BigInteger, nullable=False, comment="of their videos and audio tracks"),
    PrimaryKeyConstraint("backend", name="pk_media_totals"),
)
"""Kept by triggers on `media`, because adding up a million of its rows takes longer than a scrape may."""

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

transfers_under_way = Table(
    "transfers_under_way",
    metadata,
    Column("media_id", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("operation", String(20), nullable=False, comment="put or get"),
    Column("backend", String(20), nullable=False),
    Column("share_id", Identifier, nullable=False),
    Column("purpose", String(20), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("begun_at", Moment, nullable=False),
    Column("moved_bytes", BigInteger, nullable=False, comment="how many bytes have arrived"),
    Column("moved_at", Moment, comment="when the last of them did; null: none has"),
    Column("reported_at", Moment, nullable=False, comment="the last sign of life; an old one is of a killed process"),
    PrimaryKeyConstraint("media_id", "kind", "operation", "backend", name="pk_transfers_under_way"),
    Index("ix_transfers_under_way_share_id", "share_id"),
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
"""The tombstones whose deletion is not confirmed: at most one per URL."""
