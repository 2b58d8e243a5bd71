"""The contract of `MediaStore` for every backend: reading, listing, links, leftovers, and interruptions."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.core.errors import ObjectConflictError, ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import Leftover, LeftoverKind, MediaStore
from tests.fakes.stores import FakeMediaStore, digest_of_bytes
from tests.support.store_cases import OTHER, VIDEO, StoreCase

SIZE = len(VIDEO)
ODD_NAMES = ["a b", "a!", "a-b/c", "a.b", "a/b", "a/b.c", "a0", "aé", "a\uffe6", "a🎬", "aB", "ab", "b"]
"""In code point order, in which `/` comes after `.` and an emoji is last, unlike in UTF-16."""


def later() -> datetime:
    """Return a moment after everything has begun."""
    return datetime.now(UTC) + timedelta(days=1)


# --- Reading --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offset", "size_bytes"),
    [
        (0, None),
        (0, SIZE),
        (0, SIZE + 1),
        (0, 5),
        (0, 0),
        (5, 10),
        (SIZE - 3, None),
        (SIZE - 3, 3),
        (SIZE - 3, 100),
        (SIZE, None),
        (SIZE + 10, None),
        (SIZE + 10, 5),
    ],
)
def test_a_reader_returns_the_requested_range(case: StoreCase, offset: int, size_bytes: int | None) -> None:
    """From the offset that many bytes are returned, or as many as there are, and none beyond the end."""
    stored = case.put(VIDEO)
    end = SIZE if size_bytes is None else offset + size_bytes

    assert case.read(stored.url, offset=offset, size_bytes=size_bytes) == VIDEO[offset:end]


def test_a_reader_goes_forward_piece_by_piece(case: StoreCase) -> None:
    """Pieces of any size come in order, then nothing, and there is no going back."""
    stored = case.put(VIDEO)

    with case.store.open(stored.url) as reader:
        assert not reader.seekable()
        pieces = list(iter(lambda: reader.read(1001), b""))
        assert reader.read(1) == b""

    assert b"".join(pieces) == VIDEO
    assert {len(piece) for piece in pieces[:-1]} == {1001}


def test_an_empty_object_reads_as_nothing(case: StoreCase) -> None:
    """The reader of an empty object is at its end at once."""
    assert case.read(case.put(b"").url) == b""


def test_a_reader_may_be_left_at_any_point(case: StoreCase) -> None:
    """Closing a reader before its end, or twice, is no error."""
    stored = case.put(VIDEO)

    with case.store.open(stored.url) as reader:
        assert reader.read(3) == VIDEO[:3]
    reader.close()

    assert reader.closed


def test_an_absent_object_cannot_be_opened(case: StoreCase) -> None:
    """Opening an absent object is an error at once."""
    with pytest.raises(ObjectNotFoundError):
        case.store.open(case.store.url_of(case.key()))


# --- Listing --------------------------------------------------------------------------------------------------------


def test_a_listing_has_exactly_what_was_put(case: StoreCase) -> None:
    """A listing has each object once, ordered by key, with its URL, size and time, and nothing that was deleted."""
    first = case.put(VIDEO, case.key("1.mp4"))
    second = case.put(OTHER[:-1], case.key("2.mp4"))
    gone = case.put(VIDEO, case.key("3.mp4"))
    case.store.delete(gone.url)

    found = list(case.store.list(case.prefix))

    assert [(one.key, one.url, one.size_bytes) for one in found] == [
        (case.key("1.mp4"), first.url, SIZE),
        (case.key("2.mp4"), second.url, SIZE - 1),
    ]
    assert all(abs(one.modified_at - datetime.now(UTC)) < timedelta(minutes=1) for one in found)


def test_a_prefix_is_a_beginning_of_keys(case: StoreCase) -> None:
    """A prefix may end anywhere in a key, and nothing that does not begin with it is listed."""
    names = ["2026/01/30/x.mp4", "2026/01/31/x.mp4", "2026/01/31/y.mp4", "2026/01/310.mp4", "2027/01/31/x.mp4"]
    for name in names:
        case.put(VIDEO, case.prefix + name)

    for prefix in ("2026/01/31/", "2026/01/31", "2026/01/31/x", "2026/01/31/x.mp4", "2026/0", "2028", "2026/01/31/x/"):
        expected = [case.prefix + name for name in names if name.startswith(prefix)]
        assert sorted(case.listed(case.prefix + prefix)) == expected


def test_nothing_stored_is_an_empty_listing(case: StoreCase) -> None:
    """Where nothing was ever stored, a listing is empty."""
    assert case.listed(case.prefix) == []


def test_a_listing_is_in_the_order_of_whole_keys(case: StoreCase) -> None:
    """Keys come in code point order, whatever the directories, although SeaweedFS sorts within each directory."""
    for name in reversed(ODD_NAMES):
        if name != "b":
            case.put(VIDEO, f"{case.prefix}{name}")
    case.put(VIDEO, f"{case.prefix}b")
    keys = sorted(case.prefix + name for name in ODD_NAMES)

    found = case.listed(case.prefix)

    assert sorted(found) == keys
    assert found == keys or not case.is_listed_in_order


_SEGMENTS = st.text(alphabet="ab.-!~é🎬\uffe6 ", min_size=1, max_size=3).filter(lambda text: not text.startswith("."))
_KEYS = st.lists(_SEGMENTS, min_size=1, max_size=3).map("/".join)


def _without_clashes(keys: list[str]) -> list[str]:
    """Drop keys that would be a directory for another, because a file cannot be both (a directory's one deviation)."""
    return [key for key in keys if not any(other.startswith(f"{key}/") for other in keys)]


def _ordered_stores(directory: Path) -> Iterator[MediaStore]:
    yield FakeMediaStore(Backend.S3)
    yield FakeMediaStore(Backend.LOCAL)
    yield LocalStore(directory / "media")


@settings(max_examples=40, deadline=None)  # a disk is involved
@given(keys=st.lists(_KEYS, unique=True, max_size=8).map(_without_clashes), prefix=st.one_of(st.just(""), _KEYS))
def test_any_keys_are_listed_in_order(keys: list[str], prefix: str) -> None:
    """Whatever the keys and the prefix, exactly the keys that begin with it are listed, in code point order."""
    with TemporaryDirectory() as directory:
        source = Path(directory) / "source"
        source.write_bytes(b"x")
        for store in _ordered_stores(Path(directory)):
            for key in keys:
                store.put(
                    source,
                    key,
                    expected=digest_of_bytes(b"x"),
                    content_type="video/mp4",
                    tags={},
                    may_replace=False,
                    may_consume=False,
                )

            found = [one.key for one in store.list(prefix)]

            assert found == sorted(key for key in keys if key.startswith(prefix))


# --- Links ----------------------------------------------------------------------------------------------------------


def test_only_a_bucket_makes_links(case: StoreCase) -> None:
    """A bucket's object has a link over HTTP that names its key; a file has none, and the error says where it is."""
    stored = case.put(VIDEO)

    if case.is_local:
        with pytest.raises(StoreError, match=stored.url) as caught:
            case.store.presign(stored.url, expires_seconds=60)
        assert caught.value.error_class is StoreErrorClass.CONFIGURATION
    else:
        link = case.store.presign(stored.url, expires_seconds=60)
        assert link.startswith("http")
        assert case.key() in link


@pytest.mark.parametrize("seconds", [0, -1, 7 * 24 * 3600 + 1])
def test_a_link_lasts_a_week_at_most(case: StoreCase, seconds: int) -> None:
    """A link that lasts no time or more than 7 days is refused."""
    with pytest.raises(StoreError) as caught:
        case.store.presign(case.store.url_of(case.key()), expires_seconds=seconds)

    assert caught.value.error_class is StoreErrorClass.CONFIGURATION


# --- Leftovers ------------------------------------------------------------------------------------------------------


def test_transfers_leave_nothing(case: StoreCase) -> None:
    """Neither good nor failed puts, fetches and deletions leave anything behind."""
    stored = case.put(VIDEO)
    case.put(VIDEO, source=case.directory / "gone.mp4")
    with pytest.raises(ObjectConflictError):
        case.put(OTHER, may_consume=False)
    with pytest.raises(StoreError):
        case.put(VIDEO, case.key("other.mp4"), source=case.file(OTHER))
    case.fetched(stored.url, digest_of_bytes(VIDEO))
    case.store.delete(case.put(VIDEO, case.key("deleted.mp4")).url)

    assert case.store.leftovers(case.prefix, begun_before=later()) == []
    assert case.listed(case.prefix) == [case.key()]


@pytest.mark.parametrize("kind", LeftoverKind)
def test_only_leftovers_can_be_removed_as_leftovers(case: StoreCase, kind: LeftoverKind) -> None:
    """What is stored, or is outside, cannot be removed as a leftover."""
    stored = case.put(VIDEO)
    outside = case.file(OTHER, ".source.mp4.0123456789abcdef.part")

    for name in (stored.url, str(outside), "s3://", ""):
        with pytest.raises(StoreError) as caught:
            case.store.remove_leftover(Leftover(kind, name, datetime.now(UTC), None))
        assert caught.value.error_class is StoreErrorClass.CONFIGURATION

    assert case.fetched(stored.url, digest_of_bytes(VIDEO)) == VIDEO
    assert outside.read_bytes() == OTHER


# --- Interruptions --------------------------------------------------------------------------------------------------


def test_a_stopped_store_takes_no_transfer(case: StoreCase) -> None:
    """After an interruption this store refuses puts, fetches and reads, and changes nothing; other stores go on."""
    stored = case.put(VIDEO)
    another = case.make_another()
    source = case.file(OTHER)
    destination = case.directory / "to" / "destination.mp4"
    another.interrupt()

    for use in (
        lambda: another.put(
            source,
            case.key("new.mp4"),
            expected=digest_of_bytes(OTHER),
            content_type="video/mp4",
            tags={},
            may_replace=False,
            may_consume=True,
        ),
        lambda: another.get(stored.url, destination, expected=digest_of_bytes(VIDEO)),
        lambda: another.open(stored.url),
    ):
        with pytest.raises(StoreError) as caught:
            use()
        assert caught.value.error_class is StoreErrorClass.INTERRUPTED

    assert source.read_bytes() == OTHER
    assert not destination.exists()
    assert case.listed(case.prefix) == [case.key()]
    assert case.fetched(stored.url, digest_of_bytes(VIDEO)) == VIDEO
