"""How sites take fetches, which shares hold up others, and what their short links stand for.

Written out instead of taken from `tables.py`, because a revision must not change when the code does.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_MOMENT = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    """Add what is new; the rows that are there keep null in it."""
    op.add_column(
        "share_work", sa.Column("held_for", sa.String(255), comment="the site whose breaker or limit it waits for")
    )
    op.add_column(
        "share_work",
        sa.Column(
            "runs_alone",
            sa.Boolean,
            comment="whether it held up its neighbours, and gets runs of its own; null: no",
        ),
    )
    is_held = sa.text("held_for IS NOT NULL")
    op.create_index(
        "ix_share_work_held_for",
        "share_work",
        ["held_for", "next_attempt_at"],
        sqlite_where=is_held,
        postgresql_where=is_held,
    )
    has_failed = sa.text("outcome != 'done'")
    op.create_index(
        "ix_share_work_failed",
        "share_work",
        ["outcome", "state"],
        sqlite_where=has_failed,
        postgresql_where=has_failed,
    )
    op.create_table(
        "sites",
        sa.Column("name", sa.String(255), nullable=False, comment="a platform, or a host of no platform"),
        sa.Column("refusals", sa.Integer, nullable=False, comment="in a row; pauses in a row while it is not closed"),
        sa.Column("allowed", sa.Integer, comment="fetches at a time that the breaker lets through; null: closed"),
        sa.Column("opened_at", _MOMENT),
        sa.Column("resumes_at", _MOMENT, comment="before it nothing is fetched"),
        sa.Column("next_start_at", _MOMENT, comment="when its pace allows the next fetch"),
        sa.Column("reason", sa.Text, comment="how it turned away the last fetch that it did"),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_sites"),
    )
    op.create_table(
        "site_places",
        sa.Column("media_id", sa.Text, nullable=False),
        sa.Column("site", sa.String(255), nullable=False),
        sa.Column("reserved_at", _MOMENT, nullable=False),
        sa.Column("starts_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("media_id", name="pk_site_places"),
    )
    op.create_index("ix_site_places_site", "site_places", ["site"])
    op.create_table(
        "link_names",
        sa.Column("canonical_url", sa.Text, nullable=False, comment="of a short link"),
        sa.Column("resolved_url", sa.Text, nullable=False, comment="the canonical URL of the video behind it"),
        sa.Column("found_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("canonical_url", name="pk_link_names"),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("link_names")
    op.drop_table("site_places")
    op.drop_table("sites")
    op.drop_index("ix_share_work_failed", table_name="share_work")
    op.drop_index("ix_share_work_held_for", table_name="share_work")
    op.drop_column("share_work", "runs_alone")
    op.drop_column("share_work", "held_for")
