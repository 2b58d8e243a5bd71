"""Taking in what has arrived: one share for each good upload, and a named outcome for everything else."""

from functools import partial

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.uploads.upload import UploadStatus
from bookmarkai_assets.operations.uploads.arrivals import Arrival, TakenIn, take_in, take_in_key
from tests.fakes.uploads import FakeUploads
from tests.support.catalog import at, together
from tests.support.uploads import DATA, PREFIX, add_upload, new_upload


@pytest.fixture
def bucket() -> FakeUploads:
    """Return an empty bucket."""
    return FakeUploads()


def test_an_arrived_object_becomes_one_share(sqlite_catalog: OpenCatalog, bucket: FakeUploads) -> None:
    """By its key or by its id, in any order: the first makes the share, the others are told of it."""
    upload = add_upload(sqlite_catalog)
    bucket.arrive(upload, DATA)

    first = take_in_key(sqlite_catalog, bucket, upload.key, now=at(1))
    others = [
        take_in(sqlite_catalog, bucket, upload.upload_id, now=at(2)),
        take_in_key(sqlite_catalog, bucket, upload.key, now=at(3)),
    ]

    [share] = sqlite_catalog.shares.list()
    assert first == TakenIn(Arrival.TAKEN_IN, upload.upload_id, share.share_id)
    assert others == [TakenIn(Arrival.KNOWN, upload.upload_id, share.share_id)] * 2


def test_many_at_once_make_one_share(sqlite_catalog: OpenCatalog, bucket: FakeUploads) -> None:
    """The sensor, the listing and the owner may come at the same time."""
    upload = add_upload(sqlite_catalog)
    bucket.arrive(upload, DATA)

    found = together([partial(take_in, sqlite_catalog, bucket, upload.upload_id, now=at(1))] * 6)

    assert sorted(one.arrival for one in found) == [Arrival.KNOWN] * 5 + [Arrival.TAKEN_IN]
    assert sqlite_catalog.shares.count() == 1


def test_a_crash_before_the_share_is_made_up_for(sqlite_catalog: OpenCatalog, bucket: FakeUploads) -> None:
    """An upload that arrived without a share gets it from whoever comes next, even if the object is gone by then."""
    upload = add_upload(sqlite_catalog)
    sqlite_catalog.uploads.record_arrived(upload.upload_id, now=at(1))
    assert take_in(sqlite_catalog, bucket, upload.upload_id, now=at(2)).arrival is Arrival.TAKEN_IN


@pytest.mark.parametrize(
    "key",
    [
        "",
        PREFIX,
        "temp/videos/2026/01/31/0123456789abcdef_1.mp4",
        f"{PREFIX}../../etc/passwd",
        f"{PREFIX}11111111-1111-4111-8111-111111111111/file/more",
        f"{PREFIX}11111111-1111-4111-8111-111111111111/other",
        f"{PREFIX}NOT-A-UUID/file",
        f"{PREFIX}11111111-1111-4111-8111-11111111111\u0661/file",
        f"other/{PREFIX}11111111-1111-4111-8111-111111111111/file",
        "x" * 5000,
        "\x00",
    ],
)
def test_a_key_of_no_upload_is_foreign(sqlite_catalog: OpenCatalog, bucket: FakeUploads, key: str) -> None:
    """Events may come with any key. None of these is asked about."""
    bucket.put_strange(key, DATA)
    assert take_in_key(sqlite_catalog, bucket, key, now=at(1)) == TakenIn(Arrival.FOREIGN)


def test_an_upload_under_another_key_is_foreign(sqlite_catalog: OpenCatalog) -> None:
    """After a change of the prefix, an old upload's id below the new one is not its key."""
    upload = add_upload(sqlite_catalog, prefix="temp/old/")
    bucket = FakeUploads()
    key = f"{PREFIX}{upload.upload_id}/file"
    bucket.arrive(upload, DATA, key=key)
    assert take_in_key(sqlite_catalog, bucket, key, now=at(1)).arrival is Arrival.FOREIGN
    assert sqlite_catalog.shares.count() == 0


def test_an_object_of_no_known_upload_is_unknown(sqlite_catalog: OpenCatalog, bucket: FakeUploads) -> None:
    """Its key has the form of one, and the catalog does not know it."""
    stranger = new_upload()
    bucket.arrive(stranger, DATA)
    assert take_in_key(sqlite_catalog, bucket, stranger.key, now=at(1)) == TakenIn(Arrival.UNKNOWN)


def test_an_absent_object_is_missing(sqlite_catalog: OpenCatalog, bucket: FakeUploads) -> None:
    """It is still awaited, so that it may come later."""
    upload = add_upload(sqlite_catalog)
    assert take_in(sqlite_catalog, bucket, upload.upload_id, now=at(1)) == TakenIn(Arrival.MISSING, upload.upload_id)
    bucket.arrive(upload, DATA)
    assert take_in(sqlite_catalog, bucket, upload.upload_id, now=at(2)).arrival is Arrival.TAKEN_IN


@pytest.mark.parametrize("change", [-1, 1])
def test_an_object_of_another_size_is_refused(sqlite_catalog: OpenCatalog, bucket: FakeUploads, change: int) -> None:
    """For good, with the sizes as the reason: the right bytes need a new upload."""
    upload = add_upload(sqlite_catalog)
    bucket.arrive(upload, DATA[:-1] if change < 0 else DATA + b"!")
    found = take_in(sqlite_catalog, bucket, upload.upload_id, now=at(1))
    assert found.arrival is Arrival.REFUSED
    assert f"{len(DATA)} bytes, found {len(DATA) + change}" in (found.reason or "")

    bucket.arrive(upload, DATA)

    assert take_in(sqlite_catalog, bucket, upload.upload_id, now=at(2)) == found
    assert sqlite_catalog.shares.count() == 0


@pytest.mark.parametrize("name", ["sha256", "upload-id"])
def test_an_object_that_came_another_way_is_refused(
    sqlite_catalog: OpenCatalog, bucket: FakeUploads, name: str
) -> None:
    """The metadata of the upload's own link are part of what is taken in."""
    upload = add_upload(sqlite_catalog)
    metadata = {"sha256": upload.digest.sha256, "upload-id": upload.upload_id}
    bucket.put_strange(upload.key, DATA, metadata | {name: "another"})
    assert take_in(sqlite_catalog, bucket, upload.upload_id, now=at(1)).arrival is Arrival.REFUSED


def test_an_abandoned_upload_makes_no_share(sqlite_catalog: OpenCatalog, bucket: FakeUploads) -> None:
    """Its object is swept, even if it comes after all."""
    upload = add_upload(sqlite_catalog, status=UploadStatus.ABANDONED)
    bucket.arrive(upload, DATA)
    assert take_in(sqlite_catalog, bucket, upload.upload_id, now=at(1)).arrival is Arrival.ABANDONED
    assert sqlite_catalog.shares.count() == 0


def test_a_bucket_that_fails_decides_nothing(sqlite_catalog: OpenCatalog, bucket: FakeUploads) -> None:
    """The error is the caller's, and the upload is as it was."""
    upload = add_upload(sqlite_catalog)
    bucket.failure = StoreError(StoreErrorClass.UNAVAILABLE, "no answer")
    with pytest.raises(StoreError, match="no answer"):
        take_in(sqlite_catalog, bucket, upload.upload_id, now=at(1))
    assert sqlite_catalog.uploads.get(upload.upload_id) == upload
