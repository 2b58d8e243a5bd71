"""The contract of `EventLog`, over SQLite and PostgreSQL."""

from uuid import uuid4

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import StoreErrorClass
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.storage_events import Operation, Purpose, StorageEvent
from tests.support.catalog import add_share, at


def event_of(
    share_id: str | None, seconds: float, *, error_class: str | None = None, purpose: Purpose | None = Purpose.PLACE
) -> StorageEvent:
    """Return an upload at that moment."""
    return StorageEvent(
        occurred_at=at(seconds),
        operation=Operation.PUT,
        backend="s3",
        share_id=share_id,
        media_id="m",
        kind=PartKind.VIDEO,
        size_bytes=5_000_000_000,
        seconds=1.25,
        error_class=error_class,
        error="the store said 503 🙁" if error_class else None,
        purpose=purpose,
    )


def test_events_come_back_as_they_were_recorded(each_catalog: OpenCatalog) -> None:
    """Success and failure keep every field, including sizes beyond 32 bits."""
    share_id = add_share(each_catalog)
    good, bad = event_of(share_id, 1), event_of(share_id, 2, error_class=StoreErrorClass.THROTTLED)

    for event in (good, bad):
        each_catalog.events.record(event)

    assert each_catalog.events.for_share(share_id) == [good, bad]


def test_a_shares_events_are_read_oldest_first(each_catalog: OpenCatalog) -> None:
    """Events are ordered by the beginning of the transfer, not by their recording, and other shares' are left out."""
    share_id = add_share(each_catalog)
    late, early = event_of(share_id, 9), event_of(share_id, 1)

    for event in (late, event_of(str(uuid4()), 5), event_of(None, 5), early):
        each_catalog.events.record(event)

    assert each_catalog.events.for_share(share_id) == [early, late]


def test_events_of_one_moment_keep_their_order(each_catalog: OpenCatalog) -> None:
    """Events with the same time stay in the order of the log."""
    share_id = add_share(each_catalog)
    events = [event_of(share_id, 1, error_class=f"error-{i}") for i in range(5)]

    for event in events:
        each_catalog.events.record(event)

    assert each_catalog.events.for_share(share_id) == events


def test_a_share_without_events_has_an_empty_log(each_catalog: OpenCatalog) -> None:
    """A share to which nothing happened, or that cannot exist, has no events."""
    assert each_catalog.events.for_share(str(uuid4())) == []
    assert each_catalog.events.for_share("not-a-uuid") == []


def test_events_are_read_from_a_position(each_catalog: OpenCatalog) -> None:
    """Events are read in the order of recording, each once, whatever their times; at the end the position stays."""
    events = [
        event_of(None, seconds, purpose=purpose)
        for seconds, purpose in ((9, Purpose.MOVE), (1, None), (5, Purpose.SHADOW))
    ]
    assert each_catalog.events.after(0, limit=2) == ([], 0)
    for event in events:
        each_catalog.events.record(event)

    first, position = each_catalog.events.after(0, limit=2)
    rest, end = each_catalog.events.after(position, limit=2)

    assert [*first, *rest] == events
    assert 0 < position < end
    assert each_catalog.events.after(end, limit=2) == ([], end)
