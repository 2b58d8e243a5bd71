"""Which code can work on a schema, and what a scrape of metrics reads.

So a worker of the version before goes on while a cluster is upgraded, from this revision on. Without the totals, of all
events ever and of what each backend stores, a scrape would read every day since the first, and every media. Written out
instead of taken from the tables, because a revision must not change when the code does.
"""

from collections import Counter
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

oldest_code = "0011"
"""The revisions since have only added tables and columns. Code of 0011 and 0012 cannot know that, and refuses this
schema when it opens it. What has it open goes on, but events that it adds up are missing in the totals of all time: see
docs/cluster.md on this upgrade."""

_VERSION_TABLE = "bookmarkai_schema_version"

_MOMENT = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")
_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_NAMES = ("operation", "backend", "purpose", "kind", "error_class")
_AMOUNTS = ("events", "size_bytes", "seconds", "requests")

_event_totals = sa.table(
    "event_totals",
    sa.column("span_seconds", sa.Integer),
    sa.column("starts_at", _MOMENT),
    *(sa.column(name, sa.Text) for name in _NAMES),
    *(sa.column(name) for name in _AMOUNTS),
    sa.column("latency_bins", _DOCUMENT),
)

_DAY, _ALL_TIME = 86_400, 0
_EPOCH = {"sqlite": "1970-01-01T00:00:00.000000+00:00", "postgresql": "1970-01-01 00:00:00+00"}

_IS_COUNTED = "{row}.state = 'stored' AND {row}.placement_backend IS NOT NULL"
_CHANGE = (
    "SELECT {row}.placement_backend AS backend, {sign}1 AS media, "
    "{sign}({row}.size_bytes + coalesce({row}.audio_size_bytes, 0)) AS size_bytes WHERE " + _IS_COUNTED
)
_GONE, _NEW = _CHANGE.format(row="old", sign="-"), _CHANGE.format(row="new", sign="")

_COUNT = (
    "INSERT INTO media_totals (backend, media, size_bytes) "
    "SELECT backend, sum(media), sum(size_bytes) FROM ({change}) AS change WHERE true "
    "GROUP BY backend ORDER BY backend ON CONFLICT (backend) DO UPDATE SET "
    "media = media_totals.media + excluded.media, size_bytes = media_totals.size_bytes + excluded.size_bytes;"
)
"""One statement, in the order of the backends, so that no two moves wait for each other's rows."""


def _count(change: str) -> str:
    return _COUNT.format(change=change)


_CHANGES = {"INSERT": _NEW, "UPDATE": f"{_GONE} UNION ALL {_NEW}", "DELETE": _GONE}


def upgrade() -> None:
    """Add the column and both totals, and fill these from what is there."""
    # Alembic keeps its hands off columns that it does not know.
    op.add_column(
        _VERSION_TABLE,
        sa.Column("oldest_code", sa.String(32), comment="the revision of the oldest code that can work on this schema"),
    )
    op.create_table(
        "media_totals",
        sa.Column("backend", sa.String(20), nullable=False),
        sa.Column("media", sa.BigInteger, nullable=False, comment="how many are stored there"),
        sa.Column("size_bytes", sa.BigInteger, nullable=False, comment="of their videos and audio tracks"),
        sa.PrimaryKeyConstraint("backend", name="pk_media_totals"),
    )
    dialect = op.get_context().dialect.name
    for event, change in _CHANGES.items():
        name = f"count_media_on_{event.lower()}"
        if dialect == "sqlite":
            op.execute(f"CREATE TRIGGER {name} AFTER {event} ON media BEGIN {_count(change)} END")
            continue
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {_count(change)} RETURN NULL; END $$"
        )
        op.execute(f"CREATE TRIGGER {name} AFTER {event} ON media FOR EACH ROW EXECUTE FUNCTION {name}()")
    op.execute(_count(_CHANGE.format(row="m", sign="").replace(" WHERE ", " FROM media AS m WHERE ")))
    _add_up_all_days(dialect)


def _add_up_all_days(dialect: str) -> None:
    connection = op.get_bind()
    amounts: dict[tuple[Any, ...], Counter[str]] = {}
    bins: dict[tuple[Any, ...], Counter[str]] = {}
    days = sa.select(_event_totals).where(_event_totals.c.span_seconds == _DAY)
    for row in connection.execute(days).mappings():
        series = tuple(row[name] for name in _NAMES)
        amounts.setdefault(series, Counter()).update({name: row[name] for name in _AMOUNTS})
        bins.setdefault(series, Counter()).update(row["latency_bins"])
    if amounts:
        connection.execute(
            _event_totals.insert(),
            [
                {
                    "span_seconds": _ALL_TIME,
                    "starts_at": _EPOCH[dialect],
                    **dict(zip(_NAMES, series, strict=True)),
                    **{name: amounts[series][name] for name in _AMOUNTS},
                    "latency_bins": dict(bins[series]),
                }
                for series in amounts
            ],
        )


def downgrade() -> None:
    """Take them back. The totals are made again from what stays; only code of its own revision works on the schema."""
    op.execute(f"DELETE FROM event_totals WHERE span_seconds = {_ALL_TIME}")  # noqa: S608 - a constant above
    for event in _CHANGES:
        name = f"count_media_on_{event.lower()}"
        if op.get_context().dialect.name == "sqlite":
            op.execute(f"DROP TRIGGER {name}")
        else:
            op.execute(f"DROP TRIGGER {name} ON media")
            op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("media_totals")
    op.drop_column(_VERSION_TABLE, "oldest_code")
