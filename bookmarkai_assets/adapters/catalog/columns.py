"""How values are stored: share ids, moments, foreign text and JSON documents, with one interface to both databases.

PostgreSQL stores them natively (uuid, timestamptz, jsonb), SQLite as text that sorts as the values do.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    ColumnElement,
    DateTime,
    Dialect,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
    cast,
    false,
    func,
    or_,
    type_coerce,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.types import TypeEngine
from typing_extensions import override

Document = JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
"""A JSON value: jsonb on PostgreSQL, text on SQLite."""

# PostgreSQL's text cannot store NUL, and a lone surrogate has no UTF-8. Hostile titles and messages contain both.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
IDS_AT_A_TIME = 500
"""Parameters of one statement. SQLite's oldest limit is 999."""

_RAW_ID = re.compile("X'((?:[0-9A-F]{2})*)'")


class NaiveMomentError(DontWrapMixin, ValueError):
    """A caller's mistake. SQLAlchemy raises it as it is, and not wrapped in its own error about the statement."""


class Identifier(TypeDecorator[str]):
    """A UUID as text with hyphens: uuid on PostgreSQL, 36 characters on SQLite."""

    impl = String(36)
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID(as_uuid=False))
        return dialect.type_descriptor(String(36))


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime, to the microsecond: timestamptz on PostgreSQL, ISO 8601 text of one width on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(String(32))

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise NaiveMomentError(f"expected a datetime with a time zone, found {value!r}; pass one in UTC")
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.isoformat(timespec="microseconds")

    @override
    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return moment_of(value) if isinstance(value, str) else _in_utc(value)


class ForeignText(TypeDecorator[str]):
    """Text that a site, a user or a vendor wrote. Characters that a database cannot store become U+FFFD."""

    impl = Text
    cache_ok = True

    @override
    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


def storable(text: str) -> str:
    """Replace what a database cannot store as text (NUL, lone surrogates) by U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def storable_document(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Do what `storable` does to every text and name within a JSON value."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(name): storable_document(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [storable_document(entry) for entry in value]
    return value


def moment_of(text: str) -> datetime:
    """Parse ISO 8601 text as an aware UTC datetime. Text without an offset is UTC. Raises ValueError."""
    return _in_utc(datetime.fromisoformat(text))


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def moment_text(column: ColumnElement[datetime], *, is_sqlite: bool) -> ColumnElement[str]:
    """Select a moment as text, without converting it. A malformed one must not make its row unreadable."""
    if is_sqlite:
        return type_coerce(column, String)
    # The server chooses the session's time zone and date style, so the format is given here.
    return func.to_char(func.timezone("UTC", column), 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"', type_=String)


def text_of(value: object) -> str | None:
    """Return a column's value as text. On SQLite any column may hold any type, and text of any bytes."""
    if value is None:
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def id_text(value: object) -> str:
    """Return a row's id as text. One that is not valid text becomes a SQL blob literal, which `has_id` understands."""
    return f"X'{value.hex().upper()}'" if isinstance(value, bytes) else str(value)


def has_id(column: ColumnElement[str], share_id: str, *, is_sqlite: bool) -> ColumnElement[bool]:
    """Match the rows whose `id_text` is `share_id`. On PostgreSQL every id is a UUID, so nothing else matches there."""
    if not is_sqlite:
        return column == share_id if is_uuid(share_id) else false()
    raw = _RAW_ID.fullmatch(share_id)
    if raw is None:
        return column == share_id
    return or_(column == share_id, cast(column, LargeBinary) == bytes.fromhex(raw[1]))


def is_raw_id(text: str) -> bool:
    """Whether a text is what `id_text` returns of an id that is not valid text."""
    return _RAW_ID.fullmatch(text) is not None


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID in a form that PostgreSQL reads."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def in_groups(share_ids: Iterable[str]) -> Iterator[list[str]]:
    """Yield the ids in lists that are short enough to be the parameters of one statement."""
    rest = iter(share_ids)
    while some := list(islice(rest, IDS_AT_A_TIME)):
        yield some
