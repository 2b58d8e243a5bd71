"""`bookmarkai shares list`, page by page."""

import importlib

import pytest
from rich.console import Console

from tests.plugins.command_line import BookmarkAI


def add(bookmarkai: BookmarkAI, count: int) -> None:
    """Share some links."""
    bookmarkai("shares", "add", *(f"https://example.com/{number}" for number in range(count)))


def test_pages_make_the_whole_list(bookmarkai: BookmarkAI) -> None:
    """`--after` the last id of a page is the next page."""
    add(bookmarkai, 3)
    whole = [share["id"] for share in bookmarkai("shares", "list", "--json").json]
    first = [share["id"] for share in bookmarkai("shares", "list", "--limit", "2", "--json").json]
    rest = [share["id"] for share in bookmarkai("shares", "list", "--after", first[-1], "--json").json]
    assert first + rest == whole
    assert len(rest) == 1
    unknown = bookmarkai("shares", "list", "--after", "nobody")
    assert unknown.code == 1
    assert "expected the id of a share to list after, found 'nobody'" in unknown.err


def test_a_list_that_was_cut_says_how_many_there_are(bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal it ends with the total and the next page; a whole list does not, and a search gives no total."""
    add(bookmarkai, 3)
    terminal = Console(force_terminal=True, width=200, highlight=False, color_system=None)
    for name in ("output", "share_table", "shares.list"):
        monkeypatch.setattr(importlib.import_module(f"bookmarkai_assets.cli.{name}"), "out", terminal)
    last = bookmarkai("shares", "list", "--limit", "2", "--json").json[-1]["id"]
    cut = bookmarkai("shares", "list", "--limit", "2").out
    assert f"2 are shown, there are 3 in all. Go on with --after {last}, or set --limit." in cut
    assert "are shown" not in bookmarkai("shares", "list").out
    assert "2 are shown, there may be more." in bookmarkai("shares", "list", "--limit", "2", "--text", "example").out
