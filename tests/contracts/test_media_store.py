"""The contract of `MediaStore` for every backend: putting, fetching and removing."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookmarkai_assets.core.errors import ObjectConflictError, ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import StoredObject
from tests.fakes.stores import digest_of_bytes
from tests.support.store_cases import OTHER, TAGS, VIDEO, StoreCase

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
    ".hidden.mp4",
    "a/.staging/b.mp4",
    "a/" + "x" * 250,
]
ODD_TAGS = {
    "accents": "naïve façade",
    "emoji": "🎬 👩‍👩‍👧",
    "lines": "one\ntwo\r\n\tthree",
    "spaces": "  two  before, two after  ",
    "signs": 'a=b&c; d, "e" \\ % %41 +',
}


def test_what_is_put_comes_back_whole(case: StoreCase) -> None:
    """Bytes that were put come back unchanged from the URL that the put returned."""
    stored = case.put(VIDEO)

    assert case.fetched(stored.url, digest_of_bytes(VIDEO)) == VIDEO


def test_put_returns_what_head_returns(case: StoreCase) -> None:
    """A put returns the URL, digest, content type and tags, and a later head returns the same."""
    stored = case.put(VIDEO)
    found = case.store.head(stored.url)

    assert found == stored
    assert (found.url, found.digest, found.content_type) == (
        case.store.url_of(case.key()),
        digest_of_bytes(VIDEO),
        "video/mp4",
    )
    assert found.tags == stored.tags == TAGS


def test_an_object_has_the_time_of_its_put(case: StoreCase) -> None:
    """The time of an object is that of its put, in UTC, whatever the source's was, and it has no expiry."""
    source = case.file(VIDEO)
    os.utime(source, (0, 0))

    stored = case.put(VIDEO, source=source)
    found = case.store.head(stored.url)

    assert abs(datetime.now(UTC) - found.modified_at) < timedelta(minutes=1)
    assert found.modified_at.utcoffset() == timedelta(0)
    assert found.modified_at == stored.modified_at
    assert found.expires_at is stored.expires_at is None


def test_tags_come_back_as_they_were_put(case: StoreCase) -> None:
    """Whatever text a tag has, head returns it character by character."""
    stored = case.put(VIDEO, tags=ODD_TAGS)

    assert case.store.head(stored.url).tags == stored.tags == ODD_TAGS


def test_an_empty_tag_may_be_missing(case: StoreCase) -> None:
    """A tag without text comes back empty or is missing, as some servers have it, and the others stay."""
    stored = case.put(VIDEO, tags={"title": "", "share-id": "x"})

    assert {"title": ""} | dict(case.store.head(stored.url).tags) == {"title": "", "share-id": "x"}


@pytest.mark.parametrize(
    "tags",
    [{name: "x"} for name in ("", "Title", "share_id", "naïve", "-x", "a b", "sha256", "size")] + [{"x": "x" * 2048}],
    ids=lambda tags: next(iter(tags)) or "empty",
)
def test_tags_that_some_backend_cannot_store_are_refused(case: StoreCase, tags: dict[str, str]) -> None:
    """Odd names, the stores' own names, and more than 2 KB are refused by all; nothing is stored or consumed."""
    source = case.file(VIDEO)

    with pytest.raises(StoreError) as caught:
        case.put(VIDEO, source=source, tags=tags)

    assert caught.value.error_class is StoreErrorClass.OTHER
    assert source.read_bytes() == VIDEO
    assert case.listed(case.prefix) == []


def test_a_repeated_put_returns_what_is_recorded(case: StoreCase) -> None:
    """A put that finds its bytes stored under other tags returns what head returns; a directory takes the new tags."""
    case.put(VIDEO)

    again = case.put(VIDEO, tags={"share-id": "another"})

    assert case.store.head(again.url).tags == again.tags
    assert again.tags == ({"share-id": "another"} if case.is_local else TAGS)


def test_a_source_that_may_not_be_consumed_stays(case: StoreCase) -> None:
    """Without `may_consume` the source is unchanged after the put, and no second name of the stored bytes."""
    source = case.file(VIDEO)

    stored = case.put(VIDEO, source=source, may_consume=False)

    assert source.read_bytes() == VIDEO
    source.write_bytes(OTHER)
    assert case.fetched(stored.url, digest_of_bytes(VIDEO)) == VIDEO


def test_a_source_that_may_be_consumed_goes_into_a_directory(case: StoreCase) -> None:
    """With `may_consume` a directory takes the source, and a bucket leaves it."""
    source = case.file(VIDEO)

    case.put(VIDEO, source=source, may_consume=True)

    assert source.exists() is not case.is_local


@pytest.mark.parametrize("may_consume", [False, True])
def test_a_refused_put_leaves_its_source(case: StoreCase, *, may_consume: bool) -> None:
    """A put that ends in a conflict consumes nothing."""
    case.put(VIDEO)
    source = case.file(OTHER)

    with pytest.raises(ObjectConflictError):
        case.put(OTHER, source=source, may_consume=may_consume)

    assert source.read_bytes() == OTHER


def test_urls_name_their_backend(case: StoreCase) -> None:
    """A local URL is an absolute path, a bucket's begins with its scheme, and both end with the key."""
    url = case.store.url_of(case.key())

    assert url.startswith("/" if case.is_local else f"{case.store.backend.facts.scheme}://")
    assert Backend.of_url(url) is case.store.backend
    assert url.endswith(f"/{case.key()}")


def test_an_empty_file_is_an_object(case: StoreCase) -> None:
    """A file of no bytes is stored and comes back as one."""
    stored = case.put(b"")

    assert stored.digest.size_bytes == 0
    assert case.fetched(stored.url, digest_of_bytes(b"")) == b""


def test_putting_the_same_bytes_again_is_done(case: StoreCase) -> None:
    """A put whose bytes are stored already succeeds, even where nothing may be replaced."""
    first = case.put(VIDEO)

    assert case.put(VIDEO, may_replace=False) == first


def test_a_put_is_done_although_its_source_is_gone(case: StoreCase) -> None:
    """A put that is repeated after a crash finds its bytes stored and needs no source."""
    first = case.put(VIDEO)

    assert case.put(VIDEO, source=case.directory / "gone.mp4") == first


def test_a_put_is_done_although_its_source_is_damaged(case: StoreCase) -> None:
    """When bytes with the expected digest are stored, a put succeeds whatever has become of its source."""
    first = case.put(VIDEO)

    assert case.put(VIDEO, source=case.file(OTHER)) == first


def test_acknowledged_bytes_are_never_overwritten(case: StoreCase) -> None:
    """Other bytes under the key are a conflict and stay as they are, unless they may be replaced."""
    stored = case.put(VIDEO)

    with pytest.raises(ObjectConflictError) as caught:
        case.put(OTHER)

    assert caught.value.error_class is StoreErrorClass.CONFLICT
    assert case.fetched(stored.url, digest_of_bytes(VIDEO)) == VIDEO


def test_unacknowledged_bytes_are_replaced(case: StoreCase) -> None:
    """Other bytes under the key are replaced where they may be."""
    case.put(VIDEO)

    stored = case.put(OTHER, may_replace=True)

    assert stored.digest == digest_of_bytes(OTHER)
    assert case.fetched(stored.url, digest_of_bytes(OTHER)) == OTHER


@pytest.mark.parametrize("damaged", [OTHER, VIDEO[:-1], VIDEO + b"!", b""], ids=["other", "short", "long", "empty"])
def test_a_source_without_the_expected_digest_is_refused(case: StoreCase, damaged: bytes) -> None:
    """A source that differs from its expected digest is a checksum error, and nothing is stored."""
    with pytest.raises(StoreError) as caught:
        case.put(VIDEO, source=case.file(damaged))

    assert caught.value.error_class is StoreErrorClass.CHECKSUM
    with pytest.raises(ObjectNotFoundError):
        case.store.head(case.store.url_of(case.key()))


def test_a_missing_source_is_absence(case: StoreCase) -> None:
    """A missing source, with nothing stored, is an `ObjectNotFoundError`, which is a `FileNotFoundError` too."""
    with pytest.raises(ObjectNotFoundError) as caught:
        case.put(VIDEO, source=case.directory / "gone.mp4")

    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.error_class is StoreErrorClass.NOT_FOUND


def test_a_missing_source_replaces_nothing(case: StoreCase) -> None:
    """A missing source is an error also where other bytes are stored, and these stay."""
    stored = case.put(VIDEO)

    with pytest.raises(ObjectNotFoundError):
        case.put(OTHER, source=case.directory / "gone.mp4", may_replace=True)

    assert case.store.head(stored.url).digest == digest_of_bytes(VIDEO)


def test_an_absent_object_is_an_absence(case: StoreCase) -> None:
    """Reading a missing object is an error, and what was at the destination stays."""
    url = case.store.url_of(case.key())
    destination = case.file(OTHER, "destination.mp4")

    with pytest.raises(ObjectNotFoundError):
        case.store.head(url)
    with pytest.raises(ObjectNotFoundError):
        case.store.get(url, destination, expected=digest_of_bytes(VIDEO))

    assert destination.read_bytes() == OTHER


@pytest.mark.parametrize("expected", [digest_of_bytes(OTHER), digest_of_bytes(VIDEO[:-1])], ids=["bytes", "size"])
def test_an_unexpected_object_is_not_fetched(case: StoreCase, expected: Digest) -> None:
    """An object that is not the expected one is a checksum error, and the destination's directory stays as it was."""
    stored = case.put(VIDEO)
    directory = case.directory / "fetched"
    directory.mkdir(parents=True)

    with pytest.raises(StoreError) as caught:
        case.store.get(stored.url, directory / "video.mp4", expected=expected)

    assert caught.value.error_class is StoreErrorClass.CHECKSUM
    assert list(directory.iterdir()) == []


def test_a_fetch_replaces_its_destination(case: StoreCase) -> None:
    """A fetched file replaces what was at the destination, and nothing else is left beside it."""
    stored = case.put(VIDEO)
    destination = case.file(OTHER, "deep/down/destination.mp4")

    case.store.get(stored.url, destination, expected=digest_of_bytes(VIDEO))

    assert destination.read_bytes() == VIDEO
    assert list(destination.parent.iterdir()) == [destination]


def test_a_fetch_makes_its_directory(case: StoreCase) -> None:
    """The destination's directory need not exist."""
    stored = case.put(VIDEO)
    destination = case.directory / "new" / "directory" / "video.mp4"

    case.store.get(stored.url, destination, expected=digest_of_bytes(VIDEO))

    assert destination.read_bytes() == VIDEO


@pytest.mark.parametrize("may_consume", [False, True])
def test_transferred_bytes_are_reported(case: StoreCase, *, may_consume: bool) -> None:
    """Reported bytes are never negative and add up to the size, for a put, a repeated put and a fetch."""
    reported: list[int] = []
    stored = case.put(VIDEO, may_consume=may_consume, on_bytes=reported.append)
    assert sum(reported) == len(VIDEO)
    assert min(reported) >= 0

    reported.clear()
    case.put(VIDEO, on_bytes=reported.append)
    assert sum(reported) == len(VIDEO)

    reported.clear()
    case.store.get(stored.url, case.directory / "out.mp4", expected=digest_of_bytes(VIDEO), on_bytes=reported.append)
    assert sum(reported) == len(VIDEO)
    assert min(reported) >= 0


def test_a_refused_put_does_not_report_all_bytes(case: StoreCase) -> None:
    """A refused put never reports all of its bytes."""
    case.put(OTHER)
    reported: list[int] = []
    with pytest.raises(ObjectConflictError):
        case.put(VIDEO, on_bytes=reported.append)
    assert sum(reported) < len(VIDEO)


def test_deleting_can_be_repeated(case: StoreCase) -> None:
    """Deleting succeeds again and again, also for an object that never existed, and the object is absent."""
    stored = case.put(VIDEO)

    case.store.delete(stored.url)
    case.store.delete(stored.url)
    case.store.delete(case.store.url_of(f"{case.prefix}never/was.mp4"))

    with pytest.raises(ObjectNotFoundError):
        case.store.head(stored.url)


@pytest.mark.parametrize("key", UNSAFE_KEYS)
def test_an_unsafe_key_is_refused(case: StoreCase, key: str) -> None:
    """A key that is absolute, climbs, or is read differently by backends is refused before anything is done."""
    root = case.store.url_of("x").removesuffix("x")
    source = case.file(VIDEO)

    for use in (
        lambda: case.store.url_of(key),
        lambda: case.store.put(
            source,
            key,
            expected=digest_of_bytes(VIDEO),
            content_type="video/mp4",
            tags={},
            may_replace=True,
            may_consume=True,
        ),
        lambda: case.store.get(root + key, case.directory / "out.mp4", expected=digest_of_bytes(VIDEO)),
        lambda: case.store.open(root + key),
        lambda: case.store.head(root + key),
        lambda: case.store.delete(root + key),
        lambda: case.store.presign(root + key, expires_seconds=60),
    ):
        with pytest.raises(StoreError) as caught:
            use()
        assert caught.value.error_class is StoreErrorClass.CONFIGURATION

    assert source.read_bytes() == VIDEO


@pytest.mark.parametrize("url", ["https://example.com/video.mp4", "video.mp4", "/elsewhere/video.mp4", "s3://", ""])
def test_a_url_of_another_store_is_refused(case: StoreCase, url: str) -> None:
    """A URL that no put of this store returned is a configuration error."""
    for use in (
        lambda: case.store.open(url),
        lambda: case.store.head(url),
        lambda: case.store.delete(url),
        lambda: case.store.presign(url, expires_seconds=60),
        lambda: case.store.get(url, case.directory / "out.mp4", expected=digest_of_bytes(VIDEO)),
    ):
        with pytest.raises(StoreError) as caught:
            use()
        assert caught.value.error_class is StoreErrorClass.CONFIGURATION


def test_transfers_may_run_in_parallel(case: StoreCase) -> None:
    """Several threads may use one store at the same time."""

    def there_and_back(number: int) -> bytes:
        data = b"%d" % number * 1000
        stored = case.put(data, case.key(f"{number}.mp4"), source=case.file(data, f"{number}.mp4"))
        destination = case.directory / f"{number}.back.mp4"
        case.store.get(stored.url, destination, expected=digest_of_bytes(data))
        return destination.read_bytes()

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(there_and_back, range(8))) == [b"%d" % number * 1000 for number in range(8)]


def test_one_of_several_simultaneous_puts_wins(case: StoreCase) -> None:
    """Of simultaneous puts of different bytes under one key one is stored, with its tags, and the others conflict."""

    def outcome(number: int) -> StoredObject | None:
        data = b"%d" % number * 5000
        try:
            return case.put(data, source=case.file(data, f"{number}.mp4"), tags={"number": str(number)})
        except ObjectConflictError:
            return None

    with ThreadPoolExecutor(6) as threads:
        stored = [found for found in threads.map(outcome, range(6)) if found is not None]

    assert len(stored) == 1
    assert case.store.head(stored[0].url) == stored[0]
    assert case.store.head(stored[0].url).tags == stored[0].tags != {}


@settings(
    max_examples=25,
    deadline=None,  # a server is involved
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # every example replaces what the last one stored
)
@given(data=st.binary(max_size=40_000))
def test_any_bytes_survive_the_round_trip(case: StoreCase, data: bytes) -> None:
    """Whatever the bytes, they come back as they were."""
    stored = case.put(data, may_replace=True)

    assert case.store.head(stored.url) == stored
    assert case.fetched(stored.url, digest_of_bytes(data)) == data
