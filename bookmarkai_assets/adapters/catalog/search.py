"""`TranscriptSearch` over FTS5 on SQLite and a tsvector on PostgreSQL, both in the words of `search_text`.

What is indexed, and when, is in `search_index`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    Text,
    cast,
    column,
    exists,
    func,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from typing_extensions import override

from bookmarkai_assets.adapters.catalog.columns import id_text, text_of
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.search_index import (
    count_unindexed,
    enrol,
    index_waiting,
    platform_word,
)
from bookmarkai_assets.adapters.catalog.tables.media import media
from bookmarkai_assets.adapters.catalog.tables.search import (
    FULL_TEXT_TABLE,
    POSITION_BITS,
    transcript_documents,
    transcript_segments,
)
from bookmarkai_assets.adapters.catalog.tables.shares import shares
from bookmarkai_assets.adapters.catalog.tables.transcripts import transcripts
from bookmarkai_assets.adapters.catalog.tables.work import share_work
from bookmarkai_assets.core.links.platforms import Platform, platform_of_link, unified
from bookmarkai_assets.core.search.ports import MAX_HITS, Hit, Indexed, TranscriptSearch
from bookmarkai_assets.core.search.query import SearchQuery, Term, matches

NEWEST = 10_000
"""Sentences that are looked through before the index is asked: 4 ms. Of a million it finds what one in 500 has."""

NEWEST_PER_HIT = 100
WIDER = 10
"""So many times more are looked through when the newest had a fifth of what is wanted; the walk ends with the last."""

_full_text = table(FULL_TEXT_TABLE, column("rowid"), column(FULL_TEXT_TABLE, Text))


class SqlTranscriptSearch(TranscriptSearch):
    """Reads hits in the order of their ids, from the highest on, and stops when there are enough.

    FTS5 gives them in that order. A GIN index does not: it is asked only for what is not frequent among the newest
    sentences, so that a word that a quarter of all sentences have costs no more than a rare one. PostgreSQL's planner,
    left to choose between the two, would walk through all sentences for a word that went out of use.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def search(
        self, query: SearchQuery, *, platform: Platform | None = None, since: datetime | None = None, limit: int = 20
    ) -> Sequence[Hit]:
        if not 1 <= limit <= MAX_HITS:
            raise ValueError(f"expected a limit from 1 to {MAX_HITS}, found {limit}")
        mark = None if platform is None else platform_word(unified(platform))
        with self._database.reading() as connection:
            lowest = 0 if since is None else _first_document(connection, since)
            if lowest is None:
                return []
            ask = partial(_read, connection, limit=limit, since=since, lowest=lowest)
            if self._database.is_sqlite:
                rows = ask(_by_full_text(query, mark))
            else:
                rows = _from_newest_on(ask, cast(text_search_query(query, mark), postgresql.TSQUERY), limit)
        return [_hit(rank, row, query) for rank, row in enumerate(rows, 1)]

    @override
    def index(self, *, limit: int) -> Indexed:
        if limit < 1:
            raise ValueError(f"expected a limit of at least 1, found {limit}")
        is_sqlite = self._database.is_sqlite
        with self._database.writing() as connection:
            done = index_waiting(connection, limit=limit, is_sqlite=is_sqlite)
            if not done:
                enrol(connection, is_sqlite=is_sqlite)
                done = index_waiting(connection, limit=limit, is_sqlite=is_sqlite)
            waiting = select(func.count()).where(transcript_documents.c.revision.is_(None))
            return Indexed(len(done), connection.execute(waiting).scalar_one())

    @override
    def count_unindexed(self) -> int:
        with self._database.reading() as connection:
            return count_unindexed(connection, is_sqlite=self._database.is_sqlite)


@dataclass(frozen=True)
class _Way:
    """One way to the matching sentences: what they are read from, by which condition, and how they are ordered.

    `id` is the column by which a part of them can be read, `order` what is highest for the newest.
    """

    source: FromClause
    segments: ReadOnlyColumnCollection[str, Any]
    is_match: ColumnElement[bool]
    id: ColumnElement[int]
    order: ColumnElement[int]


def _by_full_text(query: SearchQuery, mark: str | None) -> _Way:
    return _Way(
        source=_full_text.join(transcript_segments, transcript_segments.c.id == _full_text.c.rowid),
        segments=transcript_segments.c,
        is_match=_full_text.c[FULL_TEXT_TABLE].op("MATCH", is_comparison=True)(full_text_query(query, mark)),
        id=_full_text.c.rowid,
        order=_full_text.c.rowid,
    )


def _from_newest_on(
    ask: Callable[[_Way], Sequence[Row[*tuple[Any, ...]]]], is_match: ColumnElement[Any], limit: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    newest = max(NEWEST, NEWEST_PER_HIT * limit)
    rows = ask(_among_newest(is_match, newest))
    if limit > len(rows) >= limit * 2 / WIDER:
        # At this rate the others are not far.
        rows = ask(_among_newest(is_match, WIDER * newest))
    return rows if len(rows) == limit else ask(_by_index(is_match))


def _among_newest(is_match: ColumnElement[Any], count: int) -> _Way:
    newest = select(transcript_segments).order_by(transcript_segments.c.id.desc()).limit(count).subquery("newest")
    columns = newest.c
    return _Way(newest, columns, columns.words.op("@@", is_comparison=True)(is_match), columns.id, columns.id)


def _by_index(is_match: ColumnElement[Any]) -> _Way:
    segments = transcript_segments.c
    # The sum keeps the planner from walking along the primary key, which has that order, in search of the words.
    order = segments.id + literal_column("0")
    return _Way(
        transcript_segments, segments, segments.words.op("@@", is_comparison=True)(is_match), segments.id, order
    )


def _first_document(connection: Connection, since: datetime) -> int | None:
    """Give the lowest number of the documents that were shared since, below which nothing need be read."""
    documents = transcript_documents.c
    return connection.execute(select(func.min(documents.number)).where(documents.shared_at >= since)).scalar()


def _read(
    connection: Connection, way: _Way, limit: int, *, since: datetime | None, lowest: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    documents = transcript_documents.c
    found = (
        select(
            way.segments.id,
            way.segments.start_seconds,
            way.segments.end_seconds,
            way.segments.text,
            documents.share_id,
            documents.shared_at,
        )
        .select_from(
            way.source.join(transcript_documents, documents.number == way.segments.id.op(">>")(POSITION_BITS)).join(
                shares, shares.c.id == documents.share_id
            )
        )
        .where(way.is_match, exists().where(transcripts.c.id == documents.transcript_id))
        .order_by(way.order.desc())
        .limit(limit)
    )
    if since is not None:
        found = found.where(way.id >= lowest << POSITION_BITS, documents.shared_at >= since)
    return connection.execute(_described(found)).all()


def full_text_query(query: SearchQuery, mark: str | None = None) -> str:
    """Write a question for FTS5."""
    required = [*([f'"{mark}"'] if mark else []), *map(_full_text_term, query.required)]
    wanted = " AND ".join(required)
    if not query.excluded:
        return wanted
    return f"({wanted}) NOT ({' OR '.join(map(_full_text_term, query.excluded))})"


def text_search_query(query: SearchQuery, mark: str | None = None) -> str:
    """Write a question as PostgreSQL's tsquery."""
    return " & ".join(
        [
            *([f"'{mark}'"] if mark else []),
            *map(_text_search_term, query.required),
            *(f"!{_text_search_term(term)}" for term in query.excluded),
        ]
    )


def _full_text_term(term: Term) -> str:
    return f'"{" ".join(term.words)}"{"*" if term.is_prefix else ""}'


def _text_search_term(term: Term) -> str:
    words = [f"'{word}'" for word in term.words]
    return f"({' <-> '.join(words)}{':*' if term.is_prefix else ''})"


def _described(found: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Add what the share and its video are called, to the few that were found."""
    hits = found.subquery("hits")
    return (
        select(
            hits,
            shares.c.url,
            func.coalesce(shares.c.title, media.c.title).label("title"),
            media.c.canonical_url,
        )
        .select_from(
            hits.join(shares, shares.c.id == hits.c.share_id)
            .outerjoin(share_work, share_work.c.share_id == hits.c.share_id)
            .outerjoin(media, media.c.media_id == share_work.c.media_id)
        )
        .order_by(hits.c.id.desc())
    )


def _hit(rank: int, row: Row[*tuple[Any, ...]], query: SearchQuery) -> Hit:
    url = text_of(row.url) or ""
    return Hit(
        rank=rank,
        share_id=id_text(row.share_id),
        title=text_of(row.title),
        url=row.canonical_url or url,
        platform=platform_of_link(url),
        shared_at=row.shared_at,
        start_seconds=row.start_seconds,
        end_seconds=row.end_seconds,
        text=row.text,
        spans=matches(query, row.text),
    )
