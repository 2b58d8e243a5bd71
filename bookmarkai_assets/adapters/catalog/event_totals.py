"""`EventTotals` over `event_totals`: storage events rolled up by resolution, interval and series.

How events are added up is in `core/rollout/tallies`. This module makes sure that each event is counted once, however
many processes count.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, literal, select
from typing_extensions import override

from bookmarkai_assets.adapters.catalog import cursors
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.events import rows_after
from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.media import storage_events
from bookmarkai_assets.adapters.catalog.tables.rollout import event_totals as table
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.storage_events import Operation, Purpose, StorageEvent
from bookmarkai_assets.core.rollout.ports import EventTotals, RollUpProgress
from bookmarkai_assets.core.rollout.tallies import Series, Tally, Totals, roll_up
from bookmarkai_assets.core.rollout.windows import EPOCH, GRID, Resolution, Window, tiles

ALL_TIME = 0
"""The `span_seconds` of the rows over all time. They start at the epoch, and there is one for each series."""

CURSOR = "event_totals"
"""The name in `cursors` of the position up to which events are added up."""

_STARTS_AT_ONCE = 500
"""How many intervals' rows one statement reads. Each is a parameter, and the number of parameters is limited."""

_COUNTED = [
    storage_events.c[name]
    for name in (
        "occurred_at",
        "operation",
        "backend",
        "kind",
        "size_bytes",
        "seconds",
        "error_class",
        "purpose",
    )
]
"""The columns that count. The share, the media and the error's text, which are most of the bytes, are not read."""

_ROWS_AT_ONCE = 4_000
"""Writing this many rows takes some tenths of a second, and nobody else can write to a SQLite catalog meanwhile."""

_KEY = tuple(table.primary_key)
_BINS = "latency_bins"
_AMOUNTS = ("events", "size_bytes", "seconds", "requests", _BINS)
_SERIES = tuple(table.c[field.name] for field in fields(Series))

# Built once. The rollout's figures take a dozen of each, and building them would take as long as the database does.
_WITHIN = select(table).where(
    table.c.span_seconds == bindparam("span"),
    table.c.starts_at >= bindparam("start"),
    table.c.starts_at < bindparam("end"),
)
_SUMMED = _WITHIN.with_only_columns(
    *_SERIES,
    *(func.sum(table.c[name]).label(name) for name in _AMOUNTS if name != _BINS),
    literal(None).label(_BINS),
).group_by(*_SERIES)

_Tallies = Mapping[tuple[int, datetime, Series], Tally]


class SqlEventTotals(EventTotals):
    """A row for each resolution, interval and series, and one over all time. Latencies are JSON: count by bin."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def roll_up(self, *, limit: int = 10_000) -> RollUpProgress:
        """Add up the next events without a lock, then write the sums, unless another process has done so meanwhile.

        The process that comes second has worked for nothing. Its next call continues from the position of the first.
        """
        before = self._position()
        position = int(before or 0)
        rows = rows_after(self._database, position, _COUNTED, limit=limit)
        if not rows:
            return RollUpProgress(position=position, events=0, is_complete=True)
        batch, tallies = _batch_of(rows)
        after = batch[-1].id
        with self._database.writing() as connection:
            if cursors.advance(connection, CURSOR, expected=before, position=str(after)):
                _add(connection, {**tallies, **_over_all_time(tallies)})
                return RollUpProgress(position=after, events=len(batch), is_complete=len(batch) == len(rows) < limit)
        return RollUpProgress(position=int(self._position() or 0), events=0, is_complete=False)

    @override
    def remove_counted(self, *, before: datetime, limit: int = 2_000) -> int:
        position = int(self._position() or 0)
        newest = select(func.max(storage_events.c.id)).scalar_subquery()
        oldest = (
            select(storage_events.c.id, storage_events.c.occurred_at)
            .where(storage_events.c.id <= position, storage_events.c.id < newest)
            .order_by(storage_events.c.id)
            .limit(limit)
            .subquery()
        )
        old = select(oldest.c.id).where(oldest.c.occurred_at < before)
        with self._database.writing() as connection:
            return connection.execute(delete(storage_events).where(storage_events.c.id.in_(old))).rowcount

    @override
    def totals(self, window: Window, *, with_latencies: bool = True) -> Totals:
        statement = _WITHIN if with_latencies else _SUMMED
        with self._database.reading() as connection:
            rows = [row for span, tile in tiles(window) for row in connection.execute(statement, _place(tile, span))]
        return _by_series(rows)

    @override
    def all_time(self) -> Totals:
        statement = select(table).where(table.c.span_seconds == ALL_TIME)
        with self._database.reading() as connection:
            return _by_series(connection.execute(statement))

    @override
    def steps(self, window: Window, resolution: Resolution) -> Mapping[datetime, Totals]:
        if (resolution.floor(window.start), resolution.floor(window.end)) != (window.start, window.end):
            raise ValueError(f"expected a window that begins and ends on boundaries of {resolution} s, found {window}")
        with self._database.reading() as connection:
            rows = connection.execute(_WITHIN, _place(window, resolution)).all()
        by_start: dict[datetime, list[Row[*tuple[Any, ...]]]] = {}
        for row in rows:
            by_start.setdefault(row.starts_at, []).append(row)
        return {start: _by_series(by_start[start]) for start in sorted(by_start)}

    @override
    def first_event_at(self) -> datetime | None:
        statement = select(func.min(table.c.starts_at)).where(table.c.span_seconds == GRID)
        with self._database.reading() as connection:
            return connection.execute(statement).scalar()

    @override
    def events_from(self, moment: datetime) -> int:
        statement = select(func.coalesce(func.sum(table.c.events), 0)).where(
            table.c.span_seconds == GRID, table.c.starts_at >= GRID.floor(moment)
        )
        with self._database.reading() as connection:
            return int(connection.execute(statement).scalar_one())

    def _position(self) -> str | None:
        with self._database.reading() as connection:
            return cursors.read(connection, CURSOR)


def _batch_of(rows: Sequence[Row[*tuple[Any, ...]]]) -> tuple[Sequence[Row[*tuple[Any, ...]]], _Tallies]:
    """Add up as many of the first events as give at most `_ROWS_AT_ONCE` rows: few, if their times are far apart."""
    tallies = roll_up(map(_event, rows))
    while len(tallies) > _ROWS_AT_ONCE:
        rows = rows[: len(rows) // 2]
        tallies = roll_up(map(_event, rows))
    return rows, {(int(resolution), start, series): tally for (resolution, start, series), tally in tallies.items()}


def _over_all_time(tallies: _Tallies) -> _Tallies:
    """Add tallies up over all time, by series."""
    sums: dict[tuple[int, datetime, Series], Tally] = {}
    for (span, _, series), tally in tallies.items():
        if span == GRID:
            sums.setdefault((ALL_TIME, EPOCH, series), Tally()).add(tally)
    return sums


def _event(row: Row[*tuple[Any, ...]]) -> StorageEvent:
    _, occurred_at, operation, backend, kind, size_bytes, seconds, error_class, purpose = row
    return StorageEvent(
        occurred_at=occurred_at,
        operation=Operation(operation),
        backend=backend,
        share_id=None,
        media_id=None,
        kind=PartKind(kind),
        size_bytes=size_bytes,
        seconds=seconds,
        error_class=error_class,
        error=None,
        purpose=Purpose(purpose) if purpose else None,
    )


def _place(window: Window, span: Resolution) -> dict[str, Any]:
    """Return the parameters of `_WITHIN` and `_SUMMED`."""
    return {"span": span, "start": window.start, "end": window.end}


def _by_series(rows: Iterable[Row[*tuple[Any, ...]]]) -> Totals:
    totals: dict[Series, Tally] = {}
    for row in rows:
        totals.setdefault(_series(row), Tally()).add(_tally(row))
    return totals


def _add(connection: Connection, tallies: _Tallies) -> None:
    """Add to the existing rows. Nobody else can at the same time, because the cursor is locked."""
    kept = {(span, row.starts_at, _series(row)): _tally(row) for span, row in _kept_rows(connection, tallies)}
    sums = {key: _sum(tally, kept.get(key)) for key, tally in tallies.items()}
    statement = insert_into(table, is_sqlite=connection.dialect.name == "sqlite")
    replacing = statement.on_conflict_do_update(
        index_elements=_KEY, set_={name: statement.excluded[name] for name in _AMOUNTS}
    )
    # The result is not used. RETURNING only makes SQLAlchemy send many rows in one statement, which it otherwise does
    # not do with ON CONFLICT. Row by row takes ten times as long on PostgreSQL.
    connection.execute(replacing.returning(table.c.events), [_values(*key, tally) for key, tally in sums.items()])


def _sum(tally: Tally, kept: Tally | None) -> Tally:
    result = Tally()
    result.add(tally)
    if kept is not None:
        result.add(kept)
    return result


def _kept_rows(connection: Connection, tallies: _Tallies) -> Iterable[tuple[int, Row[*tuple[Any, ...]]]]:
    for span in sorted({span for span, _, _ in tallies}):
        starts = sorted({start for key_span, start, _ in tallies if key_span == span})
        for first in range(0, len(starts), _STARTS_AT_ONCE):
            batch: Sequence[datetime] = starts[first : first + _STARTS_AT_ONCE]
            statement = select(table).where(table.c.span_seconds == span, table.c.starts_at.in_(batch))
            for row in connection.execute(statement):
                yield span, row


def _series(row: Row[*tuple[Any, ...]]) -> Series:
    return Series(row.operation, row.backend, row.purpose, row.kind, row.error_class)


def _tally(row: Row[*tuple[Any, ...]]) -> Tally:
    # PostgreSQL's sums of whole numbers are decimals.
    tally = Tally(int(row.events), int(row.size_bytes), row.seconds, int(row.requests))
    # In JSON every name is a string.
    tally.bins.update({int(bin_): count for bin_, count in (row.latency_bins or {}).items()})
    return tally


def _values(span: int, start: datetime, series: Series, tally: Tally) -> dict[str, Any]:
    return {
        "span_seconds": span,
        "starts_at": start,
        "operation": series.operation,
        "backend": series.backend,
        "purpose": series.purpose,
        "kind": series.kind,
        "error_class": series.error_class,
        "events": tally.events,
        "size_bytes": tally.size_bytes,
        "seconds": tally.seconds,
        "requests": tally.requests,
        "latency_bins": {str(bin_): tally.bins[bin_] for bin_ in sorted(tally.bins)},
    }
