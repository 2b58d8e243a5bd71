"""Words as search sees them: folded alike wherever a text comes from."""

import re
import string
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.search.text import MAX_WORD_CHARACTERS, fold, pattern_of, tokenize


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Rock & Roll, 24/7!", ["rock", "roll", "24", "7"]),
        ("don't e-mail", ["don", "t", "e", "mail"]),
        ("Crème BRÛLÉE", ["creme", "brulee"]),
        ("cre\u0300me", ["creme"]),
        ("Straße Ærø Łódź ﬁn ½", ["strasse", "aero", "lodz", "fin", "1", "2"]),
        ("İstanbul ISPARTA ısı", ["istanbul", "isparta", "isi"]),  # noqa: RUF001 - Turkish
        ("ёлка ΆΘΛΟΣ", ["елка", "αθλοσ"]),
        ("שָׁלוֹם مُحَمَّد كـتاب", ["שלום", "محمد", "كتاب"]),
        ("हिन्दी कि", ["हिन्दी", "कि"]),
        ("東京タワー", ["東", "京", "タ", "ワ", "ー"]),
        ("ガ ｶﾞ カ\u3099 カ", ["ガ", "ガ", "ガ", "カ"]),
        ("กินข้าว", ["กิ", "น", "ข้", "า", "ว"]),
        ("한국어 \u1112\u1161\u11ab", ["한국어", "한"]),
        ("iPhone17を買う", ["iphone17", "を", "買", "う"]),
        ("می\u200cخواهم zero\u00adwidth", ["میخواهم", "zerowidth"]),  # noqa: RUF001 - Persian
        ("🍰 -- … ♪ \x00\ud800", []),
        ("", []),
        ("\u0301", []),
    ],
)
def test_words_are_folded(text: str, words: list[str]) -> None:
    """Case, accents, ligatures and forms fold; letters of scripts without spaces are words; punctuation is dropped."""
    assert [found.word for found in tokenize(text)] == words


@given(st.text())
def test_words_contain_nothing_that_could_be_syntax(text: str) -> None:
    """Whatever the text, words are letters, marks and digits, in order of position, none too long, and stable."""
    found = list(tokenize(text))

    for one in found:
        assert 1 <= len(one.word) <= MAX_WORD_CHARACTERS
        assert all(c.isalnum() or unicodedata.category(c).startswith("M") for c in one.word)
        assert 0 <= one.start < one.end <= len(text)
    assert all(a.start <= b.start for a, b in pairwise(found))


@given(st.text(alphabet=string.printable))
def test_the_fast_path_finds_the_same_words(text: str) -> None:
    """The fast path for ASCII text finds the same words at the same positions as the slow path."""
    assert list(tokenize(text)) == list(tokenize(f"{text} é"))[:-1]


@given(st.text("abcdefgehiost ßæœøłéñüçÆŁÞİёЁάΣ0²#.*[](-^\\\n", max_size=12))
def test_a_pattern_finds_every_spelling_of_a_text(text: str) -> None:
    """Upper and lower case, accents that are part of their letter or follow it, and none at all are one text."""
    spellings = {text, text.upper(), text.lower(), fold(text), unicodedata.normalize("NFD", text)}
    for spelling in spellings | {f"before {text} after"}:
        assert re.search(pattern_of(text), spelling), spelling


@pytest.mark.parametrize(
    ("text", "spelling"), [("sth", "sþ"), ("sth", "ﬅh"), ("office", "oﬃce"), ("office", "oﬀice"), ("affine", "afﬁne")]
)
def test_ligatures_may_overlap(text: str, spelling: str) -> None:
    """A letter may be part of one character with the letter before it or with the one behind it."""
    assert re.search(pattern_of(text), spelling)


@pytest.mark.parametrize(
    ("text", "other"), [("cafe", "caff"), ("a.b", "aXb"), ("a*", "b"), ("e", ""), ("東京", "京東"), ("x y", "xy")]
)
def test_a_pattern_finds_nothing_else(text: str, other: str) -> None:
    """Characters with a meaning in regular expressions stand for themselves."""
    assert re.search(pattern_of(text), other) is None


def test_a_pattern_finds_words_whose_vowels_are_marks() -> None:
    """Hebrew and Arabic are written with and without them."""
    assert re.search(pattern_of("שלום"), "שָׁלוֹם")
    assert re.search(pattern_of("مُحَمَّد"), "محمد")
