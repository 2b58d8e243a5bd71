"""The long lists of a verification, against plain lists."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.media.ports import ListedObject
from bookmarkai_assets.operations.storage.spool import Spool, SpooledListing

keys = st.text(min_size=1, max_size=8)
"""Keys as stores have them, and names of files that are not UTF-8."""


def listed(key: str, size_bytes: int = 1) -> ListedObject:
    """Return an object of a listing."""
    return ListedObject(key, f"/media/{key}", size_bytes, datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC))


@given(st.dictionaries(keys | st.just("video\udcff.mp4"), st.integers(0, 2**40), max_size=20), st.lists(keys))
def test_a_listing_gives_each_object_once(sizes: dict[str, int], others: list[str]) -> None:
    """It has what was listed, each object until it is taken out."""
    listing = SpooledListing(listed(key, size) for key, size in sizes.items())
    assert listing.totals() == (len(sizes), sum(sizes.values()))
    taken = [key for key in sizes if len(key) % 2]
    assert [listing.pop(key) for key in taken] == [listed(key, sizes[key]) for key in taken]
    assert {listing.pop(key) for key in [*taken, *(set(others) - set(sizes))]} <= {None}
    left = set(sizes) - set(taken)
    assert {one.key: one for one in listing} == {key: listed(key, sizes[key]) for key in left}
    listing.close()


def test_what_is_left_is_read_while_it_is_taken() -> None:
    """More than is read at a time, in the order of the keys."""
    names = [f"{number:05}" for number in range(2_500)]
    listing = SpooledListing(map(listed, reversed(names)))
    assert [one.key for one in listing if listing.pop(one.key)] == names
    assert listing.totals() == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 3), st.text())))
def test_a_spool_is_sorted_by_rank_alone(items: list[tuple[int, str]]) -> None:
    """Within a rank the order is that of adding, and nothing is lost."""
    spool: Spool[tuple[int, str]] = Spool(lambda item: {"item": list(item)}, lambda data: tuple(data["item"]))
    for item in items:
        spool.add(item, rank=item[0])
    assert list(spool) == sorted(items, key=lambda item: item[0])
    assert len(spool) == len(items)
