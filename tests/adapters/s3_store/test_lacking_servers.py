"""The bucket as a media store, on servers that do not do everything that Amazon's does."""

from dataclasses import replace
from typing import Any

import pytest

from bookmarkai_assets.adapters.s3_store.client import Connection, connect
from bookmarkai_assets.core.errors import ObjectConflictError, StoreError, StoreErrorClass
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.fakes.stores import digest_of_bytes
from tests.support.fault_proxy import Fault, Refusal
from tests.support.lacking_s3 import CHECKSUMS, CONDITIONS, ENCRYPTION, ignoring, refusing
from tests.support.s3_bench import LARGE, PARTS, SMALL, Bench, make_store

OTHER = SMALL[::-1]


# --- Conditions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second"), [(SMALL, OTHER), (SMALL, LARGE), (LARGE, SMALL)])
def test_a_server_that_ignores_conditions_replaces_nothing(
    bench: Bench, seaweed: SeaweedServer, first: bytes, second: bytes
) -> None:
    """Other bytes that the catalog acknowledges are a conflict and stay, although the server would replace them."""
    bench.proxy.lacking = ignoring(seaweed, CONDITIONS)
    bench.put(first)

    with pytest.raises(ObjectConflictError):
        bench.put(second)

    assert bench.stored() == first


@pytest.mark.parametrize("data", [SMALL, LARGE])
def test_stored_bytes_are_not_sent_again(bench: Bench, data: bytes) -> None:
    """A put that must not replace checks first, so one whose bytes are there costs one request."""
    first = bench.put(data)
    bench.proxy.pass_through()

    assert bench.put(data) == first
    assert bench.proxy.requests == {"HEAD": 1}


def test_a_new_media_costs_no_check_before_its_put(bench: Bench) -> None:
    """Unacknowledged bytes may be replaced, so a new file takes one PUT and the HEAD that verifies it."""
    bench.put(SMALL, may_replace=True)

    assert bench.proxy.requests == {"PUT": 1, "HEAD": 1}


def test_not_modified_is_a_condition_that_is_not_met(bench: Bench, seaweed: SeaweedServer) -> None:
    """A server that answers a conditional write with 304, as it would a read, has not written."""
    bench.store_directly(OTHER)
    bench.proxy.lacking = refusing(seaweed, frozenset({"if-none-match"}), Refusal(304))

    bench.put(SMALL, may_replace=True)

    assert bench.stored() == SMALL


# --- Checksums --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", SMALL, LARGE], ids=["empty", "at once", "in parts"])
def test_a_server_without_checksums_is_read_back(bench: Bench, seaweed: SeaweedServer, data: bytes) -> None:
    """A server that keeps no checksum has verified none, so what it stored is read once, and trusted from then on."""
    bench.proxy.lacking = ignoring(seaweed, CHECKSUMS)

    stored = bench.put(data)

    assert stored.digest == digest_of_bytes(data)
    assert bench.stored() == data
    assert bench.proxy.answered_bytes["GET"] == len(data)


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["at once", "in parts"])
def test_bytes_that_a_server_without_checksums_got_wrong_are_noticed(
    bench: Bench, seaweed: SeaweedServer, data: bytes
) -> None:
    """A bit that flips on the way to a server that verifies nothing fails the put, and the next put repairs it."""
    bench.proxy.break_next(Fault.FLIPPED_REQUEST, "PUT", times=1)
    bench.proxy.lacking = ignoring(seaweed, CHECKSUMS)

    with pytest.raises(StoreError, match="found") as caught:
        bench.put(data, may_replace=True)
    damaged = bench.stored()
    bench.put(data, may_replace=True)

    assert caught.value.error_class is StoreErrorClass.CHECKSUM
    assert damaged != data
    assert bench.stored() == data


def test_damaged_bytes_that_are_acknowledged_are_a_conflict(bench: Bench, seaweed: SeaweedServer) -> None:
    """On a server without checksums the recorded digest proves neither the same bytes nor that they may go."""
    bench.proxy.lacking = ignoring(seaweed, CHECKSUMS)
    bench.put(SMALL)
    head = bench.client.head_object(Bucket=bench.bucket, Key=bench.key)
    bench.store_directly(OTHER, Metadata=head["Metadata"])

    with pytest.raises(ObjectConflictError):
        bench.put(SMALL)

    assert bench.stored() == OTHER


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["at once", "in parts"])
def test_a_server_with_checksums_is_not_read_back(bench: Bench, data: bytes) -> None:
    """Where the server says which bytes it has, nothing is fetched."""
    bench.put(data)

    assert bench.proxy.requests["GET"] == 0


def test_a_composite_checksum_does_not_count(bench: Bench, seaweed: SeaweedServer) -> None:
    """Some servers keep a composite CRC64NVME of a multipart upload, which a client cannot compare with anything."""

    def connect_to_server_with_composites(connection: Connection) -> Any:
        def make_composite(response_dict: dict[str, Any], **_: object) -> None:
            response_dict["headers"]["x-amz-checksum-crc64nvme"] = f"sP7gLb80aAY=-{PARTS}"

        client = connect(connection)
        client.meta.events.register("before-parse.s3.HeadObject", make_composite)
        return client

    store = make_store(seaweed, bench.proxy.url, connector=connect_to_server_with_composites)

    stored = replace(bench, store=store).put(LARGE)

    assert stored.digest == digest_of_bytes(LARGE)
    assert bench.proxy.answered_bytes["GET"] == len(LARGE)
    assert store.head(bench.url) == stored


# --- Refusals ---------------------------------------------------------------------------------------------------------

UNNAMED = Refusal(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
REFUSALS = [
    (CHECKSUMS, Refusal(400, "InvalidArgument", "Unsupported header 'x-amz-checksum-crc64nvme'"), "x-amz-checksum-"),
    (CHECKSUMS, UNNAMED, "x-amz-checksum-"),
    (CHECKSUMS, Refusal(400), "x-amz-checksum-"),
    (ENCRYPTION, Refusal(501, "NotImplemented", "no KMS is configured"), "x-amz-server-side-encryption"),
    (ENCRYPTION, UNNAMED, "x-amz-server-side-encryption"),
    (ENCRYPTION, Refusal(400, "InvalidRequest"), "x-amz-server-side-encryption"),
    (CONDITIONS, Refusal(501, "NotImplemented", "Conditional object PUTs are not supported."), "If-None-Match"),
    (CONDITIONS, UNNAMED, "If-None-Match"),
    (CONDITIONS, Refusal(501), "If-None-Match"),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "refusal", "name"), REFUSALS)
@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["at once", "in parts"])
def test_a_refused_put_names_what_the_server_lacks(
    bench: Bench, seaweed: SeaweedServer, data: bytes, headers: frozenset[str], refusal: Refusal, name: str
) -> None:
    """At once or in parts, the header is named, without any setting, and nothing is left behind."""
    bench.proxy.lacking = refusing(seaweed, headers, refusal)

    with pytest.raises(StoreError, match=name) as caught:
        bench.put(data)

    assert "What a server must do" in str(caught.value)
    assert "AWS_REGION" not in str(caught.value)
    assert bench.stored() is None
    assert bench.open_uploads() == []
