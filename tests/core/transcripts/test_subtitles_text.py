"""Speech as text: what is removed, how wide it is, and where a line may end."""

import pytest
from hypothesis import given

from bookmarkai_assets.core.transcripts.subtitles_text import clean_speech, divide, ends_clause, ends_sentence, width_of
from tests.support.transcripts import HOSTILE, texts


@pytest.mark.parametrize(
    ("spoken", "cleaned"),
    [
        ("  two\t words ", "two words"),
        ("a\r\n\r\nb\u2028c\x85d\u3000e", "a b c d e"),
        ("\x1b[31mred\x00\x9b", "[31mred"),
        ("\u202eevil\u2066\ufeff", "evil"),
        ("\ud800half", "half"),
        ("می\u200cخواهم \u200fשלום\u200f", "می\u200cخواهم \u200fשלום\u200f"),  # noqa: RUF001 - Persian, Hebrew
        ("👨\u200d👩\u200d👧 e\u0301", "👨\u200d👩\u200d👧 e\u0301"),
        ("", ""),
    ],
)
def test_cleaning_removes_controls_and_keeps_text(spoken: str, cleaned: str) -> None:
    """Control characters, overrides and line breaks go; joiners and marks that scripts need stay."""
    assert clean_speech(spoken) == cleaned


@pytest.mark.parametrize("spoken", HOSTILE)
def test_a_cleaned_text_stays_as_it_is(spoken: str) -> None:
    """Cleaning twice is cleaning once."""
    assert clean_speech(clean_speech(spoken)) == clean_speech(spoken)


@pytest.mark.parametrize(
    ("text", "columns"),
    [("cake", 4), ("Käse", 4), ("蛋糕", 4), ("ｶﾅ", 2), ("e\u0301", 1), ("🍰", 2), ("안녕", 4), ("שלום", 4), ("", 0)],
)
def test_wide_characters_count_two(text: str, columns: int) -> None:
    """As on a screen with letters of one width, an accent on its letter takes no room."""
    assert width_of(text) == columns


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("bake a well-known cake", ["bake", "a", "well-known", "cake"]),
        ("今天，做「蛋糕」。", ["今", "天，", "做", "「蛋", "糕」。"]),  # noqa: RUF001 - Chinese
        ("用250克GPT", ["用", "250", "克", "GPT"]),
        ("ちょっとケーキー", ["ちょっ", "と", "ケー", "キー"]),
        ("ทำเค้กนะ", ["ทำ", "เค้", "ก", "นะ"]),
        ("안녕하세요 여러분", ["안녕하세요", "여러분"]),
        ("שלום לכולם", ["שלום", "לכולם"]),
        ("wait…what?!", ["wait…what?!"]),
    ],
)
def test_a_line_may_end_between_words_or_letters_of_scripts_without_spaces(text: str, pieces: list[str]) -> None:
    """Closing punctuation, small kana and vowels stay with what precedes, and opening punctuation with what follows."""
    assert [piece for piece, _ in divide(text, max_width=42)] == pieces


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("x" * 60, ["x" * 42, "x" * 18]),
        ("ä" * 43, ["ä" * 42, "ä"]),
        ("e\u0301" * 43, ["e\u0301" * 42, "e\u0301"]),
        ("🇩🇪" * 22, ["🇩🇪" * 21, "🇩🇪"]),
        ("👍🏽" * 11, ["👍🏽" * 10, "👍🏽"]),
        ("a" + "\u200da" * 50, ["a" + "\u200da" * 41 + "\u200d", "a" + "\u200da" * 8]),
    ],
)
def test_a_word_longer_than_a_line_is_divided_between_characters(text: str, pieces: list[str]) -> None:
    """Accents stay on their letters, flags and skin tones stay whole, and an endless cluster is cut all the same."""
    assert [piece for piece, _ in divide(text, max_width=42)] == pieces


@given(texts)
def test_pieces_put_together_are_the_text(text: str) -> None:
    """The pieces, with a space where one was, are the text, and none is wider than the line."""
    cleaned = clean_speech(text)
    pieces = list(divide(cleaned, max_width=42))
    assert "".join(" " * is_spaced + piece for piece, is_spaced in pieces).removeprefix(" ") == cleaned
    assert all(0 < width_of(piece) <= 42 for piece, _ in pieces)


@pytest.mark.parametrize(
    ("piece", "sentence", "clause"),
    [
        ("cake.", True, False),
        ('cake!"', True, False),
        ("糕。", True, False),
        ("cake,", False, True),
        ("cake", False, False),
    ],
)
def test_punctuation_ends_sentences_and_clauses(piece: str, sentence: object, clause: object) -> None:
    """Punctuation before a closing quotation mark, and in other scripts, counts too."""
    assert (ends_sentence(piece), ends_clause(piece)) == (sentence, clause)
