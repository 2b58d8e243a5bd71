"""The tables about sites: their circuit breakers, the slots in use, silent formats, and what short links stand for.

All are the pipeline's own. The migrations create them.
"""

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, String, Table, Text

from bookmarkai_assets.adapters.catalog.columns import ForeignText, Moment
from bookmarkai_assets.adapters.catalog.tables.base import metadata

sites = Table(
    "sites",
    metadata,
    Column("name", String(255), nullable=False, comment="a platform, or a host of no platform"),
    Column("refusals", Integer, nullable=False, comment="in a row; pauses in a row while it is not closed"),
    Column("allowed", Integer, comment="fetches at a time that the breaker lets through; null: closed"),
    Column("opened_at", Moment),
    Column("resumes_at", Moment, comment="before it nothing is fetched"),
    Column("next_start_at", Moment, comment="when its pace allows the next fetch"),
    Column("reason", ForeignText, comment="how it turned away the last fetch that it did"),
    Column("updated_at", Moment, nullable=False),
    PrimaryKeyConstraint("name", name="pk_sites"),
)

site_places = Table(
    "site_places",
    metadata,
    Column("media_id", Text, nullable=False),
    Column("site", String(255), nullable=False),
    Column("reserved_at", Moment, nullable=False),
    Column("starts_at", Moment, nullable=False),
    PrimaryKeyConstraint("media_id", name="pk_site_places"),
    Index("ix_site_places_site", "site"),
)

silent_formats = Table(
    "silent_formats",
    metadata,
    Column("site", String(255), nullable=False),
    Column("family", String(32), nullable=False, comment="the codec and delivery that came without sound"),
    Column("found_at", Moment, nullable=False, comment="when it last did"),
    PrimaryKeyConstraint("site", "family", name="pk_silent_formats"),
)

link_names = Table(
    "link_names",
    metadata,
    Column("canonical_url", Text, nullable=False, comment="of a short link"),
    Column("resolved_url", Text, nullable=False, comment="the canonical URL of the video behind it"),
    Column("found_at", Moment, nullable=False),
    PrimaryKeyConstraint("canonical_url", name="pk_link_names"),
)
