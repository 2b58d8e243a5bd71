"""The contract of `TransferTable` over SQLite and PostgreSQL."""

from dataclasses import replace

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.storage_events import Operation, Purpose
from bookmarkai_assets.core.media.transfers import BELIEVED_FOR, TransferUnderWay, describe_under_way, under_way_as_dict
from tests.support.catalog import add_share, at


def transfer(share_id: str, *, media_id: str = "m", seconds: float = 0) -> TransferUnderWay:
    """Return an upload of a video that began then."""
    return TransferUnderWay(
        media_id=media_id,
        kind=PartKind.VIDEO,
        operation=Operation.PUT,
        backend="s3",
        share_id=share_id,
        purpose=Purpose.PLACE,
        size_bytes=5_000_000_000,
        begun_at=at(seconds),
    )


def test_a_transfer_is_shown_from_its_first_report_to_its_end(each_catalog: OpenCatalog) -> None:
    """Each report replaces the one before, and the end removes it."""
    table, share = each_catalog.transfers, add_share(each_catalog)
    begun = transfer(share)
    moved = replace(begun, moved_bytes=4_999_999_999, moved_at=at(4))
    table.report(begun, now=at(2))
    table.report(moved, now=at(4))
    assert list(table.under_way(now=at(5))) == [replace(moved, reported_at=at(4))]
    table.end(begun)
    table.end(begun)
    assert list(table.under_way(now=at(5))) == []


def test_transfers_are_listed_oldest_first_and_by_share(each_catalog: OpenCatalog) -> None:
    """Of all shares, or of one. Together they are added up."""
    table = each_catalog.transfers
    first, second = add_share(each_catalog), add_share(each_catalog, seconds=1)
    younger, older = transfer(first, media_id="m1", seconds=2), transfer(second, media_id="m2", seconds=1)
    for one in (younger, older):
        table.report(replace(one, moved_bytes=1), now=at(4))
    found = table.under_way(now=at(5))
    assert [one.media_id for one in found] == ["m2", "m1"]
    assert [one.media_id for one in table.under_way(now=at(5), share_id=first)] == ["m1"]
    assert list(table.under_way(now=at(5), share_id="no uuid")) == []
    assert under_way_as_dict(found) == {
        "transfers": 2,
        "oldest_begun_at": at(1).isoformat(),
        "size_bytes": 10_000_000_000,
        "moved_bytes": 2,
    }
    assert describe_under_way(found).startswith("2 transfers, the oldest since ")
    assert under_way_as_dict([])["oldest_begun_at"] is None


def test_what_a_killed_process_left_is_not_shown(each_catalog: OpenCatalog) -> None:
    """Without a sign of life it is not believed, and the next report of anybody removes it."""
    table, share = each_catalog.transfers, add_share(each_catalog)
    table.report(transfer(share), now=at(0))
    late = BELIEVED_FOR.total_seconds() + 1
    assert list(table.under_way(now=at(late))) == []
    table.report(transfer(share, media_id="other"), now=at(late))
    assert [one.media_id for one in table.under_way(now=at(0))] == ["other"]
