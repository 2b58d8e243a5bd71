"""The contract of `WorkLedger.parked_since`, over SQLite and PostgreSQL."""

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.shares.ports import ParkedShare
from tests.support.catalog import GONE, UNREACHABLE, add_share, at, begin, fail


def park(catalog: OpenCatalog, seconds: float) -> str:
    """Have a new share given up at that moment."""
    share_id = add_share(catalog)
    begin(catalog, share_id, f"m-{share_id}", "run", seconds)
    catalog.work.fail(share_id, GONE, owner="run", now=at(seconds), retry_at=None)
    return share_id


def test_parked_shares_are_read_newest_first(each_catalog: OpenCatalog) -> None:
    """Shares parked at or after the given moment are read with outcome and reason, up to the limit."""
    _, second, third = (park(each_catalog, seconds) for seconds in (1, 2, 3))

    assert each_catalog.work.parked_since(at(2), limit=10) == [
        ParkedShare(third, "gone", "the video no longer exists", at(3)),
        ParkedShare(second, "gone", "the video no longer exists", at(2)),
    ]
    assert [share.share_id for share in each_catalog.work.parked_since(at(0), limit=2)] == [third, second]


def test_a_waiting_or_retried_share_is_not_parked(each_catalog: OpenCatalog) -> None:
    """A share that will be tried again is not parked, nor is one that has been retried since."""
    waiting, retried = add_share(each_catalog), park(each_catalog, 1)
    begin(each_catalog, waiting, "m", "run", 1)
    fail(each_catalog, waiting, "run", 1, retry_in=60)
    each_catalog.work.retry([retried], now=at(2))

    assert UNREACHABLE.is_transient
    assert each_catalog.work.parked_since(at(0), limit=10) == []
