"""`TranscriptSearch` over FTS5 on SQLite and over a tsvector on PostgreSQL.

Both index the words of `core/search/text`. What is indexed, and when, is in `search_index`.
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

from bookmarkai_assets.adapters.catalog.columns import id_text, is_uuid, text_of
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.search_index import (
    count_unindexed,
    enqueue,
    index_queued,
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
from bookmarkai_assets.core.links.platforms import Platform, platform_of_link, unify_platform
from bookmarkai_assets.core.search.ports import MAX_HITS, Hit, Indexed, TranscriptSearch
from bookmarkai_assets.core.search.query import SearchQuery, Term, matches

NEWEST = 10_000
"""How many segments are scanned before the index is used. Of a million it takes 4 ms, and finds what one in 500 has."""

NEWEST_PER_HIT = 100
WIDER = 10
"""How many times more are scanned if the newest had a fifth of the hits. The scan stops when there are enough."""

_full_text = table(FULL_TEXT_TABLE, column("rowid"), column(FULL_TEXT_TABLE, Text))


class SqlTranscriptSearch(TranscriptSearch):
    """Reads hits in the order of their ids, highest first, and stops when there are enough.

    FTS5 returns them in that order, but a GIN index does not. It is used only for words that are rare among the newest
    segments, so that a word in a quarter of all segments costs no more than a rare one. If PostgreSQL's planner were
    left to choose, it would scan all segments for a word that nobody uses any more.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def search(
        self,
        query: SearchQuery,
        *,
        platform: Platform | None = None,
        since: datetime | None = None,
        user_id: str | None = None,
        limit: int = 20,
    ) -> Sequence[Hit]:
        if not 1 <= limit <= MAX_HITS:
            raise ValueError(f"expected a limit from 1 to {MAX_HITS}, found {limit}")
        if user_id is not None and not is_uuid(user_id):
            return []
        mark = None if platform is None else platform_word(unify_platform(platform))
        with self._database.reading() as connection:
            lowest = 0 if since is None else _first_document(connection, since)
            if lowest is None:
                return []
            read = partial(_read, connection, limit=limit, since=since, user_id=user_id, lowest=lowest)
            if self._database.is_sqlite:
                rows = read(_full_text_source(query, mark))
            else:
                rows = _search_newest_first(read, cast(text_search_query(query, mark), postgresql.TSQUERY), limit)
        return [_hit(rank, row, query) for rank, row in enumerate(rows, 1)]

    @override
    def index(self, *, limit: int) -> Indexed:
        if limit < 1:
            raise ValueError(f"expected a limit of at least 1, found {limit}")
        is_sqlite = self._database.is_sqlite
        with self._database.writing() as connection:
            done = index_queued(connection, limit=limit, is_sqlite=is_sqlite)
            if not done:
                enqueue(connection, is_sqlite=is_sqlite)
                done = index_queued(connection, limit=limit, is_sqlite=is_sqlite)
            waiting = select(func.count()).where(transcript_documents.c.revision.is_(None))
            return Indexed(len(done), connection.execute(waiting).scalar_one())

    @override
    def count_unindexed(self) -> int:
        with self._database.reading() as connection:
            return count_unindexed(connection, is_sqlite=self._database.is_sqlite)


@dataclass(frozen=True)
class _Source:
    """One way to read the matching segments: from which table, by which condition, and in which order.

    `id` is the column that limits the read to newer ones. `order` is highest for the newest.
    """

    table: FromClause
    segments: ReadOnlyColumnCollection[str, Any]
    is_match: ColumnElement[bool]
    id: ColumnElement[int]
    order: ColumnElement[int]


def _full_text_source(query: SearchQuery, mark: str | None) -> _Source:
    return _Source(
        table=_full_text.join(transcript_segments, transcript_segments.c.id == _full_text.c.rowid),
        segments=transcript_segments.c,
        is_match=_full_text.c[FULL_TEXT_TABLE].op("MATCH", is_comparison=True)(full_text_query(query, mark)),
        id=_full_text.c.rowid,
        order=_full_text.c.rowid,
    )


def _search_newest_first(
    read: Callable[[_Source], Sequence[Row[*tuple[Any, ...]]]], is_match: ColumnElement[Any], limit: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    newest = max(NEWEST, NEWEST_PER_HIT * limit)
    rows = read(_newest_source(is_match, newest))
    if limit > len(rows) >= limit * 2 / WIDER:
        # At this rate the missing hits are not far.
        rows = read(_newest_source(is_match, WIDER * newest))
    return rows if len(rows) == limit else read(_index_source(is_match))


def _newest_source(is_match: ColumnElement[Any], count: int) -> _Source:
    newest = select(transcript_segments).order_by(transcript_segments.c.id.desc()).limit(count).subquery("newest")
    columns = newest.c
    return _Source(newest, columns, columns.words.op("@@", is_comparison=True)(is_match), columns.id, columns.id)


def _index_source(is_match: ColumnElement[Any]) -> _Source:
    segments = transcript_segments.c
    # The sum keeps the planner from scanning the primary key, which has that order, for the words.
    order = segments.id + literal_column("0")
    return _Source(
        transcript_segments, segments, segments.words.op("@@", is_comparison=True)(is_match), segments.id, order
    )


def _first_document(connection: Connection, since: datetime) -> int | None:
    """Return the lowest number of the documents shared since then. Nothing below it need be read."""
    documents = transcript_documents.c
    return connection.execute(select(func.min(documents.number)).where(documents.shared_at >= since)).scalar()


def _read(
    connection: Connection,
    source: _Source,
    limit: int,
    *,
    since: datetime | None,
    user_id: str | None,
    lowest: int,
) -> Sequence[Row[*tuple[Any, ...]]]:
    documents, segments = transcript_documents.c, source.segments
    found = (
        select(
            segments.id,
            segments.start_seconds,
            segments.end_seconds,
            segments.text,
            documents.share_id,
            documents.shared_at,
        )
        .select_from(
            source.table.join(transcript_documents, documents.number == segments.id.op(">>")(POSITION_BITS)).join(
                shares, shares.c.id == documents.share_id
            )
        )
        .where(source.is_match, exists().where(transcripts.c.id == documents.transcript_id))
        .order_by(source.order.desc())
        .limit(limit)
    )
    if since is not None:
        found = found.where(source.id >= lowest << POSITION_BITS, documents.shared_at >= since)
    if user_id is not None:
        found = found.where(shares.c.user_id == user_id)
    return connection.execute(_with_titles(found)).all()


def full_text_query(query: SearchQuery, mark: str | None = None) -> str:
    """Return a query in the syntax of FTS5."""
    required = [*([f'"{mark}"'] if mark else []), *map(_full_text_term, query.required)]
    wanted = " AND ".join(required)
    if not query.excluded:
        return wanted
    return f"({wanted}) NOT ({' OR '.join(map(_full_text_term, query.excluded))})"


def text_search_query(query: SearchQuery, mark: str | None = None) -> str:
    """Return a query in the syntax of PostgreSQL's tsquery."""
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


def _with_titles(found: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Add the link and the video's title and URL, only to the few segments that were found."""
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
        matches=matches(query, row.text),
    )
