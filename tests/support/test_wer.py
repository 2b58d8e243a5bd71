"""The measure itself: tests that assert a word error rate rest on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.wer import word_error_rate

words = st.lists(st.sampled_from(["salt", "water", "bread", "oven"]), min_size=1, max_size=8).map(" ".join)


@pytest.mark.parametrize(
    ("heard", "rate"),
    [
        ("Don't stir the pot", 0.0),
        ("don't, STIR the pot!", 0.0),
        ("don't stir a pot", 0.25),
        ("don't stir pot", 0.25),
        ("please don't stir the pot", 0.25),
        ("the pot don't stir", 1.0),
        ("", 1.0),
    ],
)
def test_it_counts_words_replaced_dropped_and_added(heard: str, rate: float) -> None:
    """One wrong word in four is 0.25, however it is wrong; case and punctuation are no words."""
    assert word_error_rate("Don't stir the pot.", heard) == pytest.approx(rate)


@given(words, words)
def test_it_is_a_distance(said: str, heard: str) -> None:
    """Only equal texts are at 0, and the number of wrong words is the same in both directions."""
    assert (word_error_rate(said, heard) == 0) == (said == heard)
    there = word_error_rate(said, heard) * len(said.split())
    back = word_error_rate(heard, said) * len(heard.split())
    assert there == pytest.approx(back)
