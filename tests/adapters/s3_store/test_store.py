"""The bucket as a media store on a real S3 server, beyond the contract that all stores share."""

import os
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.adapters.s3_store.client import Connection, connect
from bookmarkai_assets.core.errors import ObjectConflictError, StoreError, StoreErrorClass
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.fakes.stores import digest_of_bytes
from tests.support.s3_bench import LARGE, MEBIBYTE, PART, SMALL, Bench, make_store


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["at once", "in parts"])
def test_an_object_carries_what_identifies_it(bench: Bench, data: bytes) -> None:
    """An object has its SHA-256, size and tags as metadata, its content type, encryption and a full-object checksum."""
    bench.put(data)

    head = bench.client.head_object(Bucket=bench.bucket, Key=bench.key, ChecksumMode="ENABLED")
    digest = digest_of_bytes(data)
    assert head["Metadata"] == {
        "sha256": digest.sha256,
        "size": str(digest.size_bytes),
        "crc64nvme": head["ChecksumCRC64NVME"],
        "share-id": "0b5f6a7e",
    }
    assert head["ContentType"] == "video/mp4"
    assert head["ServerSideEncryption"] == "AES256"
    assert "-" not in head["ChecksumCRC64NVME"]  # a composite checksum, made of the parts' checksums, ends in -3


@pytest.mark.parametrize("algorithm", ["CRC64NVME", "CRC32"])
@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["at once", "in parts"])
def test_other_bytes_under_the_same_metadata_are_noticed(bench: Bench, data: bytes, algorithm: str) -> None:
    """An object that is rewritten with the same metadata is found out by the server's own checksum."""
    bench.put(data)
    head = bench.client.head_object(Bucket=bench.bucket, Key=bench.key)
    bench.client.put_object(
        Bucket=bench.bucket, Key=bench.key, Body=data[::-1], Metadata=head["Metadata"], ChecksumAlgorithm=algorithm
    )

    with pytest.raises(StoreError, match="something has written other bytes") as refusal:
        bench.store.head(bench.url)

    assert refusal.value.error_class is StoreErrorClass.CHECKSUM


@pytest.mark.parametrize(
    ("size_bytes", "parts"),
    [(PART - 1, 0), (PART, 0), (PART + 1, 2), (2 * PART + 1, 3)],
)
def test_sizes_around_a_part_survive(bench: Bench, size_bytes: int, parts: int) -> None:
    """Up to one part goes in one request, more in as many parts as it takes, and both come back whole."""
    data = os.urandom(size_bytes)

    bench.put(data)

    assert bench.proxy.requests["PUT"] == max(parts, 1)
    assert bench.proxy.requests["POST"] == (2 if parts else 0)
    assert bench.get(data) == data


@pytest.mark.parametrize("part_bytes", [1, 7, len(SMALL) - 1, len(SMALL), len(SMALL) + 1])
def test_ranges_of_any_size_make_the_whole(
    bench: Bench, seaweed: SeaweedServer, part_bytes: int, tmp_path: Path
) -> None:
    """However a download is cut into ranges, the file is the object."""
    data = SMALL if part_bytes > 10 else SMALL[:60]
    bench.put(data)

    make_store(seaweed, part_bytes=part_bytes).get(bench.url, tmp_path / "x", expected=digest_of_bytes(data))

    assert (tmp_path / "x").read_bytes() == data


def test_a_repeated_large_put_sends_nothing(bench: Bench) -> None:
    """A large put that was done before a crash is found done before a byte of it is sent again."""
    first = bench.put(LARGE)
    bench.proxy.pass_through()

    assert bench.put(LARGE) == first
    assert set(bench.proxy.requests) == {"HEAD"}


def test_a_large_conflict_is_found_before_sending(bench: Bench) -> None:
    """Other acknowledged bytes under a large file's key are a conflict before a byte is sent."""
    bench.put(SMALL)
    bench.proxy.pass_through()

    with pytest.raises(ObjectConflictError):
        bench.put(LARGE)

    assert set(bench.proxy.requests) == {"HEAD"}
    assert bench.stored() == SMALL


def test_a_large_object_replaces_what_may_be_replaced(bench: Bench) -> None:
    """A multipart upload may replace other bytes too, and only while they are the ones that were checked."""
    bench.put(SMALL)

    bench.put(LARGE, may_replace=True)

    assert bench.stored() == LARGE


def test_an_object_of_somebody_else_counts_as_other_bytes(bench: Bench) -> None:
    """An object without a recorded SHA-256 has no digest, does not prove a put, and is replaced if that is allowed."""
    bench.store_directly(SMALL)

    with pytest.raises(StoreError, match="something other than this pipeline") as caught:
        bench.store.head(bench.url)
    with pytest.raises(ObjectConflictError):
        bench.put(SMALL)
    fetched = bench.get(SMALL)
    bench.put(SMALL, may_replace=True)

    assert caught.value.error_class is StoreErrorClass.CHECKSUM
    assert fetched == SMALL
    assert bench.store.head(bench.url).digest == digest_of_bytes(SMALL)


def test_false_metadata_is_noticed(bench: Bench) -> None:
    """An object whose bytes differ from its metadata is never fetched."""
    wanted = digest_of_bytes(SMALL)
    forged = b"x" * len(SMALL)
    bench.store_directly(forged, Metadata={"sha256": wanted.sha256, "size": str(wanted.size_bytes)})

    with pytest.raises(StoreError) as caught:
        bench.get(SMALL)

    assert caught.value.error_class is StoreErrorClass.CHECKSUM
    assert bench.fetched_files() == []


def test_reads_follow_the_bucket_in_the_url(bench: Bench, seaweed: SeaweedServer, tmp_path: Path) -> None:
    """A store that is now set to another bucket still reads and deletes what was recorded in the old one."""
    stored = bench.put(SMALL)
    other = make_store(seaweed, bucket="another-bucket")

    other.get(stored.url, tmp_path / "x", expected=stored.digest)

    assert other.head(stored.url) == stored
    other.delete(stored.url)
    assert bench.stored() is None


def test_an_object_of_another_size_than_recorded_is_an_error(bench: Bench) -> None:
    """An object whose size is not the recorded one was changed, whatever its SHA-256 says."""
    digest = digest_of_bytes(SMALL)
    bench.store_directly(SMALL, Metadata={"sha256": digest.sha256, "size": "1"})

    with pytest.raises(StoreError, match="expected 1 bytes") as caught:
        bench.store.head(bench.url)

    assert caught.value.error_class is StoreErrorClass.CHECKSUM


@pytest.mark.parametrize(
    ("header", "expires_at"),
    [
        ('expiry-date="Wed, 23 Dec 2026 00:00:00 GMT", rule-id="temp media"', datetime(2026, 12, 23, tzinfo=UTC)),
        ('rule-id="x", expiry-date="Wed, 23 Dec 2026 00:00:00 GMT"', datetime(2026, 12, 23, tzinfo=UTC)),
        ('expiry-date="some day", rule-id="x"', None),
        ("never", None),
        (None, None),
    ],
)
def test_an_object_says_when_it_expires(
    bench: Bench, seaweed: SeaweedServer, header: str | None, expires_at: datetime | None
) -> None:
    """A put and a head say when the server's lifecycle rule will remove the object, if the server tells."""

    def connect_to_expiring_server(connection: Connection) -> Any:
        def add_expiration(response_dict: dict[str, Any], **_: object) -> None:
            if header is not None:
                response_dict["headers"]["x-amz-expiration"] = header

        client = connect(connection)
        client.meta.events.register("before-parse.s3.HeadObject", add_expiration)
        return client

    store = make_store(seaweed, connector=connect_to_expiring_server)

    stored = store.put(
        bench.source(SMALL),
        bench.key,
        expected=digest_of_bytes(SMALL),
        content_type="video/mp4",
        tags={},
        may_replace=False,
        may_consume=False,
    )

    assert stored.expires_at == expires_at
    assert store.head(stored.url).expires_at == expires_at


@pytest.mark.parametrize(
    "tags",
    [{"sha256": "0"}, {"Größe": "1"}, {"a b": "1"}, {"": "1"}, {"note": "é" * 400}],
    ids=["taken", "not ascii", "space", "empty", "too long"],
)
def test_tags_that_cannot_be_sent_are_refused(bench: Bench, tags: dict[str, str]) -> None:
    """A tag whose name is no header token or is taken, or that is too long, is refused before anything is sent."""
    with pytest.raises(StoreError, match="expected"):
        bench.store.put(
            bench.source(SMALL),
            bench.key,
            expected=digest_of_bytes(SMALL),
            content_type="video/mp4",
            tags=tags,
            may_replace=False,
            may_consume=False,
        )

    assert sum(bench.proxy.requests.values()) == 0


# --- Memory ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_no_transfer_holds_a_file_in_memory(
    seaweed: SeaweedServer, object_prefix: str, tmp_path: Path, kind: str
) -> None:
    """Putting, getting and reading a file takes a small part of its size in memory."""
    size_bytes = 48 * MEBIBYTE
    store = LocalStore(tmp_path / "media") if kind == "local" else make_store(seaweed)
    source = tmp_path / "source.mp4"
    source.write_bytes(os.urandom(size_bytes))
    digest = digest_of_bytes(source.read_bytes())
    store.delete(store.url_of(f"{object_prefix}warm-up.mp4"))  # the client's own tables do not count here

    tracemalloc.start()
    try:
        stored = store.put(
            source,
            f"{object_prefix}x.mp4",
            expected=digest,
            content_type="video/mp4",
            tags={},
            may_replace=False,
            may_consume=False,
        )
        store.get(stored.url, tmp_path / "fetched.mp4", expected=digest)
        with store.open(stored.url) as reader:
            while reader.read(MEBIBYTE):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < size_bytes / 4
