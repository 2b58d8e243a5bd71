"""Which shares have a word: in their link, title, author, platform or id, whatever its case and accents.

No index has parts of words, so every row is looked at. What the database compares by itself comes first: it settles
nearly all rows at a fifth of a regular expression's cost.
"""

import operator
from collections.abc import Sequence
from functools import reduce

from sqlalchemy import Boolean, ColumnElement, LargeBinary, Text, case, cast, false, func, or_

from bookmarkai_assets.adapters.catalog.columns import storable
from bookmarkai_assets.adapters.catalog.engine import HAS_PATTERN
from bookmarkai_assets.adapters.catalog.tables.shares import shares
from bookmarkai_assets.core.search.text import fold, pattern_of

_MAX_LIKE_CHARACTERS = 1000
"""A longer word goes by its pattern alone: SQLite refuses to compare with very long ones."""

_COLUMNS: Sequence[ColumnElement[str | None]] = [
    cast(shares.c[name], Text) for name in ("url", "title", "author", "platform", "id")
]
"""As text, because on SQLite any of them may hold anything."""


def has_word(word: str, *, is_sqlite: bool) -> ColumnElement[bool]:
    """Match the rows in one of whose fields a text is, whatever the case and the accents."""
    plain = fold(word)
    if not plain.isprintable() or len(plain) > _MAX_LIKE_CHARACTERS:
        return _has_pattern(word, is_sqlite=is_sqlite)
    # A field of ASCII has a word if it has its plain letters. Only the others may have them in another spelling.
    may_have = [_has_more_than_ascii(column, is_sqlite=is_sqlite) for column in _COLUMNS]
    if plain.isascii():
        may_have += [_has_letters(column, plain, is_sqlite=is_sqlite) for column in _COLUMNS]
    # CASE, because a database may evaluate both sides of an AND in any order.
    return case((or_(*may_have), _has_pattern(word, is_sqlite=is_sqlite)), else_=false())


def _has_pattern(word: str, *, is_sqlite: bool) -> ColumnElement[bool]:
    text = reduce(operator.add, (func.coalesce(column, "") + "\n" for column in _COLUMNS))
    pattern = storable(pattern_of(word))
    if not is_sqlite:
        return text.regexp_match(pattern)
    is_match: ColumnElement[bool] = getattr(func, HAS_PATTERN)(pattern, cast(text, LargeBinary), type_=Boolean)
    return is_match


def _has_letters(column: ColumnElement[str | None], letters: str, *, is_sqlite: bool) -> ColumnElement[bool]:
    """Match a column of ASCII that has these letters in any case. SQLite's LIKE ignores the case of ASCII alone."""
    if is_sqlite:
        return column.contains(letters, autoescape=True)
    return column.collate("C").icontains(letters, autoescape=True)


def _has_more_than_ascii(column: ColumnElement[str | None], *, is_sqlite: bool) -> ColumnElement[bool]:
    octets = func.length(cast(column, LargeBinary)) if is_sqlite else func.octet_length(column)
    return func.length(column) != octets
