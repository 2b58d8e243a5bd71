"""The index of the search: which transcripts are in it, and the words of each segment.

A transcript is first queued, which gives it a number, and then read and indexed. What the pipeline writes is indexed in
the same transaction. What others write is found by comparing `updated_at`. Queries are in `search`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain, islice

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    Subquery,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)

from bookmarkai_assets.adapters.catalog.columns import moment_of, moment_text, storable, text_of
from bookmarkai_assets.adapters.catalog.segment_json import Passage, passages_of
from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.search import (
    MAX_SEGMENTS,
    POSITION_BITS,
    transcript_documents,
    transcript_segments,
)
from bookmarkai_assets.adapters.catalog.tables.shares import shares
from bookmarkai_assets.adapters.catalog.tables.transcripts import transcripts
from bookmarkai_assets.core.links.platforms import Platform, platform_of_link
from bookmarkai_assets.core.search.text import Token, tokenize

MAX_WORDS = 200
"""Per row. A longer text, such as a whole one without segments, gets several: PostgreSQL keeps 256 positions a word."""

PLATFORM_MARK = "¤"
"""Comes before a platform's name among the words. No word can begin with it."""

ROWS_AT_A_TIME = 1000
_READ_AT_A_TIME = 20
"""How many transcripts are read at a time. One of an hour's speech is about 1 MB with its words."""


def index_share(connection: Connection, share_id: str, *, is_sqlite: bool) -> None:
    """Index the share's current transcript. A share that is not in `shares` is left out: it could not be shown."""
    latest = (
        select(transcripts.c.share_id, transcripts.c.id)
        .join(shares, shares.c.id == transcripts.c.share_id)
        .where(transcripts.c.share_id == share_id)
        .order_by(transcripts.c.updated_at.desc(), transcripts.c.id.desc())
        .limit(1)
    )
    found = connection.execute(latest).first()
    if found is None:
        return
    queued = (
        insert_into(transcript_documents, is_sqlite=is_sqlite)
        .values(share_id=found.share_id, transcript_id=found.id)
        .on_conflict_do_update(
            index_elements=[transcript_documents.c.share_id], set_={"transcript_id": found.id, "revision": None}
        )
        .returning(transcript_documents.c.number)
    )
    _index(connection, [connection.execute(queued).scalar_one()], is_sqlite=is_sqlite)


def enqueue(connection: Connection, *, is_sqlite: bool) -> None:
    """Queue the transcripts whose current text is not indexed, in the order of sharing. Remove deleted ones."""
    latest, is_unindexed = _unindexed(is_sqlite=is_sqlite)
    connection.execute(
        insert_into(transcript_documents, is_sqlite=is_sqlite)
        .from_select(
            ["share_id", "transcript_id"],
            select(latest.c.share_id, latest.c.id)
            .join(shares, shares.c.id == latest.c.share_id)
            .outerjoin(transcript_documents, transcript_documents.c.share_id == latest.c.share_id)
            .where(latest.c.place == 1, is_unindexed)
            .order_by(shares.c.created_at, shares.c.id),
        )
        .on_conflict_do_update(
            index_elements=[transcript_documents.c.share_id],
            set_={
                "transcript_id": insert_into(transcript_documents, is_sqlite=is_sqlite).excluded.transcript_id,
                "revision": None,
            },
        )
    )
    # Only after the statement above: with it, a transcript that was deleted and written again keeps its number.
    gone = connection.execute(
        select(transcript_documents.c.number)
        .where(
            or_(
                ~exists().where(transcripts.c.id == transcript_documents.c.transcript_id),
                ~exists().where(shares.c.id == transcript_documents.c.share_id),
            )
        )
        .with_for_update(skip_locked=True)
    ).scalars()
    for number in gone.all():
        _remove_document(connection, number)


def index_queued(connection: Connection, *, limit: int, is_sqlite: bool, after: int = 0) -> Sequence[int]:
    """Index up to `limit` of the queued transcripts with numbers above `after`, lowest first. Return their numbers.

    Those that another process is indexing are left to it.
    """
    queued = (
        select(transcript_documents.c.number)
        .where(transcript_documents.c.revision.is_(None), transcript_documents.c.number > after)
        .order_by(transcript_documents.c.number)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    numbers = connection.execute(queued).scalars().all()
    for begin in range(0, len(numbers), _READ_AT_A_TIME):
        _index(connection, numbers[begin : begin + _READ_AT_A_TIME], is_sqlite=is_sqlite)
    return numbers


def index_all(connection: Connection, *, is_sqlite: bool) -> None:
    """Index everything that is not indexed, within the caller's transaction. Memory use is constant."""
    enqueue(connection, is_sqlite=is_sqlite)
    last = 0
    while numbers := index_queued(connection, limit=_READ_AT_A_TIME, is_sqlite=is_sqlite, after=last):
        last = numbers[-1]


def count_unindexed(connection: Connection, *, is_sqlite: bool) -> int:
    """Count what `enqueue` would queue, and what is queued already."""
    latest, is_unindexed = _unindexed(is_sqlite=is_sqlite)
    statement = (
        select(func.count())
        .select_from(latest)
        .join(shares, shares.c.id == latest.c.share_id)
        .outerjoin(transcript_documents, transcript_documents.c.share_id == latest.c.share_id)
        .where(latest.c.place == 1, or_(is_unindexed, transcript_documents.c.revision.is_(None)))
    )
    return connection.execute(statement).scalar_one()


def platform_word(platform: Platform) -> str:
    """Return the word that is indexed with every segment of a platform's videos."""
    return PLATFORM_MARK + platform.value


def _unindexed(*, is_sqlite: bool) -> tuple[Subquery, ColumnElement[bool]]:
    """Return each share's transcripts, the latest with `place` 1, and the condition that it is not the indexed one."""
    latest = select(
        transcripts.c.share_id,
        transcripts.c.id,
        _revision(is_sqlite=is_sqlite).label("revision"),
        func.row_number()
        .over(partition_by=transcripts.c.share_id, order_by=(transcripts.c.updated_at.desc(), transcripts.c.id.desc()))
        .label("place"),
    ).subquery()
    return latest, or_(
        transcript_documents.c.number.is_(None),
        transcript_documents.c.transcript_id != latest.c.id,
        transcript_documents.c.revision != latest.c.revision,
    )


def _revision(*, is_sqlite: bool) -> ColumnElement[str]:
    return func.coalesce(moment_text(transcripts.c.updated_at, is_sqlite=is_sqlite), "")


def _index(connection: Connection, numbers: Sequence[int], *, is_sqlite: bool) -> None:
    # Read after the rows of `transcript_documents` are locked. Then the later of two processes that index a transcript
    # sees what the earlier saw, or something newer.
    statement = (
        select(
            transcript_documents.c.number,
            transcripts.c.full_text,
            # As text on SQLite, where the column may hold anything.
            (type_coerce(transcripts.c.segments, String) if is_sqlite else transcripts.c.segments).label("segments"),
            _revision(is_sqlite=is_sqlite).label("revision"),
            shares.c.url,
            moment_text(shares.c.created_at, is_sqlite=is_sqlite).label("shared_at"),
        )
        .join(transcripts, transcripts.c.id == transcript_documents.c.transcript_id)
        .join(shares, shares.c.id == transcript_documents.c.share_id)
        .where(transcript_documents.c.number.in_(numbers))
    )
    rows_found = connection.execute(statement).all()
    for number in set(numbers) - {row.number for row in rows_found}:
        # Deleted since it was queued.
        _remove_document(connection, number)
    for row in rows_found:
        _remove_segments(connection, row.number)
        platform = platform_of_link(text_of(row.url) or "")
        rows = _rows(row.number, passages_of(row.segments, row.full_text), platform, is_sqlite=is_sqlite)
        while chunk := list(islice(rows, ROWS_AT_A_TIME)):
            connection.execute(insert(transcript_segments), chunk)
        connection.execute(
            update(transcript_documents)
            .where(transcript_documents.c.number == row.number)
            .values(revision=row.revision, shared_at=_moment(text_of(row.shared_at)))
        )


def _moment(text: str | None) -> datetime | None:
    try:
        return moment_of(text or "")
    except ValueError:
        return None


def _remove_document(connection: Connection, number: int) -> None:
    _remove_segments(connection, number)
    connection.execute(delete(transcript_documents).where(transcript_documents.c.number == number))


def _remove_segments(connection: Connection, number: int) -> None:
    first = number << POSITION_BITS
    connection.execute(
        delete(transcript_segments).where(transcript_segments.c.id.between(first, first + MAX_SEGMENTS - 1))
    )


def _rows(
    number: int, passages: Iterator[Passage], platform: Platform, *, is_sqlite: bool
) -> Iterator[dict[str, object]]:
    mark = platform_word(platform)
    format_words = _as_text if is_sqlite else _as_tsvector
    pieces = islice(chain.from_iterable(map(_split, passages)), MAX_SEGMENTS)
    # The first segment has the highest id, because results are read from the highest down.
    for position, (piece, words) in enumerate(pieces):
        yield {
            "id": (number << POSITION_BITS) + MAX_SEGMENTS - 1 - position,
            "start_seconds": piece.start_seconds,
            "end_seconds": piece.end_seconds,
            "text": piece.text,
            "words": format_words(words, mark),
        }


def _split(passage: Passage) -> Iterator[tuple[Passage, Sequence[str]]]:
    """Split a text into pieces of at most `MAX_WORDS` words. A text without words has no piece."""
    text = storable(passage.text)
    words = list(tokenize(text))
    for first in range(0, len(words), MAX_WORDS):
        tokens = words[first : first + MAX_WORDS]
        shown = text[_start_of(words, first) : _start_of(words, first + MAX_WORDS, end=len(text))].strip()
        yield Passage(shown, passage.start_seconds, passage.end_seconds), [token.word for token in tokens]


def _start_of(words: Sequence[Token], index: int, *, end: int = 0) -> int:
    """Return where a piece begins: at its first word. The first piece also has what comes before its first word."""
    if index == 0:
        return 0
    return words[index].start if index < len(words) else end


def _as_text(words: Sequence[str], mark: str) -> str:
    return " ".join((*words, mark))


def _as_tsvector(words: Sequence[str], mark: str) -> str:
    # Words consist of letters, marks and digits only, so nothing in them can close the quotes.
    return " ".join([f"'{mark}'", *(f"'{word}':{position}" for position, word in enumerate(words, 1))])
