"""The tables of work on shares: attempts, outcomes and leases."""

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    and_,
    literal_column,
)

from bookmarkai_assets.adapters.catalog.columns import ForeignText, Identifier, Moment
from bookmarkai_assets.adapters.catalog.tables.base import metadata

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
"""The parked shares. SQLite uses a partial index only for its exact condition, hence the literal."""

IS_NOT_DONE = share_work.c.outcome != literal_column("'done'")
"""The shares whose last attempt did not end with a transcript that has words."""

IS_FAILED = and_(IS_NOT_DONE, share_work.c.outcome != literal_column("'no_speech'"))
"""The shares whose last attempt failed, including those that had been done before."""

IS_HELD = share_work.c.held_for.is_not(None)
"""The shares that wait for their site."""

leases = Table(
    "leases",
    metadata,
    Column("media_id", Text, nullable=False),
    Column("owner", Text, nullable=False, comment="a claim id or a run id"),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("media_id", name="pk_leases"),
    Index("ix_leases_owner", "owner"),
)
