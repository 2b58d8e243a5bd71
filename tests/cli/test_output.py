"""What the commands print: safe for a terminal, and long lists item by item."""

import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.cli.output import fail, print_json, print_json_list, print_json_report, print_table

HIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0001]")

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["\x9b31m", "\u202e", "\u2028", "é漢😀"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def text_of(write: Callable[[], object]) -> str:
    """Return what a function writes to standard output."""
    with redirect_stdout(io.StringIO()) as written:
        write()
    return written.getvalue()


@given(documents)
def test_json_has_no_hidden_character(data: object) -> None:
    """Not even those above ASCII, such as a terminal's other control codes, and it is the same document."""
    text = text_of(lambda: print_json(data))
    assert HIDDEN.search(text) is None
    assert json.loads(text) == data


@given(st.lists(documents))
def test_a_list_is_printed_as_its_items_come(items: list[object]) -> None:
    """The document is that of the whole list, and the first item is out before the second is asked for."""
    assert text_of(lambda: print_json_list(iter(items))) == text_of(lambda: print_json(items))


@given(st.lists(documents))
def test_a_report_has_its_head_first(items: list[object]) -> None:
    """And then the long list, under its name."""
    head = {"ok": True, "verdict": "all is well", "nested": {"a": [1]}}
    text = text_of(lambda: print_json_report(head, "findings", iter(items)))
    assert text == text_of(lambda: print_json({**head, "findings": items}))


def test_an_item_is_out_before_the_next_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    """A list of a million needs no more memory than its largest item."""

    def items() -> Iterator[int]:
        yield 1
        assert "1" in capsys.readouterr().out
        yield 2

    print_json_list(items())


def test_a_row_is_out_before_the_next_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal a table of a million needs no more memory than its longest line."""

    def rows() -> Iterator[Sequence[object]]:
        yield ["first"]
        assert capsys.readouterr().out == "name\nfirst\n"
        yield ["second"]

    print_table(["name"], rows())


def test_an_error_hides_nothing_either(capsys: pytest.CaptureFixture[str]) -> None:
    """Its lines and its markup are printed as they are, and what a stranger hid in a name is not."""
    fail("expected [bold]a key[/bold], found \x1b[31m\x9b31m\u202e\u2028\ud800:\n  do this")
    printed = capsys.readouterr().err
    assert printed.startswith("error: expected [bold]a key[/bold], found ")
    assert printed.endswith(":\n  do this\n")
    assert HIDDEN.search(printed) is None
