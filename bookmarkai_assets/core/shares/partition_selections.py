"""Shares as a selection of partitions, in the words of Dagster's UI. Which shares, and what for, is others' matter."""

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from urllib.parse import quote

MAX_LINK_CHARACTERS = 4000
"""Of a selection in a link: half of what browsers and proxies take of an address."""


def partition_selection(share_ids: Collection[str], partitions: Sequence[str]) -> str:
    """Write the shares that have a partition as Dagster's UI takes a selection: `key, [first...last]`.

    `partitions` are all keys in Dagster's own order, that of their making: a range means everything between.
    """
    return ", ".join(_spans(frozenset(share_ids), partitions))


def selection_path(asset: str, selection: str) -> str | None:
    """Give the address, below the UI's own, of an asset whose Materialize dialog has this selection filled in.

    None where there is nothing to select, or too much for an address.
    """
    told = quote(selection)
    return f"/assets/{asset}?view=partitions&default_range={told}" if 0 < len(told) <= MAX_LINK_CHARACTERS else None


def _spans(wanted: frozenset[str], partitions: Sequence[str]) -> Iterator[str]:
    for is_wanted, neighbours in groupby(partitions, key=wanted.__contains__):
        if is_wanted:
            first, *rest = neighbours
            yield f"[{first}...{rest[-1]}]" if rest else first
