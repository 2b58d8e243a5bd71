"""The bucket as a media store in a process that has to stop: transfers end soon and clean up after themselves."""

import itertools
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.fakes.stores import digest_of_bytes
from tests.support.deadlines import HANG_SECONDS
from tests.support.fault_proxy import Fault
from tests.support.s3_bench import LARGE, PART, PARTS, SMALL, Bench, make_store

THREADS = 4
"""Of one transfer."""

TINY = 1000
"""Bytes of a part or range, so that a small file has many. A server refuses such small parts only at completion."""

STOPPABLE = """
import signal, sys, threading
from pathlib import Path
from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.core.errors import StoreError
from bookmarkai_assets.core.media.media import Digest

mode, endpoint, bucket, access_key, secret_key, region, part_bytes, source, key, size, sha256 = sys.argv[1:]
store = S3Store(bucket, region=region, endpoint=endpoint, access_key=access_key, secret_key=secret_key,
                use_path_style=True, part_bytes=int(part_bytes))

def put():
    store.put(Path(source), key, expected=Digest(int(size), sha256), content_type="video/mp4", tags={},
              may_replace=False, may_consume=False)

def put_in_thread():
    try:
        put()
    except StoreError as error:
        ends.append(error.error_class)

ends = []
if mode == "in the main thread":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
    put()
else:
    signal.signal(signal.SIGTERM, lambda *_: store.interrupt())
    thread = threading.Thread(target=put_in_thread)
    thread.start()
    thread.join()
    sys.exit(3 if ends == ["interrupted"] else 4)
"""


@pytest.mark.parametrize("mode", ["in the main thread", "in another thread"])
def test_a_process_that_is_stopped_leaves_no_upload(bench: Bench, seaweed: SeaweedServer, mode: str) -> None:
    """A process that gets a SIGTERM in the middle of a large put aborts the upload on its way out.

    Either the signal ends the thread that puts, or the main thread turns it into an interrupt of the store.
    """
    digest = digest_of_bytes(LARGE)
    arguments = [mode, bench.proxy.url, bench.bucket, seaweed.access_key, seaweed.secret_key, seaweed.region, str(PART)]
    arguments += [str(bench.source(LARGE)), bench.key, str(digest.size_bytes), digest.sha256]
    process = subprocess.Popen([sys.executable, "-c", STOPPABLE, *arguments])

    once = iter([signal.SIGTERM])  # a second signal would interrupt the clean-up, by design

    def stop_once(method: str, _: str) -> None:
        if method == "PUT":
            for number in once:
                process.send_signal(number)

    bench.proxy.before_request = stop_once

    assert process.wait(timeout=HANG_SECONDS) == 3
    assert bench.proxy.requests["PUT"] > 0
    assert bench.stored() is None
    assert bench.open_uploads() == []


# --- What `interrupt` does ------------------------------------------------------------------------------------------

REQUESTS = {"put": "PUT", "get": "GET", "open": "GET"}


def make_transfer(store: S3Store, bench: Bench, name: str) -> Callable[[], object]:
    """Return a function that makes one transfer of `SMALL`."""
    digest = digest_of_bytes(SMALL)

    def put() -> object:
        return store.put(
            bench.source(SMALL),
            bench.key,
            expected=digest,
            content_type="video/mp4",
            tags={},
            may_replace=False,
            may_consume=False,
        )

    def get() -> None:
        store.get(bench.url, bench.directory / "fetched" / "video.mp4", expected=digest)

    def read() -> bytes:
        with store.open(bench.url) as reader:
            return reader.read()

    return {"put": put, "get": get, "open": read}[name]


@pytest.mark.parametrize("fault", [None, Fault.THROTTLED, Fault.TRUNCATED])
@pytest.mark.parametrize("name", REQUESTS)
def test_an_interrupt_ends_a_transfer(bench: Bench, seaweed: SeaweedServer, name: str, fault: Fault | None) -> None:
    """An interrupted transfer makes no further request or retry, says that it was interrupted, and leaves nothing."""
    store = make_store(seaweed, bench.proxy.url, part_bytes=TINY, max_attempts=10)
    if name != "put":
        bench.store_directly(SMALL, Metadata={"sha256": digest_of_bytes(SMALL).sha256})
    if fault is not None:
        bench.proxy.break_next(fault, REQUESTS[name])

    def interrupt(method: str, _: str) -> None:
        if method == REQUESTS[name]:
            store.interrupt()

    bench.proxy.before_request = interrupt

    with pytest.raises(StoreError) as caught:
        make_transfer(store, bench, name)()

    assert caught.value.error_class is StoreErrorClass.INTERRUPTED
    assert 1 <= bench.proxy.requests[REQUESTS[name]] <= (1 if name == "open" else THREADS)
    assert bench.fetched_files() == []
    assert bench.open_uploads() == []
    assert (bench.stored() is None) == (name == "put")


def test_an_interrupted_upload_is_not_completed(bench: Bench, seaweed: SeaweedServer) -> None:
    """An interrupt after all parts were sent prevents the completion of the upload."""
    store = make_store(seaweed, bench.proxy.url)
    digest = digest_of_bytes(LARGE)

    arrivals = itertools.count(1)

    def interrupt(method: str, _: str) -> None:
        if method == "PUT" and next(arrivals) == PARTS:
            store.interrupt()

    bench.proxy.before_request = interrupt

    with pytest.raises(StoreError, match=r"storing s3://.*told to stop") as caught:
        store.put(
            bench.source(LARGE),
            bench.key,
            expected=digest,
            content_type="video/mp4",
            tags={},
            may_replace=False,
            may_consume=False,
        )

    assert caught.value.error_class is StoreErrorClass.INTERRUPTED
    assert bench.proxy.requests["PUT"] == PARTS
    assert bench.proxy.requests["POST"] == 1  # begun, never completed
    assert bench.open_uploads() == []
    assert bench.stored() is None


def test_an_interrupt_ends_the_transfers_of_all_threads(bench: Bench, seaweed: SeaweedServer) -> None:
    """One interrupt ends every transfer of the store in progress."""
    store = make_store(seaweed, bench.proxy.url, part_bytes=TINY)
    digest = digest_of_bytes(SMALL)
    bench.store_directly(SMALL, Metadata={"sha256": digest.sha256})
    all_here, arrivals = threading.Barrier(3, action=store.interrupt), itertools.count()

    def wait_for_all(method: str, _: str) -> None:
        if method == "GET" and next(arrivals) < 3:
            all_here.wait(HANG_SECONDS)

    bench.proxy.before_request = wait_for_all

    with ThreadPoolExecutor(3) as threads:
        transfers = [threads.submit(make_transfer(store, bench, "open")) for _ in range(3)]
        ends = [transfer.exception() for transfer in transfers]

    assert all(isinstance(end, StoreError) and end.error_class is StoreErrorClass.INTERRUPTED for end in ends)
    assert bench.proxy.requests["GET"] == 3


def test_an_interrupted_store_still_lists_and_deletes(bench: Bench, seaweed: SeaweedServer) -> None:
    """After an interrupt, transfers are refused without a request; head, list and delete still work."""
    store = make_store(seaweed, bench.proxy.url)
    bench.put(SMALL)
    bench.begin_upload()
    store.interrupt()
    bench.proxy.pass_through()

    for name in REQUESTS:
        with pytest.raises(StoreError) as caught:
            make_transfer(store, bench, name)()
        assert caught.value.error_class is StoreErrorClass.INTERRUPTED
    assert sum(bench.proxy.requests.values()) == 0

    [leftover] = store.leftovers(bench.key, begun_before=datetime.now(UTC) + timedelta(days=1))
    store.remove_leftover(leftover)
    assert store.head(bench.url).digest == digest_of_bytes(SMALL)
    assert [found.url for found in store.list(bench.key)] == [bench.url]
    store.delete(bench.url)
    assert bench.stored() is None
    assert bench.open_uploads() == []
