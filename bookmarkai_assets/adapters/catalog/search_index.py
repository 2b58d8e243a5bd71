"""Keeping the index of the search: which transcripts are in it, and the words of each sentence.

A transcript is enrolled first, which gives it its number, then read and indexed. What is written here is indexed in the
transaction that writes it; what others write is found by comparing `updated_at`. How it is asked is in `search`.
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
from bookmarkai_assets.adapters.catalog.segment_json import Said, said_in
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
from bookmarkai_assets.core.search.text import FoundWord, words_of

MAX_WORDS = 200
"""Of one row. What is longer, as a whole text without segments, becomes several: PostgreSQL keeps 256 places a word."""

PLATFORM_MARK = "¤"
"""Before a platform's name among the words: no word can begin with it."""

ROWS_AT_A_TIME = 1000
_READ_AT_A_TIME = 20
"""Transcripts: of an hour's speech each is about 1 MB with its words."""


def index_share(connection: Connection, share_id: str, *, is_sqlite: bool) -> None:
    """Index what `transcripts` has of a share now; a share that is not in `shares` has nothing to be found by."""
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
    enrolled = (
        insert_into(transcript_documents, is_sqlite=is_sqlite)
        .values(share_id=found.share_id, transcript_id=found.id)
        .on_conflict_do_update(
            index_elements=[transcript_documents.c.share_id], set_={"transcript_id": found.id, "revision": None}
        )
        .returning(transcript_documents.c.number)
    )
    _index(connection, [connection.execute(enrolled).scalar_one()], is_sqlite=is_sqlite)


def enrol(connection: Connection, *, is_sqlite: bool) -> None:
    """Mark as waiting what is not indexed as it is now, in the order in which it was shared; forget what is gone."""
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
    # After that, by which a transcript that was deleted and written anew keeps its number.
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
        _forget(connection, number)


def index_waiting(connection: Connection, *, limit: int, is_sqlite: bool, after: int = 0) -> Sequence[int]:
    """Index up to `limit` of those enrolled, by their numbers from behind `after` on; gives the numbers.

    What another process has in hand is left to it.
    """
    waiting = (
        select(transcript_documents.c.number)
        .where(transcript_documents.c.revision.is_(None), transcript_documents.c.number > after)
        .order_by(transcript_documents.c.number)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    numbers = connection.execute(waiting).scalars().all()
    for begin in range(0, len(numbers), _READ_AT_A_TIME):
        _index(connection, numbers[begin : begin + _READ_AT_A_TIME], is_sqlite=is_sqlite)
    return numbers


def index_all(connection: Connection, *, is_sqlite: bool) -> None:
    """Index all that is not indexed, within the caller's transaction and in flat memory."""
    enrol(connection, is_sqlite=is_sqlite)
    last = 0
    while numbers := index_waiting(connection, limit=_READ_AT_A_TIME, is_sqlite=is_sqlite, after=last):
        last = numbers[-1]


def count_unindexed(connection: Connection, *, is_sqlite: bool) -> int:
    """Count what `enrol` would mark as waiting, with what waits already."""
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
    """Give the word that every sentence of a platform's videos has."""
    return PLATFORM_MARK + platform.value


def _unindexed(*, is_sqlite: bool) -> tuple[Subquery, ColumnElement[bool]]:
    """Give each share's transcripts, the latest in place 1, and the condition that it is not the one indexed."""
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
    # Read after the rows of `transcript_documents` are locked: so of two who index a transcript the later sees what the
    # earlier saw, or something newer.
    statement = (
        select(
            transcript_documents.c.number,
            transcripts.c.full_text,
            # As text on SQLite, where it may be anything.
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
        # Deleted since it was enrolled.
        _forget(connection, number)
    for row in rows_found:
        _remove_segments(connection, row.number)
        platform = platform_of_link(text_of(row.url) or "")
        rows = _rows(row.number, said_in(row.segments, row.full_text), platform, is_sqlite=is_sqlite)
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


def _forget(connection: Connection, number: int) -> None:
    _remove_segments(connection, number)
    connection.execute(delete(transcript_documents).where(transcript_documents.c.number == number))


def _remove_segments(connection: Connection, number: int) -> None:
    first = number << POSITION_BITS
    connection.execute(
        delete(transcript_segments).where(transcript_segments.c.id.between(first, first + MAX_SEGMENTS - 1))
    )


def _rows(number: int, said: Iterator[Said], platform: Platform, *, is_sqlite: bool) -> Iterator[dict[str, object]]:
    mark = platform_word(platform)
    indexed = _as_text if is_sqlite else _as_tsvector
    pieces = islice(chain.from_iterable(map(_pieces, said)), MAX_SEGMENTS)
    # The first sentence has the highest id, because results are read from the highest on.
    for position, (piece, words) in enumerate(pieces):
        yield {
            "id": (number << POSITION_BITS) + MAX_SEGMENTS - 1 - position,
            "start_seconds": piece.start_seconds,
            "end_seconds": piece.end_seconds,
            "text": piece.text,
            "words": indexed(words, mark),
        }


def _pieces(said: Said) -> Iterator[tuple[Said, Sequence[str]]]:
    """Divide a text into rows of at most `MAX_WORDS` words; what has no words has no row."""
    text = storable(said.text)
    words = list(words_of(text))
    for first in range(0, len(words), MAX_WORDS):
        part = words[first : first + MAX_WORDS]
        shown = text[_begin(words, first) : _begin(words, first + MAX_WORDS, end=len(text))].strip()
        yield Said(shown, said.start_seconds, said.end_seconds), [found.word for found in part]


def _begin(words: Sequence[FoundWord], index: int, *, end: int = 0) -> int:
    """Say where the text of a row begins: at its first word, but for the first row, which has all before it too."""
    if index == 0:
        return 0
    return words[index].start if index < len(words) else end


def _as_text(words: Sequence[str], mark: str) -> str:
    return " ".join((*words, mark))


def _as_tsvector(words: Sequence[str], mark: str) -> str:
    # Letters, marks and digits alone: nothing in them could end the quotation.
    return " ".join([f"'{mark}'", *(f"'{word}':{position}" for position, word in enumerate(words, 1))])
