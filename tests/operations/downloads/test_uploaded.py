"""Uploads through the three steps: the same checks, one media for the same bytes, nothing for who only knows a hash."""

from datetime import timedelta
from typing import Any

import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.links.upload_urls import content_url
from bookmarkai_assets.core.media.media import UNTITLED, Media, MediaState, media_id_of
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.uploads.upload import Upload
from bookmarkai_assets.operations.media.catalog_reads import media_of_share
from bookmarkai_assets.operations.shares.claiming import claim_due_shares
from bookmarkai_assets.operations.shares.finding import find_shares, shares_named
from bookmarkai_assets.operations.shares.reports import share_report
from bookmarkai_assets.operations.uploads.arrivals import Arrival, take_in
from tests.fakes.speech import speech_bytes
from tests.fakes.stores import FakeObject
from tests.fakes.uploads import FakeUploads
from tests.plugins.vault import Vault
from tests.support.catalog import USER
from tests.support.uploads import DATA, new_upload

OTHER_USER = "22222222-2222-4222-8222-222222222222"
STEPS = ("fetch", "place", "transcribe")


@pytest.fixture
def installation(vault: Vault) -> Vault:
    """Return an installation for which `DATA` is a video."""
    vault.downloader.serve_file(DATA, audio=speech_bytes("This is my holiday"))
    return vault


def send(vault: Vault, data: bytes = DATA, *, declared: bytes = DATA, **changes: Any) -> tuple[Upload, str]:
    """Upload a file, have it taken in, and return the upload and its share's id."""
    upload = new_upload(declared, **{"created_at": vault.clock(), **changes})
    vault.catalog.uploads.add(upload)
    bucket = FakeUploads()
    bucket.arrive(upload, data)
    vault.s3.objects[vault.s3.url_of(upload.key)] = FakeObject(data, "video/mp4")
    taken = take_in(vault.catalog, bucket, upload.upload_id, now=vault.clock())
    assert taken.arrival is Arrival.TAKEN_IN
    assert taken.share_id is not None
    return upload, taken.share_id


def content_of(vault: Vault, data: bytes = DATA) -> Media | None:
    """Read the media that these bytes are named by."""
    return vault.catalog.media.get(media_id_of(content_url(new_upload(data).digest.sha256)))


def test_an_upload_is_a_share_like_any_other(installation: Vault) -> None:
    """It is fetched, stored by the policy and transcribed. Its share has the file's name, its media has none."""
    upload, share_id = send(installation)

    results = installation.run(share_id, *STEPS)

    assert not [one for one in results.values() if isinstance(one, Failure)]
    media = content_of(installation)
    assert media is not None
    assert (media.state, media.backend, media.video.digest) == (MediaState.STORED, Backend.LOCAL, upload.digest)
    assert (media.info.title, media.platform, media.canonical_url) == (
        UNTITLED,
        "generic",
        content_url(upload.digest.sha256),
    )
    share = installation.catalog.shares.get(share_id)
    assert (share.status, share.title, share.url) == ("done", "holiday.mp4", upload.url)
    assert media_of_share(installation.catalog, installation.rules, share_id) == media
    assert installation.media_url(media) == media.video.url
    assert not list(installation.rules.staging_dir.glob("*"))


def test_an_uploads_share_is_found(installation: Vault) -> None:
    """By its URN, its name and what is said in it."""
    upload, share_id = send(installation)
    installation.run(share_id, *STEPS)
    [named] = shares_named(installation.catalog, upload.url, frozenset())
    assert named.share_id == share_id
    for words in (["holiday.mp4"], ["my", "holiday"], [upload.upload_id]):
        found = find_shares(installation.catalog, words)
        assert [one.share.share_id for one in found.shares] == [share_id], words


@pytest.mark.parametrize("mode", list(Backend))
def test_an_upload_is_placed_by_the_policy(installation: Vault, mode: Backend) -> None:
    """What was sent to the bucket moves to the disk where the policy says so. The sent object stays for the sweep."""
    installation.place_on(mode)
    upload, share_id = send(installation)
    installation.run(share_id, *STEPS)
    media = content_of(installation)
    assert media is not None
    assert media.backend is mode
    assert installation.bytes_at(installation.s3.url_of(upload.key)) == DATA


def test_replaced_bytes_are_a_final_failure(installation: Vault) -> None:
    """An object of the same size with other bytes has no media, and is read twice before that is said."""
    _, share_id = send(installation, b"x" * len(DATA))

    failure = installation.run(share_id, "fetch")["fetch"]

    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.UPLOAD_UNUSABLE
    assert "not those that were declared" in failure.reason
    assert installation.catalog.work.progress(share_id).next_attempt_at is None
    assert installation.catalog.shares.get(share_id).status == "error"
    assert content_of(installation) is None
    assert installation.downloader.examined == []
    assert not list(installation.rules.staging_dir.glob("*"))


def test_bytes_that_changed_on_the_way_are_read_again(installation: Vault) -> None:
    """One wrong checksum says nothing yet."""
    _, share_id = send(installation)
    installation.s3.fail_next("get", StoreError(StoreErrorClass.CHECKSUM, "changed on the way"))
    assert isinstance(installation.run(share_id, "fetch")["fetch"], Media)


def test_an_object_that_is_gone_is_a_final_failure(installation: Vault) -> None:
    """Nobody can fetch it again, so the file has to be uploaded again."""
    upload, share_id = send(installation)
    del installation.s3.objects[installation.s3.url_of(upload.key)]
    failure = installation.run(share_id, "fetch")["fetch"]
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.UPLOAD_UNUSABLE
    assert "found none" in failure.reason


def test_a_file_that_is_no_video_fails_as_a_download_does(installation: Vault) -> None:
    """With what the examination found, and nothing of it is kept."""
    _, share_id = send(installation, b"a text", declared=b"a text")
    failure = installation.run(share_id, "fetch")["fetch"]
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.NOT_A_VIDEO
    assert not list(installation.rules.staging_dir.glob("*"))


def test_the_same_file_is_one_media(installation: Vault) -> None:
    """Another user's upload of it becomes a share of the media, is not examined, and keeps its own name."""
    _, first = send(installation)
    installation.run(first, *STEPS)
    _, second = send(installation, user_id=OTHER_USER, name="Urlaub.mp4")

    results = installation.run(second, *STEPS)

    assert not [one for one in results.values() if isinstance(one, Failure)]
    assert len(installation.downloader.examined) == 1
    assert [media.video.digest for media in installation.catalog.media.page(limit=9)] == [new_upload().digest]
    titles = [installation.catalog.shares.get(share_id).title for share_id in (first, second)]
    assert titles == ["holiday.mp4", "Urlaub.mp4"]


def test_an_upload_of_a_stored_video_becomes_its_share(installation: Vault) -> None:
    """Whatever it came from: a video of a site with the same bytes is not stored a second time."""
    stored = installation.store("cake")
    data = installation.bytes_at(stored.video.url)
    assert data is not None
    _, share_id = send(installation, data, declared=data)

    results = installation.run(share_id, *STEPS)

    assert not [one for one in results.values() if isinstance(one, Failure)]
    assert [media.media_id for media in installation.catalog.media.page(limit=9)] == [stored.media_id]
    assert installation.catalog.shares.get(share_id).title == "A video"


def test_knowing_a_hash_gives_nothing(installation: Vault) -> None:
    """Who declares the SHA-256 of another's file and sends other bytes learns nothing of its media, at any moment."""
    _, first = send(installation)
    installation.run(first, *STEPS)
    upload, share_id = send(installation, b"?" * len(DATA), user_id=OTHER_USER)

    def seen() -> list[object]:
        report = share_report(installation.catalog, share_id, now=installation.clock()).as_dict_for_user()
        return [report["media"], report["transcript"]]

    assert seen() == [None, None]
    [run] = claim_due_shares(
        installation.catalog,
        installation.rules,
        new_claim_id=lambda: "tick",
        now=installation.clock(),
        positions=lambda _: {},
    )
    assert run.share_ids == [share_id]
    assert seen() == [None, None]
    failure = installation.run(share_id, "fetch", claim_id="tick")["fetch"]
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.UPLOAD_UNUSABLE
    assert seen() == [None, None]
    assert installation.catalog.links.get(upload.url) is None
    assert media_of_share(installation.catalog, installation.rules, share_id) is None


def test_anothers_upload_cannot_be_shared(installation: Vault) -> None:
    """A row with somebody else's URN, however it came there, is refused before its record names the media."""
    upload, first = send(installation)
    installation.run(first, *STEPS)
    stolen = installation.catalog.shares.add(
        url=upload.url, user_id=OTHER_USER, platform="generic", now=installation.clock()
    ).share.share_id

    runs = claim_due_shares(
        installation.catalog,
        installation.rules,
        new_claim_id=lambda: "tick",
        now=installation.clock(),
        positions=lambda _: {},
    )

    assert runs == []
    progress = installation.catalog.work.progress(stolen)
    assert (progress.outcome, progress.media_id) == (Outcome.REFUSED, None)
    assert isinstance(installation.run(stolen, "fetch")["fetch"], Failure)
    report = share_report(installation.catalog, stolen, now=installation.clock()).as_dict_for_user()
    assert (report["media"], report["transcript"]) == (None, None)


def test_a_share_of_no_upload_is_refused(installation: Vault) -> None:
    """A URN that no upload has is a row that somebody has made up."""
    share_id = installation.catalog.shares.add(
        url=new_upload().url, user_id=USER, platform="generic", now=installation.clock()
    ).share.share_id
    failure = installation.run(share_id, "fetch")["fetch"]
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.REFUSED


def test_a_failing_bucket_postpones_uploads(installation: Vault) -> None:
    """No attempt is counted while the store fails for everybody, and the share goes on afterwards."""
    _, share_id = send(installation)
    outage = StoreError(StoreErrorClass.UNAVAILABLE, "no answer")
    outage.backend = Backend.S3
    installation.s3.outage = outage
    failure = installation.run(share_id, "fetch")["fetch"]
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.POSTPONED
    assert installation.catalog.work.progress(share_id).attempts == 0

    installation.s3.outage = None
    installation.let_pass(hours=1)

    assert isinstance(installation.run(share_id, "fetch")["fetch"], Media)


def test_an_attempt_that_died_after_the_name_goes_on_from_it(installation: Vault) -> None:
    """The name is recorded, the media is not: the next attempt reads the object again under the media's own lease."""
    upload, share_id = send(installation)
    installation.catalog.links.record(upload.url, content_url(upload.digest.sha256), now=installation.clock())
    assert isinstance(installation.run(share_id, *STEPS)["place"], Media)
    assert content_of(installation) is not None


def test_an_expired_content_comes_back_with_the_next_upload(installation: Vault) -> None:
    """The same file sent again after its media has expired is read from its own object."""
    _, first = send(installation)
    installation.place_on(Backend.S3)
    installation.run(first, *STEPS)
    media = content_of(installation)
    assert media is not None
    installation.s3.objects.clear()
    with installation.work("clean-up").lease(media.media_id):
        installation.catalog.media.record_expired(media.media_id, [], owner="clean-up", now=installation.clock())
    installation.let_pass(days=9)
    _, second = send(installation)

    installation.run(second, *STEPS)

    again = content_of(installation)
    assert again is not None
    assert again.state is MediaState.STORED
    assert installation.clock() - (again.stored_at or installation.clock()) < timedelta(hours=1)
