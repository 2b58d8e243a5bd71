"""What is in a bucket: objects and open uploads over many pages, and answers that are no listing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse  # noqa: TID253 - the answers of a server that never_give_up ran

from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.adapters.s3_store.client import Connection, connect
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.ports import Leftover, LeftoverKind
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.support.fault_proxy import Fault
from tests.support.s3_bench import ATTEMPTS, Bench, make_store

TOMORROW = datetime.now(UTC) + timedelta(days=1)


def by_twos(connection: Connection) -> Any:
    """Connect to a server whose pages have two entries."""

    def cut(params: dict[str, Any], model: Any, **_: object) -> None:
        params["MaxKeys" if model.name == "ListObjectsV2" else "MaxUploads"] = 2

    client = connect(connection)
    for operation in ("ListObjectsV2", "ListMultipartUploads"):
        client.meta.events.register(f"provide-client-params.s3.{operation}", cut)
    return client


# --- Objects --------------------------------------------------------------------------------------------------------


def test_a_listing_goes_over_all_pages(bench: Bench, seaweed: SeaweedServer) -> None:
    """Every object is listed once, with key, URL, size and time, however many pages it takes."""
    keys = [f"{bench.key}/{number}.mp4" for number in range(7)]
    for size_bytes, key in enumerate(keys):
        bench.client.put_object(Bucket=bench.bucket, Key=key, Body=b"x" * size_bytes)
    store = make_store(seaweed, bench.proxy.url, connector=by_twos)

    listed = list(store.list(f"{bench.key}/"))

    assert [found.key for found in listed] == keys
    assert [found.url for found in listed] == [store.url_of(key) for key in keys]
    assert [found.size_bytes for found in listed] == list(range(7))
    assert all(abs(datetime.now(UTC) - found.modified_at) < timedelta(minutes=5) for found in listed)
    assert bench.proxy.requests["GET"] == 4


def test_odd_keys_are_listed_as_they_are(bench: Bench, seaweed: SeaweedServer) -> None:
    """Keys with characters that are special in XML or URLs, and keys that no put would accept, are listed unchanged."""
    names = ["a b+c%20é&<x>.mp4", "tab\there.mp4", "✓/😀.mp4", "=1#2?3.mp4", "folder/"]
    keys = {f"{bench.key}/{name}" for name in names}
    for key in keys:
        bench.client.put_object(Bucket=bench.bucket, Key=key, Body=b"")
    store = make_store(seaweed, connector=by_twos)

    listed = list(store.list(f"{bench.key}/"))

    assert {found.key for found in listed} == keys
    assert len(listed) == len(keys)
    refused = next(found for found in listed if found.key.endswith("folder/"))
    with pytest.raises(StoreError) as caught:
        store.delete(refused.url)
    assert caught.value.error_class is StoreErrorClass.CONFIGURATION


def test_a_failure_in_the_middle_of_a_listing_is_raised(bench: Bench, seaweed: SeaweedServer) -> None:
    """A listing whose later page fails ends with an error, after the objects before it."""
    for number in range(3):
        bench.client.put_object(Bucket=bench.bucket, Key=f"{bench.key}/{number}.mp4", Body=b"")
    listing = make_store(seaweed, bench.proxy.url, connector=by_twos).list(f"{bench.key}/")
    first = [next(listing).key, next(listing).key]
    bench.proxy.break_next(Fault.INTERNAL_ERROR, "GET")

    with pytest.raises(StoreError) as caught:
        next(listing)

    assert caught.value.error_class is StoreErrorClass.UNAVAILABLE
    assert bench.proxy.requests["GET"] == ATTEMPTS
    assert first == [f"{bench.key}/0.mp4", f"{bench.key}/1.mp4"]


# --- Uploads --------------------------------------------------------------------------------------------------------


def test_open_uploads_are_leftovers_over_all_pages(bench: Bench, seaweed: SeaweedServer) -> None:
    """Every open upload under the prefix is listed, and is gone once removed, also when that is repeated."""
    keys = [bench.key, bench.key, f"{bench.key}#1 é+&.mp4", f"{bench.key}/x.mp4", f"{bench.key}/y.mp4"]
    begun = {f"s3://{bench.bucket}/{key}#{bench.begin_upload(key)}" for key in keys}
    bench.begin_upload("elsewhere.mp4")
    store = make_store(seaweed, connector=by_twos)

    found = store.leftovers(bench.key, begun_before=TOMORROW)
    for leftover in [*found, *found]:
        store.remove_leftover(leftover)

    assert {leftover.name for leftover in found} == begun
    assert {(leftover.kind, leftover.size_bytes) for leftover in found} == {(LeftoverKind.MULTIPART_UPLOAD, None)}
    assert all(abs(datetime.now(UTC) - leftover.begun_at) < timedelta(minutes=5) for leftover in found)
    assert store.leftovers(bench.key, begun_before=TOMORROW) == []
    assert len(store.leftovers("elsewhere.mp4", begun_before=TOMORROW)) == 1


def test_an_upload_in_progress_is_no_leftover(bench: Bench) -> None:
    """An upload that began at or after the given moment is not listed, and a finished put leaves nothing."""
    bench.begin_upload()
    [leftover] = bench.store.leftovers(bench.key, begun_before=TOMORROW)

    assert bench.store.leftovers(bench.key, begun_before=leftover.begun_at) == []
    assert bench.store.leftovers(bench.key, begun_before=leftover.begun_at + timedelta(microseconds=1)) == [leftover]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (LeftoverKind.TEMPORARY_FILE, "s3://media/a.mp4#1"),
        (LeftoverKind.MULTIPART_UPLOAD, "/media/a.mp4#1"),
        (LeftoverKind.MULTIPART_UPLOAD, "s3://media/a.mp4"),
        (LeftoverKind.MULTIPART_UPLOAD, "s3://#1"),
    ],
)
def test_anything_but_an_upload_is_not_removed(bench: Bench, kind: LeftoverKind, name: str) -> None:
    """A leftover of another store is refused before any request."""
    with pytest.raises(StoreError, match="multipart upload named") as caught:
        bench.store.remove_leftover(Leftover(kind, name, TOMORROW, None))

    assert caught.value.error_class is StoreErrorClass.CONFIGURATION
    assert sum(bench.proxy.requests.values()) == 0


# --- Answers that are no listing ------------------------------------------------------------------------------------

ENTRY = (
    "<Contents><Key>{key}</Key><LastModified>2026-11-22T15:43:16.000Z</LastModified><ETag>&quot;0&quot;</ETag>"
    "<Size>2</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
KEYS = ["a/1.mp4", "a/2.mp4"]


def page(*, truncated: str = "<IsTruncated>false</IsTruncated>", count: int = len(KEYS)) -> bytes:
    """Return one page of a listing, as servers write it."""
    entries = "".join(ENTRY.format(key=key) for key in KEYS)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>media</Name><Prefix></Prefix><KeyCount>{count}</KeyCount><MaxKeys>1000</MaxKeys>{truncated}{entries}"
        "</ListBucketResult>"
    ).encode()


class _Body:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self._data]


class AnsweringStore:
    """A store whose server answers everything with `answer`, which may be changed."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.store = S3Store(
            "media",
            region="us-east-1",
            endpoint="http://127.0.0.1:1",
            access_key="a",
            secret_key="b",
            use_path_style=True,
            max_attempts=1,
            connector=self._connect,
        )

    def _connect(self, connection: Connection) -> Any:
        client = connect(connection)
        client.meta.events.register("before-send.s3", self._respond)
        return client

    def _respond(self, request: Any, **_: object) -> AWSResponse:
        return AWSResponse(request.url, 200, {"content-type": "application/xml"}, _Body(self.answer))


def test_a_page_as_servers_write_it_is_read() -> None:
    """The page that the tests below damage is a good one."""
    assert [found.key for found in AnsweringStore(page()).store.list()] == KEYS


ENDLESS = "<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>"
NO_LISTINGS = {
    "empty": b"",
    "html": b"<html>welcome to the hotel</html>",
    "text": b"not even XML",
    "cut": page()[:-30],
    "no end": page(truncated=""),
    "no token": page(truncated="<IsTruncated>true</IsTruncated>"),
    "endless": page(truncated=ENDLESS),
    "count": page(count=len(KEYS) + 1),
    "no key": page().replace(b"<Key>", b"<Kex>").replace(b"</Key>", b"</Kex>"),
    "size": page().replace(b"<Size>2", b"<Size>two"),
    "time": page().replace(b"2026-11-22T", b"someday"),
}


@pytest.mark.parametrize("name", NO_LISTINGS)
def test_a_malformed_listing_is_never_an_empty_one(name: str) -> None:
    """An answer that is no whole page, or does not say whether it continues, is `unavailable` and never "nothing"."""
    with pytest.raises(StoreError) as caught:
        list(AnsweringStore(NO_LISTINGS[name]).store.list())

    assert caught.value.error_class is StoreErrorClass.UNAVAILABLE


@pytest.mark.parametrize("name", ["empty", "html", "text", "cut", "no end", "no token", "endless"])
def test_a_malformed_listing_is_never_one_without_uploads(name: str) -> None:
    """Such an answer is never taken for a bucket without leftovers either."""
    with pytest.raises(StoreError) as caught:
        AnsweringStore(NO_LISTINGS[name]).store.leftovers(begun_before=TOMORROW)

    assert caught.value.error_class is StoreErrorClass.UNAVAILABLE


@pytest.mark.filterwarnings("ignore:tzname")  # the vendor's date parser says this of an unknown zone
def test_any_wrong_bit_in_a_page_is_a_typed_error_or_harmless() -> None:
    """Whatever bit of a page is wrong, nothing but a typed error is raised, and no object goes missing unnoticed.

    A wrong letter in a key is not noticed. TLS protects against that.
    """
    good = page()
    answering = AnsweringStore(good)
    for position in range(good.index(b"<ListBucketResult"), len(good)):
        answering.answer = good[:position] + bytes([good[position] ^ 1 << position % 8]) + good[position + 1 :]
        try:
            assert len(list(answering.store.list())) == len(KEYS)
        except StoreError as error:
            assert error.error_class is StoreErrorClass.UNAVAILABLE  # noqa: PT017 - either outcome keeps the promise
