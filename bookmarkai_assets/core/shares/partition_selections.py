"""Write shares as a selection of partitions that Dagster's UI understands."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote

SHARE_PARTITIONS = "shares"
"""The name that Dagster keeps the partitions of shares under."""

MAX_LINK_CHARACTERS = 4000
"""Of a selection in a link: half of what browsers and proxies accept as a URL."""

_BETWEEN = ", "

_NEEDS_QUOTES = re.compile(r"[^-a-zA-Z0-9_:/@]")
"""What the UI's grammar of selections does not take as a part of a key."""


@dataclass(frozen=True)
class Selection:
    """A selection of partitions, and how many it selects."""

    text: str
    count: int


def partition_selection(share_ids: Collection[str], partitions: Sequence[str]) -> str:
    """Return the shares that have a partition in the UI's syntax for a selection: `key, [first...last]`.

    `partitions` are all keys in Dagster's own order, the order of their creation. A range includes everything between
    its ends.
    """
    return _join([*_ranges(frozenset(share_ids), partitions)]).text


def selections_for_links(share_ids: Collection[str], partitions: Sequence[str]) -> list[Selection]:
    """Return the same selection in as many parts as links need to hold it: each part fits into one link."""
    parts: list[Selection] = []
    joined: list[Selection] = []
    length = 0
    for one in _ranges(frozenset(share_ids), partitions):
        added = len(quote(one.text)) + (len(quote(_BETWEEN)) if joined else 0)
        if joined and length + added > MAX_LINK_CHARACTERS:
            parts.append(_join(joined))
            joined, length, added = [], 0, len(quote(one.text))
        joined.append(one)
        length += added
    return [*parts, _join(joined)] if joined else parts


def selection_path(asset: str, selection: str) -> str | None:
    """Return the path in the UI to an asset whose Materialize dialog has this selection filled in.

    None if there is nothing to select, or too much for a URL.
    """
    quoted = quote(selection)
    return f"/assets/{asset}?view=partitions&default_range={quoted}" if 0 < len(quoted) <= MAX_LINK_CHARACTERS else None


def _join(parts: Sequence[Selection]) -> Selection:
    return Selection(_BETWEEN.join(part.text for part in parts), sum(part.count for part in parts))


def _ranges(wanted: frozenset[str], partitions: Sequence[str]) -> Iterator[Selection]:
    for is_wanted, neighbours in groupby(partitions, key=wanted.__contains__):
        if is_wanted:
            keys = [*neighbours]
            first, last = _quoted(keys[0]), _quoted(keys[-1])
            yield Selection(first if len(keys) == 1 else f"[{first}...{last}]", len(keys))


def _quoted(key: str) -> str:
    if not _NEEDS_QUOTES.search(key):
        return key
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
