"""Counting transferred bytes: each once, whatever is repeated, and never more than there are."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.adapters.common.byte_count import ByteCount
from bookmarkai_assets.core.errors import StoreError
from tests.support.fault_proxy import Fault
from tests.support.s3_bench import LARGE, PARTS, SMALL, Bench


@given(size=st.integers(0, 100), attempts=st.lists(st.lists(st.integers(0, 40))))
def test_repeated_attempts_are_counted_once(size: int, attempts: list[list[int]]) -> None:
    """What is told never exceeds the furthest attempt or the size, and ends at the size."""
    told: list[int] = []
    count = ByteCount(size, told.append)
    for attempt in attempts:
        count.begin_attempt()
        for part in attempt:
            count.add(part)
    furthest = max((total for attempt in attempts for total in accumulate(attempt)), default=0)
    assert sum(told) == min(size, furthest)
    count.finish()
    assert sum(told) == size
    assert all(amount > 0 for amount in told)


def test_threads_are_told_of_one_at_a_time() -> None:
    """Whoever is told need not lock anything itself."""
    busy = threading.Lock()
    told: list[int] = []

    def on_bytes(size_bytes: int) -> None:
        assert busy.acquire(blocking=False)
        told.append(size_bytes)
        busy.release()

    count = ByteCount(8000, on_bytes)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count.add, [1] * 8000))
    assert sum(told) == 8000


@pytest.mark.parametrize("fault", [Fault.INTERNAL_ERROR, Fault.LOST_ANSWER, Fault.RESET])
def test_a_part_that_is_sent_again_is_counted_once(bench: Bench, fault: Fault) -> None:
    """An upload in parts, one of which fails at first, tells of its size and no more, part by part."""
    told: list[int] = []
    bench.proxy.break_next(fault, "PUT", times=1, query="partNumber")
    bench.put(LARGE, on_bytes=told.append)
    assert bench.proxy.faults == 1
    assert len(told) == PARTS
    assert sum(told) == len(LARGE)


def test_a_range_that_breaks_off_is_counted_once(bench: Bench) -> None:
    """A download goes on from where its bytes broke off, and so does the count."""
    bench.put(SMALL)
    told: list[int] = []
    bench.proxy.break_next(Fault.TRUNCATED, "GET", times=1)
    bench.get(SMALL, in_ranges=True, on_bytes=told.append)
    assert bench.proxy.faults == 1
    assert sum(told) == len(SMALL)


def test_an_upload_that_fails_is_not_told_as_done(bench: Bench) -> None:
    """What did not arrive is not counted."""
    told: list[int] = []
    bench.proxy.break_next(Fault.INTERNAL_ERROR, "PUT", times=100)
    with pytest.raises(StoreError):
        bench.put(SMALL, on_bytes=told.append)
    assert told == []
