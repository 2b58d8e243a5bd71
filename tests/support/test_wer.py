"""The measure itself, on which tests that assert a word error rate depend."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.wer import word_error_rate

words = st.lists(st.sampled_from(["salt", "water", "bread", "oven"]), min_size=1, max_size=8).map(" ".join)


@pytest.mark.parametrize(
    ("transcribed", "rate"),
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
def test_it_counts_words_replaced_dropped_and_added(transcribed: str, rate: float) -> None:
    """One wrong word in four is 0.25, however it is wrong, and case and punctuation do not count."""
    assert word_error_rate("Don't stir the pot.", transcribed) == pytest.approx(rate)


@given(words, words)
def test_it_is_a_distance(spoken: str, transcribed: str) -> None:
    """Only equal texts have 0, and the number of wrong words is the same in both directions."""
    assert (word_error_rate(spoken, transcribed) == 0) == (spoken == transcribed)
    there = word_error_rate(spoken, transcribed) * len(spoken.split())
    back = word_error_rate(transcribed, spoken) * len(transcribed.split())
    assert there == pytest.approx(back)
