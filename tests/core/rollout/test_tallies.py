"""Events added up: each once in each resolution, and the parts of a whole add up to it."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.rollout.latency import bin_of
from bookmarkai_assets.core.rollout.tallies import Series, Tally, count_requests, merge, roll_up, s3_requests
from bookmarkai_assets.core.rollout.windows import Resolution
from tests.support.storage_events import transfer, transfers

MB = 1 << 20


@given(st.lists(transfers(), max_size=30))
def test_each_event_counts_once_in_each_resolution(events: list[StorageEvent]) -> None:
    """Five minutes, hours and days each add up to all events, in the series and resolution that they belong to."""
    rolled = roll_up(events)
    for resolution in Resolution:
        expected = Counter(
            (
                resolution.floor(event.occurred_at),
                Series(event.operation, event.backend, event.purpose or "", event.kind, event.error_class or ""),
            )
            for event in events
        )
        assert {key[1:]: tally.events for key, tally in rolled.items() if key[0] is resolution} == expected


@given(st.lists(transfers(), max_size=30), st.integers(0, 30), st.randoms())
def test_parts_add_up_to_the_whole(events: list[StorageEvent], cut: int, order: random.Random) -> None:
    """In whatever order events come, and in however many batches they are added, the totals are the same."""
    whole = roll_up(events)
    shuffled = order.sample(events, len(events))
    parts = [roll_up(shuffled[:cut]), roll_up(shuffled[cut:])]
    for key, tally in whole.items():
        sum_of_parts = merge(part[key] for part in parts if key in part)
        assert sum_of_parts.seconds == pytest.approx(tally.seconds)
        assert (sum_of_parts.events, sum_of_parts.size_bytes, sum_of_parts.requests, sum_of_parts.bins) == (
            tally.events,
            tally.size_bytes,
            tally.requests,
            tally.bins,
        )


def test_a_failed_transfer_moves_no_bytes() -> None:
    """A failed transfer counts as an event with its requests, but its bytes and its time do not count."""
    failed, good = transfer(size_bytes=1000, seconds=9, error="timeout"), transfer(size_bytes=1000, seconds=9)
    assert set(map(_comparable, roll_up([failed]).values())) == {(1, 0, 0.0, 1, ())}
    assert set(map(_comparable, roll_up([good]).values())) == {(1, 1000, 9.0, 1, ((bin_of(9), 1),))}


def _comparable(tally: Tally) -> tuple[object, ...]:
    return tally.events, tally.size_bytes, tally.seconds, tally.requests, tuple(tally.bins.items())


@pytest.mark.parametrize(
    ("operation", "size_bytes", "requests"),
    [
        ("put", 0, 1),
        ("put", 16 * MB, 1),
        ("put", 16 * MB + 1, 4),
        ("put", 48 * MB, 5),
        ("get", 0, 1),
        ("get", 16 * MB, 1),
        ("get", 16 * MB + 1, 2),
        ("get", 48 * MB, 3),
    ],
)
def test_large_transfers_take_several_requests(operation: str, size_bytes: int, requests: int) -> None:
    """Above 16 MB a put is one request for each part and two around them, and a get is one for each range."""
    assert s3_requests(operation, size_bytes) == requests
    assert count_requests(transfer(operation=operation, size_bytes=size_bytes)) == requests


@pytest.mark.parametrize("backend", ["local", "site"])
def test_only_s3_charges(backend: str) -> None:
    """Transfers to the disk and from sites cost no requests."""
    assert count_requests(transfer(backend=backend, size_bytes=100 * MB)) == 0
