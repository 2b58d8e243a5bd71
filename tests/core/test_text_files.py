"""Text files as programs on any system write them."""

import codecs
import gzip
import os
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.text_files import NotTextError, encoding_of, read_lines

LINES = ["# mine: naïve façade ✓", "", "https://youtu.be/jNQXAC9IVRw", "https://example.com/é"]
MARKS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", MARKS)
def test_lines_come_out_whatever_program_wrote_them(encoding: str, end: str) -> None:
    """With a byte order mark or without, text in UTF-8, UTF-16 or UTF-32 is read, with the line ends of any system."""
    data = MARKS[encoding] + end.join([*LINES, ""]).encode(encoding)

    assert read_lines(data) == [*LINES, ""]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_known_by_its_zeros(encoding: str, end: str) -> None:
    """Links are ASCII, in which every second byte of UTF-16 is zero."""
    assert read_lines(end.join(LINES).encode(encoding)) == LINES


def test_line_ends_may_be_mixed() -> None:
    """A file that several programs have written to keeps each of its lines."""
    assert read_lines(b"a\r\nb\nc\rd\r\r\n\ne") == ["a", "b", "c", "d", "", "", "e"]


def test_joined_files_have_no_mark_in_a_link() -> None:
    """Each of the joined files began with a mark, and the second one's is at the beginning of a line."""
    one = codecs.BOM_UTF8 + b"https://a.example/\r\n"
    assert read_lines(one + one) == ["https://a.example/", "https://a.example/", ""]
    other = codecs.BOM_UTF16_LE + "https://a.example/\r\n".encode("utf-16-le")
    assert read_lines(other + other) == ["https://a.example/", "https://a.example/", ""]


def test_a_mark_within_a_line_stays() -> None:
    """The code that checks links must see it."""
    assert read_lines("https://a.example/\ufeffx".encode()) == ["https://a.example/\ufeffx"]


def test_the_end_of_a_dos_text_is_no_line() -> None:
    """Ctrl-Z at the end is dropped."""
    assert read_lines(b"a\r\n\x1a") == ["a", ""]


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_other_separators_do_not_divide_lines(character: str) -> None:
    """They would hide one link in another."""
    line = f"https://a.example/{character}https://b.example/"
    assert read_lines(line.encode()) == [line]


@pytest.mark.parametrize(
    "data",
    [
        bytes(100),
        zlib.compress(os.urandom(2000)),
        gzip.compress(os.urandom(2000), mtime=0),
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + os.urandom(2000),
        b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + os.urandom(2000),
    ],
    ids=["zeros", "zlib", "gzip", "png", "zip"],
)
@pytest.mark.parametrize("errors", ["strict", "replace"])
def test_a_file_that_is_no_text_is_refused(data: bytes, errors: str) -> None:
    """Archives, pictures and zeros have control characters everywhere."""
    with pytest.raises(NotTextError, match="expected text"):
        read_lines(data, errors=errors)


def test_half_a_character_is_refused() -> None:
    """UTF-16 has two bytes for each character."""
    with pytest.raises(NotTextError, match="expected text"):
        read_lines(codecs.BOM_UTF16_LE + b"a\0b")


def test_bytes_of_another_encoding_are_replaced_if_that_is_wanted() -> None:
    """A comment in Latin-1 does not lose the links."""
    data = "# Künstler\nhttps://a.example/".encode("latin-1")

    assert read_lines(data, errors="replace") == ["# K\ufffdnstler", "https://a.example/"]
    with pytest.raises(NotTextError, match="found other bytes at 3"):
        read_lines(data)


def test_one_odd_character_does_not_make_a_text_something_else() -> None:
    """A link with a zero in it is one line, which admission refuses."""
    assert read_lines(b"https://a.example/\x00b\nhttps://b.example/") == [
        "https://a.example/\x00b",
        "https://b.example/",
    ]


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff")), max_size=8
    )
)
def test_any_text_comes_back(lines: list[str]) -> None:
    """Whatever characters people use, text with a mark keeps them in every encoding."""
    for encoding, mark in MARKS.items():
        data = (mark or codecs.BOM_UTF8) + "\n".join(lines).encode(encoding.removesuffix("-sig"))
        assert read_lines(data) == ("\n".join(lines)).split("\n")


@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_are_refused(data: bytes) -> None:
    """No other error is raised, and the encoding is one that Python knows."""
    codecs.lookup(encoding_of(data))
    with suppress(NotTextError):
        assert read_lines(data, errors="replace")


def test_an_empty_file_has_no_link() -> None:
    """An empty file is one empty line."""
    assert read_lines(b"") == [""]
    assert read_lines(codecs.BOM_UTF16_LE) == [""]
