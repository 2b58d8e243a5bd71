"""Latencies counted in logarithmic bins, which add up over any time and still give quantiles.

The bins are those of DDSketch (Masson, Rim and Lee, PVLDB 12(12), 2019): each is wider than the one before by the same
factor, so a quantile is off by at most `RELATIVE_ERROR` of its value, however the values are spread.
"""

import math
from collections.abc import Mapping

RELATIVE_ERROR = 0.01
_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA = math.log(_GAMMA)

SHORTEST_SECONDS = 0.001
"""Anything faster counts as this, because nobody acts on the difference."""


def bin_of(seconds: float) -> int:
    """Return the bin of a latency in seconds."""
    return math.ceil(math.log(max(seconds, SHORTEST_SECONDS)) / _LOG_GAMMA)


def seconds_of(bin_: int) -> float:
    """Return the latency that represents a bin, in seconds, within `RELATIVE_ERROR` of every value in it."""
    return 2 * math.exp(bin_ * _LOG_GAMMA) / (_GAMMA + 1)


def count_within(bins: Mapping[int, int], seconds: float) -> int:
    """Count the latencies of at most so many seconds. Those within `RELATIVE_ERROR` of it count as either."""
    last = bin_of(seconds)
    return sum(count for bin_, count in bins.items() if bin_ < last or (bin_ == last and seconds_of(bin_) <= seconds))


def quantile(bins: Mapping[int, int], fraction: float) -> float | None:
    """Return the latency, in seconds, that `fraction` (0 to 1) of the counted ones do not exceed; None without any.

    The nearest rank: the value of rank ceil(fraction * count), from 1.
    """
    count = sum(bins.values())
    if count == 0:
        return None
    wanted = max(1, math.ceil(fraction * count))
    for bin_ in sorted(bins):
        wanted -= bins[bin_]
        if wanted <= 0:
            return seconds_of(bin_)
    raise AssertionError("the counts of the bins sum to the count")
