"""Latencies in bins: they add up, and quantiles are close to the exact ones."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.rollout.latency import RELATIVE_ERROR, SHORTEST_SECONDS, bin_of, quantile, seconds_of

seconds = st.floats(0, 100_000)
many = st.lists(seconds, min_size=1, max_size=200)
fractions = st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0])


@given(st.floats(SHORTEST_SECONDS, 1e6))
def test_a_bin_stands_for_its_values(value: float) -> None:
    """The representative value of a bin is within the relative error of every value in it."""
    assert seconds_of(bin_of(value)) == pytest.approx(value, rel=RELATIVE_ERROR * 1.000001)


@given(many, fractions)
def test_quantiles_are_close_to_the_nearest_rank(values: list[float], fraction: float) -> None:
    """A quantile is within 1% of the value of rank ceil(fraction * count), or of a millisecond where that is more."""
    exact = sorted(values)[max(1, math.ceil(fraction * len(values))) - 1]
    found = quantile(Counter(map(bin_of, values)), fraction)
    assert found == pytest.approx(max(exact, SHORTEST_SECONDS), rel=RELATIVE_ERROR * 1.000001)


@given(many, many, fractions)
def test_bins_add_up(one: list[float], other: list[float], fraction: float) -> None:
    """The bins of two sets of values, added, are the bins of both together."""
    added = Counter(map(bin_of, one)) + Counter(map(bin_of, other))
    assert quantile(added, fraction) == quantile(Counter(map(bin_of, one + other)), fraction)


@given(many)
def test_quantiles_rise_with_the_fraction(values: list[float]) -> None:
    """The median is never above p95, nor p95 above p99."""
    bins = Counter(map(bin_of, values))
    found = [quantile(bins, fraction) or 0.0 for fraction in (0.5, 0.95, 0.99)]
    assert found == sorted(found)


def test_nothing_has_no_quantile() -> None:
    """Without a single latency there is no quantile, rather than zero."""
    assert quantile({}, 0.5) is None
    assert quantile({3: 0}, 0.5) is None
