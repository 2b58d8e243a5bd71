"""What tests can have the in-memory store do: fail, rot, have another time, have leftovers."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import Leftover, LeftoverKind
from tests.fakes.stores import OPERATIONS, FakeMediaStore, digest_of_bytes
from tests.support.store_cases import OTHER, VIDEO, StoreCase

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(params=[Backend.LOCAL, Backend.S3])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> StoreCase:
    """Return a fake of each backend, in which it is noon."""
    store = FakeMediaStore(request.param, clock=lambda: NOON)
    return StoreCase(store, "temp/", tmp_path, lambda: store)


def fake_of(case: StoreCase) -> FakeMediaStore:
    """Return the store as the fake that it is."""
    assert isinstance(case.store, FakeMediaStore)
    return case.store


def error_of(use: Callable[[], object]) -> StoreError:
    """Return the error with which a use ends."""
    with pytest.raises(StoreError) as caught:
        use()
    return caught.value


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_any_operation_fails_on_request(case: StoreCase, operation: str) -> None:
    """The next calls of the operation raise the error, as many as were asked for."""
    stored = case.put(VIDEO)
    store = fake_of(case)
    error = StoreError(StoreErrorClass.TIMEOUT, "too slow")
    leftover = Leftover(LeftoverKind.TEMPORARY_FILE, store.url_of("temp/x"), NOON, 1)
    uses: dict[str, Callable[[], object]] = {
        "put": lambda: case.put(VIDEO),
        "get": lambda: case.fetched(stored.url, digest_of_bytes(VIDEO)),
        "open": lambda: case.read(stored.url),
        "head": lambda: store.head(stored.url),
        "list": lambda: case.listed("temp/"),
        "delete": lambda: store.delete(stored.url),
        "presign": lambda: store.presign(stored.url, expires_seconds=60),
        "leftovers": lambda: store.leftovers(begun_before=NOON),
        "remove_leftover": lambda: store.remove_leftover(leftover),
    }
    store.fail_next(operation, error, times=2)

    assert [error_of(uses[operation]) for _ in range(2)] == [error, error]
    assert stored.url in store.objects
    if not (operation == "presign" and case.is_local):
        uses[operation]()


def test_a_listing_fails_after_its_first_object(case: StoreCase) -> None:
    """A failing listing yields one object before it raises, so that code that works on half of it is found out."""
    case.put(VIDEO, "temp/1.mp4")
    case.put(VIDEO, "temp/2.mp4")
    fake_of(case).fail_next("list", StoreError(StoreErrorClass.TIMEOUT, "too slow"))
    listing = case.store.list()

    assert next(listing).key == "temp/1.mp4"
    with pytest.raises(StoreError):
        next(listing)


def test_rotten_bytes_are_found_where_they_are_read(case: StoreCase) -> None:
    """A directory's head sees changed bytes, a bucket's returns what was recorded, and reading fails in both."""
    stored = case.put(VIDEO)

    fake_of(case).rot(stored.url, OTHER)

    found = case.store.head(stored.url)
    assert found.digest == digest_of_bytes(OTHER if case.is_local else VIDEO)
    assert found.tags == ({} if case.is_local else stored.tags)
    for error in (
        error_of(lambda: case.read(stored.url)),
        error_of(lambda: case.read(stored.url, size_bytes=len(OTHER))),
        error_of(lambda: case.fetched(stored.url, digest_of_bytes(VIDEO))),
    ):
        assert error.error_class is StoreErrorClass.CHECKSUM


def test_a_test_sets_the_times(case: StoreCase) -> None:
    """Objects are stored at the clock's time and expire at the test's."""
    stored = case.put(VIDEO)

    fake_of(case).expire(stored.url, NOON + timedelta(days=7))

    found = case.store.head(stored.url)
    assert found.modified_at == next(case.store.list()).modified_at == NOON
    assert found.expires_at == NOON + timedelta(days=7)


def test_planted_leftovers_are_found_and_removed(case: StoreCase) -> None:
    """What a test plants is listed by prefix and time until it is removed."""
    names = {name: case.store.url_of(name) for name in ("temp/1.mp4", "temp/2.mp4", "other/1.mp4")}
    one, two, other = (
        Leftover(LeftoverKind.MULTIPART_UPLOAD, f"{url}#id", NOON + timedelta(hours=hours), None)
        for hours, url in enumerate(names.values())
    )
    fake_of(case).planted = [one, two, other]

    assert case.store.leftovers("temp/", begun_before=NOON + timedelta(hours=1)) == [one]
    assert case.store.leftovers("temp/", begun_before=NOON + timedelta(days=1)) == [one, two]
    case.store.remove_leftover(one)
    case.store.remove_leftover(one)
    assert case.store.leftovers(begun_before=NOON + timedelta(days=1)) == [two, other]
