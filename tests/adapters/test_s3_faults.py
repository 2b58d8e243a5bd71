"""The bucket as a media store when the way to it fails: each fault ends in the right bytes or in a typed error."""

import signal
import subprocess
import sys

import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.fakes.stores import digest_of_bytes
from tests.support.fault_proxy import Fault
from tests.support.s3_bench import ATTEMPTS, LARGE, PART, PARTS, SMALL, Bench

RETRIED = [Fault.THROTTLED, Fault.INTERNAL_ERROR, Fault.RESET, Fault.LOST_ANSWER]


@pytest.mark.parametrize("fault", RETRIED)
def test_a_small_put_outlives_one_fault(bench: Bench, fault: Fault) -> None:
    """One failed request, or one whose answer was lost, is tried again and the object is stored."""
    bench.proxy.break_next(fault, "PUT", times=1)

    bench.put(SMALL)

    assert bench.proxy.faults == 1
    assert bench.stored() == SMALL


@pytest.mark.parametrize("fault", RETRIED)
@pytest.mark.parametrize(("method", "query"), [("PUT", "partNumber=2"), ("POST", "uploadId=")])
def test_a_large_put_outlives_one_fault(bench: Bench, fault: Fault, method: str, query: str) -> None:
    """One failure of a part or of the completion, or one lost answer, is overcome, and no upload stays open."""
    bench.proxy.break_next(fault, method, times=1, query=query)

    bench.put(LARGE)

    assert bench.proxy.faults == 1
    assert bench.stored() == LARGE
    assert bench.open_uploads() == []


LASTING = [
    (Fault.THROTTLED, StoreErrorClass.THROTTLED),
    (Fault.INTERNAL_ERROR, StoreErrorClass.UNAVAILABLE),
    (Fault.RESET, StoreErrorClass.UNAVAILABLE),
    (Fault.FLIPPED_REQUEST, StoreErrorClass.CHECKSUM),
]


@pytest.mark.parametrize(("fault", "error_class"), LASTING)
def test_a_small_put_gives_up_with_its_reason(bench: Bench, fault: Fault, error_class: StoreErrorClass) -> None:
    """A lasting failure ends after the set number of requests, with its class, and nothing is stored."""
    bench.proxy.break_next(fault, "PUT")

    with pytest.raises(StoreError) as caught:
        bench.put(SMALL)

    assert caught.value.error_class is error_class
    assert bench.url in str(caught.value)
    assert bench.proxy.requests["PUT"] <= ATTEMPTS
    assert bench.stored() is None


@pytest.mark.parametrize(("fault", "error_class"), LASTING)
def test_a_large_put_gives_up_with_its_reason(bench: Bench, fault: Fault, error_class: StoreErrorClass) -> None:
    """A lasting failure of parts ends with its class, nothing is stored, and no upload stays open."""
    bench.proxy.break_next(fault, "PUT")

    with pytest.raises(StoreError) as caught:
        bench.put(LARGE)

    assert caught.value.error_class is error_class
    assert bench.proxy.requests["PUT"] <= ATTEMPTS * PARTS
    assert bench.stored() is None
    assert bench.open_uploads() == []


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["at once", "in parts"])
def test_a_put_whose_answers_are_all_lost_is_done_when_repeated(bench: Bench, data: bytes) -> None:
    """A put that did its work but never heard so fails as `unavailable`, and the next one finds it done."""
    bench.proxy.break_next(Fault.LOST_ANSWER, "PUT" if data == SMALL else "POST", query="" if data == SMALL else "Id=")

    with pytest.raises(StoreError) as caught:
        bench.put(data)
    bench.proxy.pass_through()
    bench.put(data)

    assert caught.value.error_class is StoreErrorClass.UNAVAILABLE
    assert bench.stored() == data
    assert bench.open_uploads() == []


@pytest.mark.parametrize("fault", [Fault.INTERNAL_ERROR, Fault.FLIPPED, Fault.TRUNCATED, Fault.SHORT])
def test_a_completion_that_fails_is_typed_and_can_be_repeated(bench: Bench, fault: Fault) -> None:
    """Whatever becomes of a completion and its answer: done, or a typed error after which the same put is done."""
    bench.proxy.break_next(fault, "POST", query="uploadId=")

    try:
        bench.put(LARGE)
    except StoreError as error:
        assert error.error_class is StoreErrorClass.UNAVAILABLE  # noqa: PT017 - either outcome keeps the promise
    bench.proxy.pass_through()
    bench.put(LARGE)

    assert bench.stored() == LARGE
    assert bench.open_uploads() == []


def test_an_upload_that_cannot_be_aborted_is_named(bench: Bench) -> None:
    """When the abort fails too, the first failure is the one that is told, with a note of the upload left behind."""
    bench.proxy.break_next(Fault.INTERNAL_ERROR, "PUT", "DELETE")

    with pytest.raises(StoreError) as caught:
        bench.put(LARGE)

    cause = caught.value.__cause__
    [left] = bench.open_uploads()
    assert caught.value.error_class is StoreErrorClass.UNAVAILABLE
    assert cause is not None
    assert any(left in note for note in cause.__notes__)


@pytest.mark.parametrize(
    "fault", [Fault.THROTTLED, Fault.INTERNAL_ERROR, Fault.RESET, Fault.LOST_ANSWER, Fault.TRUNCATED, Fault.SHORT]
)
@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["one range", "several"])
def test_a_get_outlives_one_fault(bench: Bench, fault: Fault, data: bytes) -> None:
    """One failed, broken-off or shortened answer is asked for again and the file is whole."""
    bench.put(data)
    bench.proxy.break_next(fault, "GET", times=1)

    assert bench.get(data) == data
    assert bench.proxy.faults == 1


@pytest.mark.parametrize(
    ("fault", "error_class"),
    [
        (Fault.THROTTLED, StoreErrorClass.THROTTLED),
        (Fault.INTERNAL_ERROR, StoreErrorClass.UNAVAILABLE),
        (Fault.RESET, StoreErrorClass.UNAVAILABLE),
        (Fault.TRUNCATED, StoreErrorClass.UNAVAILABLE),
        (Fault.SHORT, StoreErrorClass.CHECKSUM),
        (Fault.FLIPPED, StoreErrorClass.CHECKSUM),
    ],
)
@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["one range", "several"])
def test_a_get_gives_up_with_its_reason(bench: Bench, fault: Fault, error_class: StoreErrorClass, data: bytes) -> None:
    """A lasting failure ends after the set number of requests, with its class, and the destination stays empty."""
    bench.put(data)
    bench.proxy.break_next(fault, "GET")

    with pytest.raises(StoreError) as caught:
        bench.get(data)

    assert caught.value.error_class is error_class
    assert bench.url in str(caught.value)
    assert bench.proxy.requests["GET"] <= ATTEMPTS * (PARTS if data == LARGE else 1)
    assert bench.fetched_files() == []


def test_one_flipped_bit_is_noticed(bench: Bench) -> None:
    """One wrong bit in one of three ranges makes the whole download fail, and leaves nothing at the destination."""
    bench.put(LARGE)
    bench.proxy.break_next(Fault.FLIPPED, "GET", times=1)

    with pytest.raises(StoreError) as caught:
        bench.get(LARGE)

    assert caught.value.error_class is StoreErrorClass.CHECKSUM
    assert bench.fetched_files() == []


@pytest.mark.parametrize("operation", ["head", "delete"])
def test_head_and_delete_are_tried_again_and_typed(bench: Bench, operation: str) -> None:
    """Looking and deleting outlive one failure and tell a lasting one."""
    bench.put(SMALL)
    use = getattr(bench.store, operation)
    bench.proxy.break_next(Fault.THROTTLED, "HEAD", "DELETE")

    with pytest.raises(StoreError) as caught:
        use(bench.url)
    bench.proxy.break_next(Fault.RESET, "HEAD", "DELETE", times=1)
    use(bench.url)

    assert caught.value.error_class is StoreErrorClass.THROTTLED
    assert (bench.stored() is None) == (operation == "delete")


# --- What changes in between ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["written over", "cut"])
def test_a_source_that_changes_while_it_is_sent_is_refused(bench: Bench, change: str) -> None:
    """Bytes that change between their reading and their sending never become an object."""

    def change_source(method: str, path: str) -> None:
        if method == "POST" and "uploads" in path:
            with (bench.directory / "source.mp4").open("r+b") as file:
                file.truncate(PART + 10) if change == "cut" else file.write(b"other")

    bench.proxy.before_request = change_source

    with pytest.raises(StoreError) as caught:
        bench.put(LARGE)

    assert caught.value.error_class is StoreErrorClass.CHECKSUM
    assert bench.proxy.requests["POST"] == 1  # begun, and given up at the first part that is not what was read
    assert bench.stored() is None
    assert bench.open_uploads() == []


def test_an_upload_that_is_swept_away_is_begun_again(bench: Bench) -> None:
    """An upload that something else aborts before its completion is not taken for a stored object, but sent anew."""
    swept: list[str] = []

    def sweep(method: str, path: str) -> None:
        if method == "POST" and "uploadId=" in path and not swept:
            swept.extend(bench.open_uploads())
            bench.client.abort_multipart_upload(Bucket=bench.bucket, Key=bench.key, UploadId=swept[0])

    bench.proxy.before_request = sweep

    bench.put(LARGE)

    assert len(swept) == 1
    assert bench.stored() == LARGE
    assert bench.open_uploads() == []


def test_an_object_replaced_while_it_is_read_is_noticed(bench: Bench) -> None:
    """A file is never put together from two versions of an object."""
    bench.put(LARGE)

    def replace_object(method: str, _: str) -> None:
        if method == "GET":
            bench.store_directly(LARGE[::-1])

    bench.proxy.before_request = replace_object

    with pytest.raises(StoreError, match="replaced while it was read") as caught:
        bench.get(LARGE)

    assert caught.value.error_class is StoreErrorClass.CHECKSUM
    assert bench.fetched_files() == []


@pytest.mark.parametrize("then", ["changed", "gone", "ours"])
def test_what_is_to_be_replaced_is_looked_at_again(bench: Bench, then: str) -> None:
    """An object that changes, goes, or turns out right while it is about to be replaced is met as it is then."""
    bench.store_directly(b"first")
    puts: list[str] = []

    def change_object(method: str, _: str) -> None:
        if method != "PUT":
            return
        puts.append(method)
        if len(puts) != 2:  # the first put is refused for the object's sake, the second replaces it
            return
        if then == "gone":
            bench.client.delete_object(Bucket=bench.bucket, Key=bench.key)
        else:
            digest = digest_of_bytes(SMALL)
            data, metadata = (SMALL, {"sha256": digest.sha256}) if then == "ours" else (b"second", {})
            bench.store_directly(data, Metadata=metadata)

    bench.proxy.before_request = change_object

    assert bench.put(SMALL, may_replace=True).digest == digest_of_bytes(SMALL)
    assert bench.stored() == SMALL
    assert len(puts) == (2 if then == "ours" else 3)


def test_a_404_to_a_conditional_put_means_looking_again(bench: Bench) -> None:
    """Servers answer If-Match on an object that has just gone with 404: the put looks again and goes on."""
    bench.store_directly(b"first")
    bench.proxy.break_next(Fault.ABSENT, "PUT", times=1)

    bench.put(SMALL, may_replace=True)

    assert bench.stored() == SMALL


def test_an_object_that_never_settles_is_given_up(bench: Bench) -> None:
    """A put that meets another object at each try ends with a reason instead of going on for ever."""
    versions = iter(range(100))

    def change_object(method: str, _: str) -> None:
        if method == "PUT":
            bench.store_directly(b"%d" % next(versions))

    bench.proxy.before_request = change_object

    with pytest.raises(StoreError, match="3 times") as caught:
        bench.put(SMALL, may_replace=True)

    assert caught.value.error_class is StoreErrorClass.UNAVAILABLE


STOPPABLE = """
import signal, sys
from pathlib import Path
from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.core.media import Digest

def stop(*_):
    sys.exit(3)

signal.signal(signal.SIGTERM, stop)
endpoint, bucket, access_key, secret_key, region, part_bytes, source, key, size, sha256 = sys.argv[1:]
store = S3Store(bucket, region=region, endpoint=endpoint, access_key=access_key, secret_key=secret_key,
                use_path_style=True, part_bytes=int(part_bytes))
store.put(Path(source), key, expected=Digest(int(size), sha256), content_type="video/mp4", tags={}, may_replace=False)
"""


def test_a_process_told_to_stop_leaves_no_upload(bench: Bench, seaweed: SeaweedServer) -> None:
    """A process whose SIGTERM ends it in the middle of a large put aborts the upload on its way out."""
    digest = digest_of_bytes(LARGE)
    arguments = [bench.proxy.url, bench.bucket, seaweed.access_key, seaweed.secret_key, seaweed.region, str(PART)]
    arguments += [str(bench.source(LARGE)), bench.key, str(digest.size_bytes), digest.sha256]
    process = subprocess.Popen([sys.executable, "-c", STOPPABLE, *arguments])

    once = iter([signal.SIGTERM])  # a second signal would interrupt the clean-up, as it is meant to

    def tell_to_stop(method: str, _: str) -> None:
        if method == "PUT":
            for number in once:
                process.send_signal(number)

    bench.proxy.before_request = tell_to_stop

    assert process.wait(timeout=60) == 3
    assert bench.proxy.requests["PUT"] > 0
    assert bench.stored() is None
    assert bench.open_uploads() == []
