"""Files that people send to the bucket themselves, and which media has the same bytes.

Written out instead of taken from the tables, because a revision must not change when the code does.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

oldest_code = "0013"
"""Only a table and an index are added. Code of 0013 refuses the shares of uploads, whose link it does not know, and
parks them: see docs/cluster.md on upgrades before the first upload."""

_MOMENT = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")
_IDENTIFIER = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def upgrade() -> None:
    """Add the table, and the index by which a media is found by its bytes."""
    op.create_table(
        "uploads",
        sa.Column("id", _IDENTIFIER, nullable=False),
        sa.Column("user_id", _IDENTIFIER, nullable=False),
        sa.Column("name", sa.Text, nullable=False, comment="the file's, as its owner says"),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, comment="as its owner says; the bytes are compared with it"),
        sa.Column("object_key", sa.Text, nullable=False),
        sa.Column("status", sa.String(20), nullable=False, comment="awaiting, arrived, taken_in, refused or abandoned"),
        sa.Column(
            "multipart_id", sa.Text, comment="the bucket's multipart upload; null for a file sent in one request"
        ),
        sa.Column("part_bytes", sa.BigInteger),
        sa.Column("share_id", _IDENTIFIER, comment="the share that was made of it"),
        sa.Column("reason", sa.Text, comment="why it was refused or abandoned"),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("arrived_at", _MOMENT),
        sa.Column("ended_at", _MOMENT, comment="when it was taken in, refused or abandoned"),
        sa.Column("removed_at", _MOMENT, comment="when nothing of it was left in the bucket"),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
    )
    op.create_index("ix_uploads_sha256_user_id", "uploads", ["sha256", "user_id"])
    in_bucket = sa.text("removed_at IS NULL")
    op.create_index("ix_uploads_in_bucket", "uploads", ["id"], sqlite_where=in_bucket, postgresql_where=in_bucket)
    op.create_index("ix_media_sha256", "media", ["sha256"])


def downgrade() -> None:
    """Take them back. What was uploaded and not taken in stays in the bucket until its lifecycle rule removes it."""
    op.drop_index("ix_media_sha256", "media")
    op.drop_table("uploads")
