"""The contract of `TombstoneTable`, over SQLite and PostgreSQL."""

from dataclasses import replace
from types import MappingProxyType

from bookmarkai_assets.adapters.catalog import OpenCatalog
from tests.support.catalog import at, tombstone_of


def test_a_tombstone_comes_back_whole(each_catalog: OpenCatalog) -> None:
    """Every field is kept, with the proof as the original document, and what is unknown stays unknown."""
    whole = tombstone_of("/media/a.mp4", seconds=2)
    bare = replace(
        tombstone_of("/staging/x", seconds=1, media_id=None, kind="staging"),
        share_id=None,
        size_bytes=None,
        sha256=None,
        proof=MappingProxyType({}),
    )

    each_catalog.tombstones.write([bare, whole])

    assert each_catalog.tombstones.list() == [whole, replace(bare, proof={})]


def test_tombstones_come_newest_first(each_catalog: OpenCatalog) -> None:
    """The order is that of the decisions, a limit cuts off the oldest, and a media's own can be selected."""
    for number, seconds in enumerate((2, 1, 3)):
        each_catalog.tombstones.write([tombstone_of(f"/{seconds}", seconds=seconds, media_id=f"m{number % 2}")])

    def urls(*, media_id: str | None = None, limit: int | None = None) -> list[str]:
        return [tombstone.url for tombstone in each_catalog.tombstones.list(media_id=media_id, limit=limit)]

    assert urls() == ["/3", "/2", "/1"]
    assert urls(limit=2) == ["/3", "/2"]
    assert urls(media_id="m0") == ["/3", "/2"]
    assert urls(media_id="m0", limit=1) == ["/3"]
    assert urls(media_id="none") == []


def test_a_confirmed_tombstone_has_its_time(each_catalog: OpenCatalog) -> None:
    """Only what was named is confirmed, once, and naming a URL without a tombstone, or nothing, does nothing."""
    first, second = tombstone_of("/1", seconds=1), tombstone_of("/2", seconds=2)
    each_catalog.tombstones.write([first, second])

    each_catalog.tombstones.confirm({"/1", "/unknown"}, now=at(5))
    each_catalog.tombstones.confirm(["/1"], now=at(9))
    each_catalog.tombstones.confirm([], now=at(9))

    assert each_catalog.tombstones.list() == [second, replace(first, removed_at=at(5))]


def test_a_deletion_decided_again_replaces_an_unfinished_one(each_catalog: OpenCatalog) -> None:
    """After a crash between decision and deletion, the next clean-up's decision is the recorded one."""
    again = replace(tombstone_of("/1", seconds=9, media_id="n"), reason="past_retention", proof={"looked": "again"})
    each_catalog.tombstones.write([tombstone_of("/1", seconds=1), tombstone_of("/2", seconds=2)])

    each_catalog.tombstones.write([again])

    assert each_catalog.tombstones.list() == [again, tombstone_of("/2", seconds=2)]


def test_a_finished_deletion_stays_recorded(each_catalog: OpenCatalog) -> None:
    """A file that came back and goes again has two tombstones, and confirming the second does not change the first."""
    first, second = tombstone_of("/1", seconds=1), tombstone_of("/1", seconds=5)
    each_catalog.tombstones.write([first])
    each_catalog.tombstones.confirm(["/1"], now=at(2))

    each_catalog.tombstones.write([second])
    each_catalog.tombstones.confirm(["/1"], now=at(6))

    assert each_catalog.tombstones.list() == [replace(second, removed_at=at(6)), replace(first, removed_at=at(2))]


def test_of_two_for_one_url_the_later_is_kept(each_catalog: OpenCatalog) -> None:
    """One call may name a file twice, or nothing at all."""
    each_catalog.tombstones.write([])

    each_catalog.tombstones.write([tombstone_of("/1", seconds=1), tombstone_of("/1", seconds=2)])

    assert each_catalog.tombstones.list() == [tombstone_of("/1", seconds=2)]


def test_a_file_name_that_no_database_can_store_stops_nothing(each_catalog: OpenCatalog) -> None:
    """A name with undecodable bytes is kept as far as possible, in the proof too, and can be confirmed by itself."""
    name = "/staging/a\udcff\x00b"
    tombstone = replace(tombstone_of(name), reason=f"nobody owns {name}", proof={"path": name, name: [{"name": name}]})

    each_catalog.tombstones.write([tombstone])
    each_catalog.tombstones.confirm([name], now=at(3))

    shown = "/staging/a\ufffd\ufffdb"
    assert each_catalog.tombstones.list() == [
        replace(
            tombstone,
            url=shown,
            reason=f"nobody owns {shown}",
            proof={"path": shown, shown: [{"name": shown}]},
            removed_at=at(3),
        )
    ]
