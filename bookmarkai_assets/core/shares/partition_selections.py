"""Write shares as a selection of partitions that Dagster's UI understands."""

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from urllib.parse import quote

MAX_LINK_CHARACTERS = 4000
"""Of a selection in a link: half of what browsers and proxies accept as a URL."""


def partition_selection(share_ids: Collection[str], partitions: Sequence[str]) -> str:
    """Return the shares that have a partition in the UI's syntax for a selection: `key, [first...last]`.

    `partitions` are all keys in Dagster's own order, the order of their creation. A range includes everything between
    its ends.
    """
    return ", ".join(_ranges(frozenset(share_ids), partitions))


def selection_path(asset: str, selection: str) -> str | None:
    """Return the path in the UI to an asset whose Materialize dialog has this selection filled in.

    None if there is nothing to select, or too much for a URL.
    """
    quoted = quote(selection)
    return f"/assets/{asset}?view=partitions&default_range={quoted}" if 0 < len(quoted) <= MAX_LINK_CHARACTERS else None


def _ranges(wanted: frozenset[str], partitions: Sequence[str]) -> Iterator[str]:
    for is_wanted, neighbours in groupby(partitions, key=wanted.__contains__):
        if is_wanted:
            first, *rest = neighbours
            yield f"[{first}...{rest[-1]}]" if rest else first
