"""Reading an object of a bucket forward: what the reader checks, and what it requests from the server."""

import hashlib
import io

import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from tests.fakes.stores import digest_of_bytes
from tests.support.fault_proxy import Fault
from tests.support.s3_bench import RANGE, RANGES, SMALL, Bench


@pytest.mark.parametrize("size_bytes", [1, 7, RANGE - 1, RANGE, RANGE + 1, len(SMALL), len(SMALL) + 1])
def test_pieces_of_any_size_make_the_whole(bench: Bench, size_bytes: int) -> None:
    """However an object is read, each read returns its full count, and together they are the object."""
    data = SMALL if size_bytes > 10 else SMALL[:60]
    bench.put(data)

    with bench.ranged.open(bench.url) as reader:
        pieces = list(iter(lambda: reader.read(size_bytes), b""))

    assert {len(piece) for piece in pieces[:-1]} <= {size_bytes}
    assert b"".join(pieces) == data


@pytest.mark.parametrize(
    ("offset", "size_bytes"),
    [(0, 0), (0, 1), (5, None), (RANGE - 1, 2), (1, 2 * RANGE), (len(SMALL), None), (len(SMALL) + 5, 10), (7, 10**9)],
)
def test_a_range_is_the_bytes_at_its_offset(bench: Bench, offset: int, size_bytes: int | None) -> None:
    """A range of an object is its bytes from the offset to its end at most, and only its own ranges are requested."""
    bench.put(SMALL)
    bench.proxy.pass_through()
    wanted = SMALL[offset:] if size_bytes is None else SMALL[offset : offset + size_bytes]

    assert bench.read(offset=offset, size_bytes=size_bytes, in_ranges=True) == wanted
    assert bench.proxy.requests["GET"] == -(-len(wanted) // RANGE)


def test_a_reader_is_a_binary_file(bench: Bench) -> None:
    """The reader works as a binary file: by lines, into a buffer, hashed, and as a context manager that closes it."""
    bench.put(SMALL)

    with bench.store.open(bench.url) as reader:
        assert reader.readable()
        assert not reader.seekable()
        assert not reader.writable()
        buffer = bytearray(5)
        assert isinstance(reader, io.BufferedReader)
        assert reader.readinto(buffer) == 5
        digest = hashlib.file_digest(reader, "sha256").hexdigest()

    assert bytes(buffer) == SMALL[:5]
    assert digest == hashlib.sha256(SMALL[5:]).hexdigest()
    assert reader.closed


def test_a_whole_object_is_checked_at_its_end(bench: Bench) -> None:
    """The read that would return the last byte of a damaged object fails, and not before; then the reader is closed."""
    bench.store_directly(SMALL, Metadata={"sha256": digest_of_bytes(SMALL[::-1]).sha256})

    with bench.store.open(bench.url) as reader:
        assert reader.read(len(SMALL) - 1) == SMALL[:-1]
        with pytest.raises(StoreError, match="expected SHA-256") as caught:
            reader.read(1)
        with pytest.raises(ValueError, match="closed"):
            reader.read(1)

    assert caught.value.error_class is StoreErrorClass.CHECKSUM


def test_an_empty_object_is_checked_too(bench: Bench) -> None:
    """An object that is empty and should not be is an error."""
    bench.store_directly(b"", Metadata={"sha256": digest_of_bytes(SMALL).sha256})

    with bench.store.open(bench.url) as reader, pytest.raises(StoreError) as caught:
        reader.read()

    assert caught.value.error_class is StoreErrorClass.CHECKSUM


def test_an_object_without_a_digest_is_read_in_ranges_only(bench: Bench) -> None:
    """An object that somebody else stored cannot be checked whole, so only ranges of it are read."""
    bench.store_directly(SMALL)

    with pytest.raises(StoreError, match="something other than this pipeline") as caught:
        bench.store.open(bench.url)

    assert caught.value.error_class is StoreErrorClass.CHECKSUM
    assert bench.read(offset=1) == SMALL[1:]


def test_an_object_replaced_while_it_is_read_is_noticed(bench: Bench) -> None:
    """A reader never continues in another version of its object."""
    bench.put(SMALL)

    with bench.ranged.open(bench.url) as reader:
        first = reader.read(RANGE)
        bench.store_directly(SMALL[::-1], Metadata={"sha256": digest_of_bytes(SMALL[::-1]).sha256})
        with pytest.raises(StoreError, match="replaced while it was read") as caught:
            reader.read(RANGE)

    assert first == SMALL[:RANGE]
    assert caught.value.error_class is StoreErrorClass.CHECKSUM


def test_a_range_that_breaks_off_goes_on_where_it_did(bench: Bench) -> None:
    """After a broken body only the rest of the range is requested, and no byte is returned twice."""
    bench.put(SMALL)
    bench.proxy.break_next(Fault.TRUNCATED, "GET", times=1)

    assert bench.read() == SMALL
    assert bench.proxy.requests["GET"] == 2


def test_nothing_is_fetched_before_it_is_read(bench: Bench) -> None:
    """Opening requests the object's head; ranges are fetched one by one as they are read."""
    bench.put(SMALL)
    bench.proxy.pass_through()

    with bench.ranged.open(bench.url) as reader:
        opened = bench.proxy.requests["GET"]
        reader.read(RANGE)
        after_one = bench.proxy.requests["GET"]
        reader.read()

    assert (opened, after_one, bench.proxy.requests["GET"]) == (0, 1, RANGES)
