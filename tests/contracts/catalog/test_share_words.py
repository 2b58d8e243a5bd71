"""Which shares have a word: what the database settles by itself is what the word's pattern says, in every catalog."""

import re
from datetime import datetime
from uuid import uuid4

import pytest
from sqlalchemy import insert, text

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.adapters.catalog import shares as shares_module
from bookmarkai_assets.adapters.catalog.tables.shares import shares
from bookmarkai_assets.core.search.text import pattern_of
from tests.support.catalog import USER, at

TITLES = (
    "cafe",
    "CAFE AU LAIT",
    "café",
    "Cafe\u0301 noir",
    "Ca/fe 100%_[x]",
    "office",
    "o\ufb03ce",
    "Æther",
    "aether",
    "\u212aelvin",  # the sign for kelvin, whose letter is k
    "KELVIN",
    "кафе",
    "КАФЕ 5",
    "straße",
    "STRASSE",
    "back\\slash",
    "",
)
WORDS = (
    "cafe", "CAFÉ", "caf\u0301e", "ffi", "aet", "æt", "kelvin", "кафе", "strasse", "Straße", "ss", "%", "_", "[x]",
    "/", "\\", "100%", "e", "e ", "5", "\n", "xylophone", "a" * 1500,
)  # fmt: skip


def test_a_word_is_found_where_its_pattern_is(each_catalog: OpenCatalog) -> None:
    """For each of many words, the shares found are those that its pattern finds in a field, and no others."""
    ids = {added(each_catalog, title, at(number)): title for number, title in enumerate(TITLES)}
    for word in WORDS:
        found = {share.share_id for share in each_catalog.shares.list(words=[word])}
        rows = {share.share_id: share for share in each_catalog.shares.list()}
        wanted = {
            share_id
            for share_id, title in ids.items()
            if re.search(pattern_of(word), f"{rows[share_id].url}\n{title}\n\n{rows[share_id].platform}\n{share_id}\n")
        }
        assert {ids[share_id] for share_id in found} == {ids[share_id] for share_id in wanted}, word


@pytest.mark.parametrize("newest", [(4, 9), (4, 100), (100, 200)])
def test_words_are_found_in_all_stretches(
    each_catalog: OpenCatalog, monkeypatch: pytest.MonkeyPatch, newest: tuple[int, int]
) -> None:
    """The newest shares are searched before the others. What is found is in the list's order, whatever the limit."""
    monkeypatch.setattr(shares_module, "NEWEST", newest)
    rows = [row(f"part {number}", at(number // 2)) for number in range(20)]  # two of each moment, also at the cuts
    for number in (0, 1, 3, 9, 10, 11, 12, 15, 16, 19):
        rows[number]["title"] = "a kaleidoscope"
    with each_catalog.database.writing() as connection:
        connection.execute(insert(shares), rows)
    wanted = [share.share_id for share in each_catalog.shares.list() if share.title == "a kaleidoscope"]

    assert [share.share_id for share in each_catalog.shares.list(words=["Kaleidoscope"])] == wanted
    for limit in range(1, len(wanted) + 1):
        found = each_catalog.shares.list(words=["kaleidoscope"], limit=limit)
        assert [share.share_id for share in found] == wanted[:limit]
        rest = each_catalog.shares.list(words=["kaleidoscope"], after=wanted[limit - 1])
        assert [share.share_id for share in rest] == wanted[limit:]


def test_a_field_that_is_no_text_is_searched_as_text(sqlite_catalog: OpenCatalog) -> None:
    """On SQLite a column may hold bytes, valid or not, and a number."""
    numbered = [added(sqlite_catalog, "", at(number)) for number in range(3)]
    with sqlite_catalog.database.writing() as connection:
        for share_id, value in zip(numbered, (b"A Cake", b"\xe9 cake", 7300), strict=True):
            connection.execute(
                text("UPDATE shares SET title = :title WHERE id = :id"), {"title": value, "id": share_id}
            )

    assert {share.share_id for share in sqlite_catalog.shares.list(words=["CAKE"])} == set(numbered[:2])
    assert {share.share_id for share in sqlite_catalog.shares.list(words=["7300"])} == {numbered[2]}


def added(catalog: OpenCatalog, title: str, moment: datetime) -> str:
    """Add a share with a title, and return its id."""
    one = row(title, moment)
    with catalog.database.writing() as connection:
        connection.execute(insert(shares).values(one))
    return str(one["id"])


def row(title: str, moment: datetime) -> dict[str, object]:
    """Return the columns of a share with a link of its own."""
    number = uuid4().int
    return {
        "id": str(uuid4()),
        "user_id": USER,
        "url": f"https://example.com/{number}",
        "platform": "generic",
        "title": title,
        "created_at": moment,
        "updated_at": moment,
    }
