"""The first schema: BookmarkAI's two tables where the gateway has not made them, and the pipeline's own.

Written out instead of taken from `tables.py`, because a revision must not change when the code does.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_IDENTIFIER = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
_MOMENT = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")
_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Make what is missing."""
    inspector = sa.inspect(op.get_bind())
    if not inspector.has_table("shares"):
        _create_shares()
    if not inspector.has_table("transcripts"):
        _create_transcripts()
    _create_work()
    _create_media()
    _create_storage_events()
    _create_transcript_provenance()


def downgrade() -> None:
    """Drop the pipeline's own tables. `shares` and `transcripts` stay: the gateway's, or all that users gave us."""
    for table in ("transcript_provenance", "storage_events", "media", "leases", "share_work"):
        op.drop_table(table)


def _create_shares() -> None:
    op.create_table(
        "shares",
        sa.Column("id", _IDENTIFIER, nullable=False),
        sa.Column("user_id", _IDENTIFIER, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("platform", sa.String(50)),
        sa.Column("status", sa.String(50), nullable=False, server_default="pending"),
        sa.Column("idempotency_key", sa.String(100)),
        sa.Column("title", sa.Text),
        sa.Column("description", sa.Text),
        sa.Column("author", sa.Text),
        sa.Column("thumbnail_url", sa.Text),
        sa.Column("media_url", sa.Text),
        sa.Column("media_type", sa.Text),
        sa.Column("platform_data", _DOCUMENT),
        sa.Column("workflow_state", sa.Text),
        sa.Column("created_at", _MOMENT, nullable=False, server_default=sa.func.now()),
        sa.Column("updated_at", _MOMENT, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="pk_shares"),
        sa.UniqueConstraint("idempotency_key", name="uq_shares_idempotency_key"),
        sa.UniqueConstraint("url", "user_id", name="uq_shares_url_user_id"),
    )
    op.create_index("ix_shares_status_created_at", "shares", ["status", "created_at"])
    op.create_index("ix_shares_created_at", "shares", ["created_at"])


def _create_transcripts() -> None:
    op.create_table(
        "transcripts",
        sa.Column("id", _IDENTIFIER, nullable=False),
        sa.Column("share_id", _IDENTIFIER, nullable=False),
        sa.Column("full_text", sa.Text),
        sa.Column("segments", _DOCUMENT),
        sa.Column("language", sa.Text),
        sa.Column("created_at", _MOMENT, nullable=False, server_default=sa.func.now()),
        sa.Column("updated_at", _MOMENT, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="pk_transcripts"),
    )
    op.create_index("ix_transcripts_share_id", "transcripts", ["share_id"])


def _create_work() -> None:
    op.create_table(
        "share_work",
        sa.Column("share_id", _IDENTIFIER, nullable=False),
        sa.Column("state", sa.String(20), nullable=False, comment="claimed, running, waiting, parked or done"),
        sa.Column("media_id", sa.Text, comment="the video behind the link, once a claim or a run has named it"),
        sa.Column("claim_id", sa.Text, comment="the latest claim, kept until a later one replaces it"),
        sa.Column("owner", sa.Text, comment="the run that has the share in hand now"),
        sa.Column("last_owner", sa.Text, comment="the last run that began it: beginning again is no new attempt"),
        sa.Column("failed_by", sa.Text, comment="the run in which the failure named by outcome and reason happened"),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("crashes", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", _MOMENT),
        sa.Column("outcome", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("finished_at", _MOMENT, comment="when it was done or parked"),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("share_id", name="pk_share_work"),
    )
    op.create_index("ix_share_work_state_next_attempt_at", "share_work", ["state", "next_attempt_at"])
    op.create_index("ix_share_work_media_id", "share_work", ["media_id"])
    op.create_index("ix_share_work_owner", "share_work", ["owner"])
    op.create_table(
        "leases",
        sa.Column("media_id", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False, comment="a claim id or a run id"),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("media_id", name="pk_leases"),
    )
    op.create_index("ix_leases_owner", "leases", ["owner"])


def _create_media() -> None:
    op.create_table(
        "media",
        sa.Column("media_id", sa.Text, nullable=False),
        sa.Column("canonical_url", sa.Text, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("share_id", _IDENTIFIER, nullable=False),
        sa.Column("object_key", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False, comment="staged or stored"),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("author", sa.Text),
        sa.Column("description", sa.Text),
        sa.Column("thumbnail_url", sa.Text),
        sa.Column("extractor", sa.Text, nullable=False),
        sa.Column("duration_seconds", sa.Double, nullable=False),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.Column("video_url", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("audio_url", sa.Text),
        sa.Column("audio_size_bytes", sa.BigInteger),
        sa.Column("audio_sha256", sa.String(64)),
        sa.Column("audio_content_type", sa.Text),
        sa.Column("download_seconds", sa.Double, nullable=False),
        sa.Column("upload_seconds", sa.Double),
        sa.Column("placement_backend", sa.String(20)),
        sa.Column("placement_mode", sa.String(20)),
        sa.Column("placement_percentage", sa.Integer),
        sa.Column("placement_bucket", sa.Integer),
        sa.Column("created_at", _MOMENT, nullable=False, comment="when the download was recorded"),
        sa.Column("stored_at", _MOMENT),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("media_id", name="pk_media"),
    )
    op.create_index("ix_media_video_url", "media", ["video_url"])
    op.create_index("ix_media_audio_url", "media", ["audio_url"])


def _create_storage_events() -> None:
    op.create_table(
        "storage_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False),
        sa.Column("occurred_at", _MOMENT, nullable=False),
        sa.Column("operation", sa.String(20), nullable=False, comment="fetch, put or get"),
        sa.Column("backend", sa.String(20), nullable=False, comment="site, local or s3"),
        sa.Column("share_id", _IDENTIFIER),
        sa.Column("media_id", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("error_class", sa.Text),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_storage_events"),
    )
    op.create_index("ix_storage_events_share_id", "storage_events", ["share_id"])


def _create_transcript_provenance() -> None:
    op.create_table(
        "transcript_provenance",
        sa.Column("share_id", _IDENTIFIER, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("language_probability", sa.Double, nullable=False),
        sa.Column("duration_seconds", sa.Double, nullable=False),
        sa.Column("transcribe_seconds", sa.Double, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("share_id", name="pk_transcript_provenance"),
    )
