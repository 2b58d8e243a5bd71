"""Sweeping uploads: what is done with goes, with a tombstone; what somebody may need stays."""

from typing import Any

import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import Media, MediaState
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.uploads.upload import Upload, UploadStatus
from bookmarkai_assets.operations.uploads.arrivals import take_in
from bookmarkai_assets.operations.uploads.sweeping import release_after_storing, sweep_uploads
from tests.fakes.stores import FakeObject
from tests.fakes.uploads import FakeUploads
from tests.plugins.vault import Vault
from tests.support.uploads import DATA, PREFIX, new_upload


@pytest.fixture
def installation(vault: Vault) -> Vault:
    """Return an installation for which `DATA` is a video."""
    vault.downloader.serve_file(DATA)
    return vault


def put(vault: Vault, upload: Upload) -> str:
    """Put an upload's object, and return its URL."""
    url = vault.s3.url_of(upload.key)
    vault.s3.objects[url] = FakeObject(DATA, "video/mp4", modified_at=vault.clock())
    return url


def add(vault: Vault, **changes: Any) -> tuple[Upload, str]:
    """Record an upload that begins now, put its object, and return both."""
    upload = new_upload(**{"created_at": vault.clock(), **changes})
    vault.catalog.uploads.add(upload)
    return upload, put(vault, upload)


def taken_in(vault: Vault) -> tuple[Upload, str, str]:
    """Have an upload taken in. Return it, its object's URL and its share's id."""
    upload, url = add(vault)
    bucket = FakeUploads()
    bucket.arrive(upload, DATA)
    share_id = take_in(vault.catalog, bucket, upload.upload_id, now=vault.clock()).share_id
    assert share_id is not None
    return upload, url, share_id


def stored(vault: Vault, share_id: str) -> Media:
    """Have an upload's share fetched and stored."""
    media = vault.run(share_id, "fetch", "place")["place"]
    assert isinstance(media, Media)
    return media


def sweep(vault: Vault, *, is_dry_run: bool = False) -> dict[str, str | None]:
    """Sweep, and return what became of each object, by its URL."""
    return {
        one.url: one.removed or one.kept or one.detail
        for one in sweep_uploads(vault.work("sweep"), is_dry_run=is_dry_run)
    }


@pytest.mark.parametrize("place", list(Backend))
def test_an_object_goes_once_its_media_is_stored(installation: Vault, place: Backend) -> None:
    """Never before, with a tombstone that names the media, and once."""
    installation.place_on(place)
    upload, url, share_id = taken_in(installation)
    assert sweep(installation) == {url: "needed"}
    installation.run(share_id, "fetch")
    assert sweep(installation) == {url: "needed"}
    media = installation.run(share_id, "place")["place"]
    assert isinstance(media, Media)
    assert sweep(installation, is_dry_run=True) == {url: "stored"}
    assert installation.bytes_at(url) == DATA

    assert sweep(installation) == {url: "stored"}

    assert installation.bytes_at(url) is None
    assert installation.bytes_at(media.video.url) == DATA
    [tombstone] = installation.catalog.tombstones.list()
    assert (tombstone.url, tombstone.kind, tombstone.reason) == (url, "upload", "stored")
    assert (tombstone.media_id, tombstone.share_id, tombstone.is_done) == (media.media_id, share_id, True)
    swept = installation.catalog.uploads.get(upload.upload_id)
    assert swept is not None
    assert swept.removed_at is not None
    assert sweep(installation) == {}


def test_an_object_stays_while_the_stored_bytes_are_not_there(installation: Vault) -> None:
    """A record is no evidence: the media's bytes are looked at in that moment."""
    _, url, share_id = taken_in(installation)
    installation.place_on(Backend.S3)
    media = stored(installation, share_id)
    del installation.s3.objects[media.video.url]
    assert sweep(installation) == {url: "needed"}
    assert installation.bytes_at(url) == DATA


def test_storing_releases_the_object_at_once(installation: Vault) -> None:
    """So that two copies are not kept until the night. If the bucket fails then, the next sweep does it."""
    _, url, share_id = taken_in(installation)
    installation.run(share_id, "fetch", "place")
    share = installation.catalog.shares.get(share_id)
    installation.s3.outage = StoreError(StoreErrorClass.UNAVAILABLE, "no answer")
    release_after_storing(installation.work(), share)
    assert url in installation.s3.objects
    installation.s3.outage = None

    release_after_storing(installation.work(), share)

    assert installation.bytes_at(url) is None
    assert sweep(installation) == {}


def test_an_expired_media_needs_no_upload(installation: Vault) -> None:
    """Its time is over for both."""
    _, url, share_id = taken_in(installation)
    media = stored(installation, share_id)
    with installation.work("clean-up").lease(media.media_id):
        installation.catalog.media.record_expired(media.media_id, [], owner="clean-up", now=installation.clock())
    assert installation.media(media).state is MediaState.EXPIRED
    assert sweep(installation) == {url: "expired"}


def test_a_failed_share_keeps_its_object_for_a_day(installation: Vault) -> None:
    """So that a person can have it tried again, with other limits."""
    upload, url = add(installation)
    installation.s3.objects[url] = FakeObject(b"x" * len(DATA), "video/mp4", modified_at=installation.clock())
    bucket = FakeUploads()
    bucket.arrive(upload, DATA)
    share_id = take_in(installation.catalog, bucket, upload.upload_id, now=installation.clock()).share_id
    installation.run(share_id or "", "fetch")
    assert sweep(installation) == {url: "needed"}
    installation.let_pass(hours=25)
    assert sweep(installation) == {url: "share_failed"}
    assert installation.bytes_at(url) is None


def test_a_share_that_waits_keeps_its_object(installation: Vault) -> None:
    """However long: nothing else has these bytes."""
    _, url, _ = taken_in(installation)
    installation.let_pass(days=6)
    assert sweep(installation) == {url: "needed"}


def test_a_deleted_share_keeps_its_object_for_a_day(installation: Vault) -> None:
    """Then nobody can ask for it any more."""
    _, url, _ = taken_in(installation)
    with installation.catalog.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM shares")
    assert sweep(installation) == {url: "needed"}
    installation.let_pass(hours=25)
    assert sweep(installation) == {url: "share_deleted"}


@pytest.mark.parametrize("status", [UploadStatus.REFUSED, UploadStatus.ABANDONED])
def test_what_was_refused_or_given_up_goes_after_a_day(installation: Vault, status: UploadStatus) -> None:
    """Until then its links may still put an object there."""
    _, url = add(installation, status=status, ended_at=installation.clock())
    assert sweep(installation) == {url: "needed"}
    installation.let_pass(hours=25)
    assert sweep(installation) == {url: status.value}
    assert installation.bytes_at(url) is None


def test_what_never_came_is_abandoned_after_a_day(installation: Vault) -> None:
    """And what came without being taken in is kept for whoever takes it in."""
    missing, arrived = new_upload(created_at=installation.clock()), new_upload(created_at=installation.clock())
    for upload in (missing, arrived):
        installation.catalog.uploads.add(upload)
    url = put(installation, arrived)
    assert sweep(installation) == {}
    installation.let_pass(hours=25)
    assert sweep(installation)[url] == "not_taken_in"
    for upload, status in ((missing, UploadStatus.ABANDONED), (arrived, UploadStatus.AWAITING)):
        found = installation.catalog.uploads.get(upload.upload_id)
        assert found is not None
        assert found.status is status
    assert installation.bytes_at(url) == DATA


def test_an_object_that_came_again_goes_after_a_day(installation: Vault) -> None:
    """Its upload's own was removed before, and nobody will take this one in."""
    ended = new_upload(status=UploadStatus.TAKEN_IN, removed_at=installation.clock(), created_at=installation.clock())
    installation.catalog.uploads.add(ended)
    again = put(installation, ended)
    assert sweep(installation) == {}
    installation.let_pass(hours=25)
    assert sweep(installation) == {again: "sent_again"}
    assert installation.s3.objects == {}


def test_an_object_of_no_upload_is_not_touched(installation: Vault) -> None:
    """It may be another installation's, or of a lost catalog. What is not below the prefix is not looked at."""
    stranger = new_upload()
    urls = [installation.s3.url_of(key) for key in (f"{PREFIX}something", stranger.key, "temp/videos/something")]
    for url in urls:
        installation.s3.objects[url] = FakeObject(DATA, "video/mp4", modified_at=installation.clock())
    installation.let_pass(days=6)
    assert sweep(installation) == dict.fromkeys(urls[:2], "unknown")
    assert list(installation.s3.objects) == urls


def test_one_failure_stops_no_other(installation: Vault) -> None:
    """What failed says why, and is tried again by the next sweep."""
    urls = [add(installation, status=UploadStatus.REFUSED, ended_at=installation.clock())[1] for _ in range(3)]
    installation.let_pass(hours=25)
    installation.s3.fail_next("delete", StoreError(StoreErrorClass.UNAVAILABLE, "no answer"))
    assert sorted(sweep(installation).values(), key=str) == ["no answer", "refused", "refused"]
    assert len([url for url in urls if url in installation.s3.objects]) == 1
    assert list(sweep(installation).values()) == ["refused"]


def test_the_nightly_clean_up_sweeps_uploads(installation: Vault) -> None:
    """It reports them like everything else that it removes."""
    _, url = add(installation, status=UploadStatus.REFUSED, ended_at=installation.clock())
    installation.let_pass(hours=25)
    report = installation.clean_up()
    assert [(item.name, item.removed) for item in report.removed] == [(url, "refused")]
