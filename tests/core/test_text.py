"""Strangers' text made fit to store and to show."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.text import clean_line, clean_paragraphs, without_secrets


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("../../etc/passwd", "../../etc/passwd"),
        ("a\x00b\x1b[31mc", "ab[31mc"),
        ("\u202eevil\u202c \u2066x\u2069", "evil x"),
        ("one\r\n  two\tthree\u00a0", "one two three"),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467 Zitronenpasta \U0001f35d", None),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", None),
        ("x\ud800y", "xy"),
        ("abcdefghijkl", "abcdefghijkl"),
        ("a" * 60, "a" * 49 + "\u2026"),
    ],
)
def test_a_line_keeps_what_shows_and_nothing_else(text: str, kept: str | None) -> None:
    """Controls, reordering marks and lone surrogates go, white space is single, joiners stay, and excess is cut."""
    assert clean_line(text, max_characters=50) == (text if kept is None else kept)


def test_paragraphs_keep_their_lines() -> None:
    """A description keeps its line breaks, at most two in a row."""
    assert clean_paragraphs(" a \r\n\r\n\n\n b\u2028c\x07 ", max_characters=50) == "a\n\nb\nc"


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_clean_text_is_short_and_without_invisible_tricks(text: str, limit: int) -> None:
    """Whatever comes in, the result fits, can be encoded, has no control characters, and is clean already."""
    line = clean_line(text, max_characters=limit)
    assert len(line) <= limit
    line.encode()
    assert not any(unicodedata.category(character) == "Cc" for character in line)
    assert clean_line(line, max_characters=limit) == line
    assert len(clean_paragraphs(text, max_characters=limit)) <= limit


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("GET https://cdn.example/v.mp4?token=s3cret#frag failed", "GET https://cdn.example/v.mp4 failed"),
        ("proxy http://user:s3cret@127.0.0.1:99/ said no", "proxy http://127.0.0.1:99/ said no"),
        ("proxy http://user:s3@cret@127.0.0.1:99", "proxy http://127.0.0.1:99"),
        ('at "https://a.example?key=s3cret".', 'at "https://a.example".'),
        ("no link here? really", "no link here? really"),
    ],
)
def test_links_lose_their_queries_and_user_names(text: str, kept: str) -> None:
    """A link in a message keeps only scheme, host and path."""
    assert without_secrets(text) == kept
