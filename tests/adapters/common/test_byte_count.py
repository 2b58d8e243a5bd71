"""Counting transferred bytes: each byte once, whatever is repeated, and never more than there are."""

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
    """The reported bytes never exceed the furthest attempt or the size, and add up to the size at the end."""
    reported: list[int] = []
    count = ByteCount(size, reported.append)
    for attempt in attempts:
        count.begin_attempt()
        for part in attempt:
            count.add(part)
    furthest = max((total for attempt in attempts for total in accumulate(attempt)), default=0)
    assert sum(reported) == min(size, furthest)
    count.finish()
    assert sum(reported) == size
    assert all(amount > 0 for amount in reported)


def test_threads_report_one_at_a_time() -> None:
    """The callback is called by one thread at a time, so it needs no lock of its own."""
    busy = threading.Lock()
    reported: list[int] = []

    def on_bytes(size_bytes: int) -> None:
        assert busy.acquire(blocking=False)
        reported.append(size_bytes)
        busy.release()

    count = ByteCount(8000, on_bytes)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count.add, [1] * 8000))
    assert sum(reported) == 8000


@pytest.mark.parametrize("fault", [Fault.INTERNAL_ERROR, Fault.LOST_ANSWER, Fault.RESET])
def test_a_part_that_is_sent_again_is_counted_once(bench: Bench, fault: Fault) -> None:
    """A multipart upload in which one part fails at first reports exactly its size, part by part."""
    reported: list[int] = []
    bench.proxy.break_next(fault, "PUT", times=1, query="partNumber")
    bench.put(LARGE, on_bytes=reported.append)
    assert bench.proxy.faults == 1
    assert len([size for size in reported if size]) == PARTS, "zeros only ask whether to go on"
    assert sum(reported) == len(LARGE)


def test_a_range_that_breaks_off_is_counted_once(bench: Bench) -> None:
    """A download continues where its bytes broke off, and so does the count."""
    bench.put(SMALL)
    reported: list[int] = []
    bench.proxy.break_next(Fault.TRUNCATED, "GET", times=1)
    bench.get(SMALL, in_ranges=True, on_bytes=reported.append)
    assert bench.proxy.faults == 1
    assert sum(reported) == len(SMALL)


def test_a_failed_upload_is_not_counted(bench: Bench) -> None:
    """Bytes that did not arrive are not counted."""
    reported: list[int] = []
    bench.proxy.break_next(Fault.INTERNAL_ERROR, "PUT", times=100)
    with pytest.raises(StoreError):
        bench.put(SMALL, on_bytes=reported.append)
    assert reported == []
