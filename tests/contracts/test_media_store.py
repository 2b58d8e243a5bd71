"""What every `MediaStore` keeps, whatever stands behind it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.core.errors import ObjectConflictError, ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media import Digest
from bookmarkai_assets.core.placement import Backend
from bookmarkai_assets.core.ports import MediaStore, StoredObject
from tests.fakes.stores import FakeMediaStore, digest_of_bytes

VIDEO = b"video bytes " * 1000
OTHER = b"other bytes " * 1000
UNSAFE_KEYS = [
    "",
    "/etc/passwd",
    "../out.mp4",
    "a/../../out.mp4",
    "a/./b.mp4",
    "a//b.mp4",
    "a\\b.mp4",
    "a\0b.mp4",
    "a\n",
]


@dataclass(frozen=True)
class Case:
    """A store under test, a prefix for the test's keys, and a directory for its files."""

    store: MediaStore
    prefix: str
    directory: Path

    def key(self, name: str = "video.mp4") -> str:
        """Give a key of the test's own."""
        return f"{self.prefix}2026/01/31/{name}"

    def file(self, data: bytes, name: str = "source.mp4") -> Path:
        """Write a file to put."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def put(self, data: bytes, *, source: Path | None = None, may_replace: bool = False) -> StoredObject:
        """Put `data`, or claim to, under the one key."""
        return self.store.put(
            source or self.file(data),
            self.key(),
            expected=digest_of_bytes(data),
            content_type="video/mp4",
            tags={"share-id": "0b5f6a7e", "note": "naïve  ✓ 100%"},
            may_replace=may_replace,
        )

    def fetched(self, url: str, expected: Digest) -> bytes:
        """Fetch and read what is at the URL."""
        destination = self.directory / "fetched.mp4"
        self.store.get(url, destination, expected=expected)
        return destination.read_bytes()


@pytest.fixture(params=["fake-local", "fake-s3", "local", "s3", "s3-through-proxy"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    """Give each store in turn."""
    files = tmp_path / "files"
    match request.param:
        case "fake-local" | "fake-s3":
            return Case(FakeMediaStore(Backend(request.param.removeprefix("fake-"))), "temp/videos/", files)
        case "local":
            return Case(LocalStore(tmp_path / "media"), "temp/videos/", files)
        case "s3":
            return Case(request.getfixturevalue("s3_store"), request.getfixturevalue("object_prefix"), files)
        case _:
            return Case(
                request.getfixturevalue("s3_store_behind_proxy"), request.getfixturevalue("object_prefix"), files
            )


def test_what_is_put_comes_back_whole(case: Case) -> None:
    """Bytes that were put come back unchanged from the URL that the put returned."""
    stored = case.put(VIDEO)

    assert case.fetched(stored.url, digest_of_bytes(VIDEO)) == VIDEO


def test_put_says_what_head_says(case: Case) -> None:
    """A put returns the URL of its key, the digest and the content type, and a later head says the same."""
    stored = case.put(VIDEO)

    assert stored == StoredObject(case.store.url_of(case.key()), digest_of_bytes(VIDEO), "video/mp4")
    assert case.store.head(stored.url) == stored


def test_urls_name_their_backend(case: Case) -> None:
    """A local URL is an absolute path and a bucket's begins with s3://; both end in the key."""
    url = case.store.url_of(case.key())

    assert url.startswith("/" if case.store.backend is Backend.LOCAL else "s3://")
    assert url.endswith(f"/{case.key()}")


def test_an_empty_file_is_an_object(case: Case) -> None:
    """A file of no bytes is stored and comes back as one."""
    stored = case.put(b"")

    assert stored.digest.size_bytes == 0
    assert case.fetched(stored.url, digest_of_bytes(b"")) == b""


def test_putting_the_same_bytes_again_is_done(case: Case) -> None:
    """A put whose bytes are stored already counts as done, even where nothing may be replaced."""
    first = case.put(VIDEO)

    assert case.put(VIDEO, may_replace=False) == first


def test_a_put_is_done_although_its_source_is_gone(case: Case) -> None:
    """A put repeated after a crash finds its bytes stored and needs no source."""
    first = case.put(VIDEO)

    assert case.put(VIDEO, source=case.directory / "gone.mp4") == first


def test_a_put_is_done_although_its_source_is_damaged(case: Case) -> None:
    """Stored bytes with the expected digest are done, whatever has become of the source."""
    first = case.put(VIDEO)

    assert case.put(VIDEO, source=case.file(OTHER)) == first


def test_acknowledged_bytes_are_never_overwritten(case: Case) -> None:
    """Other bytes under the key are a conflict, and stay as they are, unless they may be replaced."""
    stored = case.put(VIDEO)

    with pytest.raises(ObjectConflictError) as caught:
        case.put(OTHER)

    assert caught.value.error_class is StoreErrorClass.CONFLICT
    assert case.fetched(stored.url, digest_of_bytes(VIDEO)) == VIDEO


def test_unacknowledged_bytes_are_replaced(case: Case) -> None:
    """Other bytes under the key give way where they may be replaced."""
    case.put(VIDEO)

    stored = case.put(OTHER, may_replace=True)

    assert stored.digest == digest_of_bytes(OTHER)
    assert case.fetched(stored.url, digest_of_bytes(OTHER)) == OTHER


@pytest.mark.parametrize("damaged", [OTHER, VIDEO[:-1], VIDEO + b"!", b""], ids=["other", "short", "long", "empty"])
def test_a_source_without_the_expected_digest_is_refused(case: Case, damaged: bytes) -> None:
    """A source that is not what was expected is a checksum error, and nothing is stored."""
    with pytest.raises(StoreError) as caught:
        case.put(VIDEO, source=case.file(damaged))

    assert caught.value.error_class is StoreErrorClass.CHECKSUM
    with pytest.raises(ObjectNotFoundError):
        case.store.head(case.store.url_of(case.key()))


def test_a_missing_source_is_absence(case: Case) -> None:
    """A source that is missing, with nothing stored, is an absence and a `FileNotFoundError` too."""
    with pytest.raises(ObjectNotFoundError) as caught:
        case.put(VIDEO, source=case.directory / "gone.mp4")

    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.error_class is StoreErrorClass.NOT_FOUND


def test_a_missing_source_replaces_nothing(case: Case) -> None:
    """A source that is missing is an absence also where other bytes are stored, and these stay."""
    stored = case.put(VIDEO)

    with pytest.raises(ObjectNotFoundError):
        case.put(OTHER, source=case.directory / "gone.mp4", may_replace=True)

    assert case.store.head(stored.url).digest == digest_of_bytes(VIDEO)


def test_an_absent_object_is_an_absence(case: Case) -> None:
    """Reading what is not there is an absence, and what was at the destination stays."""
    url = case.store.url_of(case.key())
    destination = case.file(OTHER, "destination.mp4")

    with pytest.raises(ObjectNotFoundError):
        case.store.head(url)
    with pytest.raises(ObjectNotFoundError):
        case.store.get(url, destination, expected=digest_of_bytes(VIDEO))

    assert destination.read_bytes() == OTHER


@pytest.mark.parametrize("expected", [digest_of_bytes(OTHER), digest_of_bytes(VIDEO[:-1])], ids=["bytes", "size"])
def test_an_unexpected_object_is_not_fetched(case: Case, expected: Digest) -> None:
    """An object that is not the expected one is a checksum error, and the destination's directory stays as it was."""
    stored = case.put(VIDEO)
    directory = case.directory / "fetched"
    directory.mkdir(parents=True)

    with pytest.raises(StoreError) as caught:
        case.store.get(stored.url, directory / "video.mp4", expected=expected)

    assert caught.value.error_class is StoreErrorClass.CHECKSUM
    assert list(directory.iterdir()) == []


def test_a_fetch_replaces_its_destination(case: Case) -> None:
    """A fetched file takes the place of what was at the destination, with nothing else left beside it."""
    stored = case.put(VIDEO)
    destination = case.file(OTHER, "deep/down/destination.mp4")

    case.store.get(stored.url, destination, expected=digest_of_bytes(VIDEO))

    assert destination.read_bytes() == VIDEO
    assert list(destination.parent.iterdir()) == [destination]


def test_a_fetch_makes_its_directory(case: Case) -> None:
    """The destination's directory need not exist."""
    stored = case.put(VIDEO)
    destination = case.directory / "new" / "directory" / "video.mp4"

    case.store.get(stored.url, destination, expected=digest_of_bytes(VIDEO))

    assert destination.read_bytes() == VIDEO


def test_deleting_can_be_repeated(case: Case) -> None:
    """A deleted object is absent, and deleting it again, or what never was, is success."""
    stored = case.put(VIDEO)

    case.store.delete(stored.url)
    case.store.delete(stored.url)
    case.store.delete(case.store.url_of(f"{case.prefix}never/was.mp4"))

    with pytest.raises(ObjectNotFoundError):
        case.store.head(stored.url)


@pytest.mark.parametrize("key", UNSAFE_KEYS)
def test_an_unsafe_key_is_refused(case: Case, key: str) -> None:
    """A key that is absolute, climbs, or holds what backends read differently is refused before anything is done."""
    root = case.store.url_of("x").removesuffix("x")
    source = case.file(VIDEO)

    for use in (
        lambda: case.store.url_of(key),
        lambda: case.store.put(
            source, key, expected=digest_of_bytes(VIDEO), content_type="video/mp4", tags={}, may_replace=True
        ),
        lambda: case.store.get(root + key, case.directory / "out.mp4", expected=digest_of_bytes(VIDEO)),
        lambda: case.store.head(root + key),
        lambda: case.store.delete(root + key),
    ):
        with pytest.raises(StoreError) as caught:
            use()
        assert caught.value.error_class is StoreErrorClass.CONFIGURATION

    assert source.read_bytes() == VIDEO


@pytest.mark.parametrize("url", ["https://example.com/video.mp4", "video.mp4", "/elsewhere/video.mp4", "s3://", ""])
def test_a_url_of_another_store_is_refused(case: Case, url: str) -> None:
    """A URL that no put of this store returned is a matter of configuration."""
    for use in (
        lambda: case.store.head(url),
        lambda: case.store.delete(url),
        lambda: case.store.get(url, case.directory / "out.mp4", expected=digest_of_bytes(VIDEO)),
    ):
        with pytest.raises(StoreError) as caught:
            use()
        assert caught.value.error_class is StoreErrorClass.CONFIGURATION


def test_transfers_may_run_side_by_side(case: Case) -> None:
    """Several threads may use one store at a time."""

    def there_and_back(number: int) -> bytes:
        data = b"%d" % number * 1000
        stored = case.store.put(
            case.file(data, f"{number}.mp4"),
            case.key(f"{number}.mp4"),
            expected=digest_of_bytes(data),
            content_type="video/mp4",
            tags={},
            may_replace=False,
        )
        destination = case.directory / f"{number}.back.mp4"
        case.store.get(stored.url, destination, expected=digest_of_bytes(data))
        return destination.read_bytes()

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(there_and_back, range(8))) == [b"%d" % number * 1000 for number in range(8)]


def test_one_of_several_puts_at_a_time_wins(case: Case) -> None:
    """Of puts of different bytes under one key at a time exactly one is stored, and the others are conflicts."""

    def outcome(number: int) -> StoredObject | None:
        data = b"%d" % number * 5000
        try:
            return case.put(data, source=case.file(data, f"{number}.mp4"))
        except ObjectConflictError:
            return None

    with ThreadPoolExecutor(6) as threads:
        stored = [found for found in threads.map(outcome, range(6)) if found is not None]

    assert len(stored) == 1
    assert case.store.head(stored[0].url) == stored[0]


@settings(
    max_examples=25,
    deadline=None,  # a server is involved
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # every example replaces what the last one stored
)
@given(data=st.binary(max_size=40_000))
def test_any_bytes_survive_the_way_there_and_back(case: Case, data: bytes) -> None:
    """Whatever the bytes, they come back as they were."""
    stored = case.put(data, may_replace=True)

    assert case.store.head(stored.url) == stored
    assert case.fetched(stored.url, digest_of_bytes(data)) == data
