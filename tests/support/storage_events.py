"""Transfers that tests make up, and a naive way to add them up again."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.storage_events import Operation, Purpose, StorageEvent
from bookmarkai_assets.core.rollout.tallies import Series, Tally, Totals, roll_up
from bookmarkai_assets.core.rollout.windows import GRID, Window, tiles

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""A time on the grid, on the first day of a month."""

ERRORS = (
    None,
    "throttled",
    "access_denied",
    "timeout",
    "not_found",
    "checksum",
    "other",
    "conflict",
    "unavailable",
    "interrupted",
)


def transfer(
    at: datetime = NOON,
    operation: str = Operation.PUT,
    backend: str = "s3",
    purpose: str | None = Purpose.PLACE,
    *,
    kind: str = PartKind.VIDEO,
    size_bytes: int = 1000,
    seconds: float = 1.0,
    error: str | None = None,
) -> StorageEvent:
    """Return one transfer: by default a video of 1,000 bytes that was placed in S3 within a second."""
    return StorageEvent(
        occurred_at=at,
        operation=Operation(operation),
        backend=backend,
        share_id=None,
        media_id=None,
        kind=PartKind(kind),
        size_bytes=size_bytes,
        seconds=seconds,
        error_class=error,
        error=error and f"it was {error}",
        purpose=Purpose(purpose) if purpose else None,
    )


def transfers(*, around: datetime = NOON, within: timedelta = timedelta(days=2)) -> st.SearchStrategy[StorageEvent]:
    """Generate transfers around a given time, many of them on the boundaries of the grid."""
    moments = st.datetimes(
        min_value=(around - within).replace(tzinfo=None), max_value=(around + within).replace(tzinfo=None)
    ).map(lambda moment: moment.replace(tzinfo=UTC))
    return st.builds(
        transfer,
        moments | moments.map(GRID.floor),
        st.sampled_from(["put", "get", "fetch"]),
        st.sampled_from(["s3", "local", "site"]),
        st.sampled_from([None, "place", "shadow", "move", "transcribe", "document"]),
        kind=st.sampled_from(["video", "audio", "srt"]),
        size_bytes=st.integers(0, 1 << 30),
        seconds=st.floats(0.0005, 1000),
        error=st.none() | st.sampled_from(ERRORS),
    )


def totals_of(events: Iterable[StorageEvent], window: Window) -> Totals:
    """Roll up events and read a window's totals from the result, as the catalog does."""
    rolled = roll_up(events)
    totals: dict[Series, Tally] = {}
    for resolution, tile in tiles(window):
        for (key_resolution, start, series), tally in rolled.items():
            if key_resolution is resolution and start in tile:
                totals.setdefault(series, Tally()).add(tally)
    return totals
