"""`ShareTable` over the gateway's `shares`. The work changes their `status` and `media_url`: see `work`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    String,
    Table,
    Text,
    and_,
    desc,
    func,
    literal,
    literal_column,
    or_,
    select,
    type_coerce,
    union_all,
)
from typing_extensions import override

from bookmarkai_assets.adapters.catalog.columns import (
    has_id,
    id_text,
    in_groups,
    is_raw_id,
    is_uuid,
    moment_of,
    moment_text,
    storable,
    text_of,
)
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.share_words import has_word
from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.shares import shares
from bookmarkai_assets.adapters.catalog.tables.work import IS_NOT_DONE, share_work
from bookmarkai_assets.adapters.catalog.work_rows import platform_data
from bookmarkai_assets.core.errors import IdempotencyKeyError, UnknownShareError
from bookmarkai_assets.core.links.platforms import Platform, platform_of_link
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.shares.ports import AddedShare, ShareTable
from bookmarkai_assets.core.shares.share import Share, ShareStatus, language_code

UNREADABLE_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)
"""What `list` returns for an unreadable `created_at`. It lists malformed rows too, so that they can be found."""

ROWS_AT_A_TIME = 1000
"""How many shares are read at a time when only some platforms are wanted."""

NEWEST = (5000, 50_000)
"""How many of the newest shares are searched for a word before the others are."""

_UNFINISHED = ("claimed", "running", "waiting")
"""The states of work that may not have had an end yet."""


class SqlShareTable(ShareTable):
    """`shares`. No value that is read is trusted: on SQLite any column may hold anything."""

    def __init__(self, database: Database, new_id: Callable[[], str]) -> None:
        self._database = database
        self._new_id = new_id

    @override
    def add(
        self, *, url: str, user_id: str, platform: str, now: datetime, idempotency_key: str | None = None
    ) -> AddedShare:
        """Record a share as pending, once per (url, user). Raises ValueError when `user_id` is no UUID."""
        user = str(UUID(user_id))
        is_this = and_(shares.c.url == url, shares.c.user_id == user)
        # Without a key the column is not named, so that its default counts.
        key = {} if idempotency_key is None else {"idempotency_key": idempotency_key}
        statement = (
            insert_into(shares, is_sqlite=self._database.is_sqlite)
            .values(
                id=self._new_id(),
                user_id=user,
                url=url,
                platform=platform,
                status=ShareStatus.PENDING,
                created_at=now,
                updated_at=now,
                **key,
            )
            # Of either unique constraint: the link and user, or the key.
            .on_conflict_do_nothing()
        )
        with self._database.writing() as connection:
            is_new = connection.execute(statement).rowcount == 1
            if idempotency_key is not None and not is_new:
                _require_own_key(connection, idempotency_key, is_this)
            row = connection.execute(self._select().where(is_this)).one()
        return AddedShare(share=_share(row), is_new=is_new)

    @override
    def get(self, share_id: str) -> Share:
        """Read one share. Raises `UnknownShareError`, also for a row whose `created_at` cannot be read."""
        statement = self._select().where(has_id(shares.c.id, share_id, is_sqlite=self._database.is_sqlite))
        with self._database.reading() as connection:
            row = connection.execute(statement).first()
        if row is None:
            raise UnknownShareError(
                f"expected a share with the id {share_id!r}, found none; see `bookmarkai shares list`"
            )
        return _share(row)

    @override
    def list(
        self,
        *,
        statuses: Collection[str] = (),
        outcomes: Collection[Outcome] = (),
        platforms: Collection[Platform] = (),
        words: Collection[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        user_id: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> Sequence[Share]:
        """Read shares, newest first. A `created_at` that cannot be read shows as the epoch."""
        if user_id is not None and not is_uuid(user_id):
            return []
        statement = _restrict(
            self._select(), statuses=statuses, outcomes=outcomes, since=since, until=until, user_id=user_id
        )
        if after is not None:
            statement = statement.where(self._comes_after(after, user_id))
        with self._database.reading() as connection:
            streaming = connection.execution_options(yield_per=ROWS_AT_A_TIME)
            statements = self._parts_to_read(connection, statement, words) if words else [_newest_first(statement)]
            if not platforms:
                statements = [one.limit(limit) for one in statements]
            rows = (row for one in statements for row in streaming.execute(one))
            # SQL cannot tell which platform a link belongs to, so rows are filtered here until there are enough.
            wanted = (row for row in rows if not platforms or platform_of_link(text_of(row.url) or "") in platforms)
            return [_share(row, unreadable=UNREADABLE_MOMENT) for row in islice(wanted, limit)]

    @override
    def count(
        self,
        *,
        statuses: Collection[str] = (),
        outcomes: Collection[Outcome] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        user_id: str | None = None,
    ) -> int:
        if user_id is not None and not is_uuid(user_id):
            return 0
        counted = select(func.count()).select_from(shares)
        statement = _restrict(counted, statuses=statuses, outcomes=outcomes, since=since, until=until, user_id=user_id)
        with self._database.reading() as connection:
            return int(connection.execute(statement).scalar_one())

    @override
    def count_by_status(self) -> Mapping[str, int]:
        status, finished = shares.c.status, ShareStatus.DONE
        unfinished = select(status, func.count()).group_by(status)
        return self._count(
            finished,
            shares,
            unfinished.where(status < finished),
            unfinished.where(status > finished),
        )

    @override
    def count_by_outcome(self) -> Mapping[str, int]:
        outcome = share_work.c.outcome
        not_yet = and_(share_work.c.state.in_(_UNFINISHED), outcome.is_(None))
        return self._count(
            Outcome.DONE,
            share_work,
            select(outcome, func.count()).where(IS_NOT_DONE).group_by(outcome),
            select(literal(None, Text), func.count()).where(not_yet),
        )

    @override
    def read(self, share_ids: Sequence[str]) -> Sequence[Share]:
        found: dict[str, Share] = {}
        with self._database.reading() as connection:
            for some in in_groups(share_id for share_id in share_ids if is_uuid(share_id)):
                for row in connection.execute(self._select().where(shares.c.id.in_(some))):
                    share = _share(row, unreadable=UNREADABLE_MOMENT)
                    found[share.share_id] = share
        return [found[share_id] for share_id in dict.fromkeys(share_ids) if share_id in found]

    @override
    def of_link(self, urls: Collection[str], media_ids: Collection[str]) -> Sequence[Share]:
        of_media = select(share_work.c.share_id).where(share_work.c.media_id.in_(media_ids))
        statements = [self._select().where(shares.c.url.in_(urls)), self._select().where(shares.c.id.in_(of_media))]
        with self._database.reading() as connection:
            found = {
                share.share_id: share
                for statement in statements
                for row in connection.execute(statement)
                for share in [_share(row, unreadable=UNREADABLE_MOMENT)]
            }
        return sorted(found.values(), key=lambda share: (-share.created_at.timestamp(), share.share_id))

    @override
    def without_row(self, share_ids: Sequence[str]) -> Sequence[str]:
        left, is_sqlite = set(share_ids), self._database.is_sqlite
        # Text that the database cannot compare with an id is no id.
        comparable = [one for one in share_ids if (one == storable(one) if is_sqlite else _is_id_of_postgres(one))]
        with self._database.reading() as connection:
            for some in in_groups(comparable):
                found = connection.execute(select(shares.c.id).where(shares.c.id.in_(some)))
                left.difference_update(map(id_text, found.scalars()))
            for one in [one for one in left if is_sqlite and is_raw_id(one)]:
                found = connection.execute(select(shares.c.id).where(has_id(shares.c.id, one, is_sqlite=True)))
                left.difference_update(map(id_text, found.scalars()))
        return [share_id for share_id in share_ids if share_id in left]

    @override
    def hinted_language(self, share_id: str) -> str | None:
        with self._database.reading() as connection:
            return language_code(platform_data(connection, share_id).get("language"))

    def _count(self, finished: str, table: Table, *others: Select[*tuple[Any, ...]]) -> Mapping[str, int]:
        """Count rows by a text. Those of `finished` are nearly all rows, so they are what is left of all others.

        One statement sees one state of the database. SQLite counts all rows of a table without looking at them.
        """
        everything = select(literal(finished), select(func.count()).select_from(table).scalar_subquery())
        counts: dict[str, int] = {}
        with self._database.reading() as connection:
            (_, left), *rows = connection.execute(union_all(everything, *others)).all()
        for name, count in rows:
            left -= count
            if name is not None:
                known = text_of(name) or ""
                counts[known] = counts.get(known, 0) + count
        return {**counts, finished: left} if left else counts

    def _comes_after(self, share_id: str, user_id: str | None) -> ColumnElement[bool]:
        """Match the rows that `list` reads after this one. Raises `UnknownShareError` if there is no such row."""
        is_this = has_id(shares.c.id, share_id, is_sqlite=self._database.is_sqlite)
        if user_id is not None:
            is_this = and_(is_this, shares.c.user_id == user_id)
        with self._database.reading() as connection:
            if connection.execute(select(func.count()).select_from(shares).where(is_this)).scalar_one() == 0:
                raise UnknownShareError(f"expected the id of a share to list after, found {share_id[:80]!r}")
        # Compared in the database, because a malformed row has its place in the order too.
        moment = select(shares.c.created_at).where(is_this).scalar_subquery()
        this_id = select(shares.c.id).where(is_this).scalar_subquery()
        return or_(shares.c.created_at < moment, and_(shares.c.created_at == moment, shares.c.id > this_id))

    def _parts_to_read(
        self, connection: Connection, statement: Select[*tuple[Any, ...]], words: Collection[str]
    ) -> Sequence[Select[*tuple[Any, ...]]]:
        """Return the statements that read the rows with all words, newest first.

        A word that is common is among the newest shares, by the index of their moments. For a rare one all rows are
        read, and SQLite reads them faster in the table's order, although it has to sort what it finds then.
        """
        is_sqlite = self._database.is_sqlite
        with_words = statement.where(*(has_word(word, is_sqlite=is_sqlite) for word in words))
        if not is_sqlite:
            return [_newest_first(with_words)]
        moment, parts = shares.c.created_at, list[Select[*tuple[Any, ...]]]()
        for number in NEWEST:
            after = statement.with_only_columns(type_coerce(moment, String)).order_by(moment.desc())
            cut = connection.execute(after.offset(number).limit(1)).scalar()
            if cut is None:
                return [*parts, _newest_first(with_words)]
            parts.append(_newest_first(with_words.where(moment > literal(cut, String))))
            with_words = with_words.where(moment <= literal(cut, String))
        return [*parts, with_words.order_by(desc(literal_column("+shares.created_at")), shares.c.id)]

    def _select(self) -> Select[*tuple[Any, ...]]:
        created_at: ColumnElement[str] = moment_text(shares.c.created_at, is_sqlite=self._database.is_sqlite)
        return select(
            shares.c.id,
            shares.c.user_id,
            shares.c.url,
            func.coalesce(shares.c.platform, Platform.UNKNOWN.value).label("platform"),
            shares.c.status,
            created_at.label("created_at"),
            shares.c.title,
            shares.c.author,
        )


def _is_id_of_postgres(text: str) -> bool:
    """Whether a text is a UUID as PostgreSQL writes it."""
    return is_uuid(text) and str(UUID(text)) == text


def _newest_first(statement: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return statement.order_by(shares.c.created_at.desc(), shares.c.id)


def _restrict(
    statement: Select[*tuple[Any, ...]],
    *,
    statuses: Collection[str],
    outcomes: Collection[Outcome],
    since: datetime | None,
    until: datetime | None,
    user_id: str | None,
) -> Select[*tuple[Any, ...]]:
    if user_id is not None:
        statement = statement.where(shares.c.user_id == user_id)
    if statuses:
        statement = statement.where(shares.c.status.in_(statuses))
    if outcomes:
        statement = statement.join(share_work, share_work.c.share_id == shares.c.id)
        statement = statement.where(share_work.c.outcome.in_(outcomes))
        if Outcome.DONE not in outcomes:
            statement = statement.where(IS_NOT_DONE)
    if since is not None:
        statement = statement.where(shares.c.created_at >= since)
    if until is not None:
        statement = statement.where(shares.c.created_at < until)
    return statement


def _require_own_key(connection: Connection, key: str, is_this: ColumnElement[bool]) -> None:
    """Raise `IdempotencyKeyError` if a row has the key that is not this one."""
    kept = connection.execute(select(is_this).where(shares.c.idempotency_key == key)).scalar()
    if kept is not None and not kept:
        raise IdempotencyKeyError(
            "expected the idempotency key to come again with the same link, found it kept for another link; use a new "
            "key for a new request"
        )


def _share(row: Row[*tuple[Any, ...]], *, unreadable: datetime | None = None) -> Share:
    return Share(
        share_id=id_text(row.id),
        user_id=text_of(row.user_id) or "",
        url=text_of(row.url) or "",
        platform=text_of(row.platform) or "",
        status=text_of(row.status) or "",
        created_at=_created_at(row, unreadable),
        title=text_of(row.title),
        author=text_of(row.author),
    )


def _created_at(row: Row[*tuple[Any, ...]], unreadable: datetime | None) -> datetime:
    text = text_of(row.created_at)
    try:
        return moment_of(text or "")
    except ValueError as error:
        if unreadable is not None:
            return unreadable
        raise UnknownShareError(
            f"expected shares.created_at of {id_text(row.id)} to be a time such as 2026-01-31T12:00:00+00:00, found "
            f"{text!r}; correct the row, then `bookmarkai shares retry`"
        ) from error
