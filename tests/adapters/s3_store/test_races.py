"""The bucket as a media store when something changes in the middle of an operation."""

import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from tests.fakes.stores import digest_of_bytes
from tests.support.fault_proxy import Fault
from tests.support.s3_bench import LARGE, PART, SMALL, Bench


@pytest.mark.parametrize("change", ["written over", "cut"])
def test_a_source_that_changes_while_it_is_sent_is_refused(bench: Bench, change: str) -> None:
    """Bytes that change between being hashed and being sent never become an object."""

    def change_source(method: str, path: str) -> None:
        if method == "POST" and "uploads" in path:
            with (bench.directory / "source.mp4").open("r+b") as file:
                file.truncate(PART + 10) if change == "cut" else file.write(b"other")

    bench.proxy.before_request = change_source

    with pytest.raises(StoreError) as caught:
        bench.put(LARGE)

    assert caught.value.error_class is StoreErrorClass.CHECKSUM
    assert bench.proxy.requests["POST"] == 1  # begun, and given up at the first part that differs from what was hashed
    assert bench.stored() is None
    assert bench.open_uploads() == []


def test_an_upload_that_is_aborted_is_begun_again(bench: Bench) -> None:
    """An upload that something else aborts before its completion is not taken for stored, but is sent again."""
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
    asked: list[str] = []

    def replace_object(method: str, path: str) -> None:
        if method == "GET":
            asked.append(path)
            if len(asked) > 1:
                bench.store_directly(LARGE[::-1])

    bench.proxy.before_request = replace_object

    with pytest.raises(StoreError, match="replaced while it was read") as caught:
        bench.get(LARGE)

    assert caught.value.error_class is StoreErrorClass.CHECKSUM
    assert bench.fetched_files() == []


@pytest.mark.parametrize("then", ["changed", "gone", "ours"])
def test_an_object_to_be_replaced_is_read_again(bench: Bench, then: str) -> None:
    """An object that changes, goes or becomes right just before it is replaced is read again and handled as it is."""
    bench.store_directly(b"first")
    puts: list[str] = []

    def change_object(method: str, _: str) -> None:
        if method != "PUT":
            return
        puts.append(method)
        if len(puts) != 2:  # the first put is refused because of the object, the second replaces it
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


def test_a_404_to_a_conditional_put_means_reading_again(bench: Bench) -> None:
    """Servers answer If-Match with 404 when the object has just gone: the put reads the head again and goes on."""
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
