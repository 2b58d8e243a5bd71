"""Beginning uploads: what is resumed, what needs no bytes, and what nobody is told."""

from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest

from bookmarkai_assets.core.links.upload_urls import content_url
from bookmarkai_assets.core.media.media import Digest, media_id_of
from bookmarkai_assets.core.uploads.parts import AT_ONCE_BYTES
from bookmarkai_assets.core.uploads.upload import Declaration, Upload, UploadStatus
from bookmarkai_assets.operations.uploads.arrivals import Arrival, TakenIn, take_in
from bookmarkai_assets.operations.uploads.beginning import (
    BegunUpload,
    Method,
    begin_upload,
    complete_upload,
    form_of,
    give_up_upload,
    method_of,
)
from tests.fakes.stores import FakeObject
from tests.fakes.uploads import FakeUploads
from tests.plugins.vault import Vault
from tests.support.catalog import USER
from tests.support.uploads import DATA, new_upload

OTHER_USER = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def bucket() -> FakeUploads:
    """Return an empty bucket."""
    return FakeUploads()


def begin(
    vault: Vault,
    bucket: FakeUploads,
    data: bytes = DATA,
    *,
    user_id: str = USER,
    method: Method | None = None,
    declared: Declaration | None = None,
) -> BegunUpload:
    """Begin an upload of these bytes."""
    return begin_upload(
        vault.catalog,
        bucket,
        declared or new_upload(data).declared,
        user_id=user_id,
        method=method,
        new_id=lambda: str(uuid4()),
        now=vault.clock(),
    )


def take_in_and_store(vault: Vault, bucket: FakeUploads, upload: Upload) -> str:
    """Have an upload arrive and go through the pipeline. Return its share's id."""
    vault.downloader.serve_file(DATA)
    bucket.arrive(upload, DATA)
    vault.s3.objects[vault.s3.url_of(upload.key)] = FakeObject(DATA, "video/mp4")
    share_id = take_in(vault.catalog, bucket, upload.upload_id, now=vault.clock()).share_id
    assert share_id is not None
    vault.run(share_id, "fetch", "place", "transcribe")
    return share_id


@pytest.mark.parametrize(
    ("size_bytes", "method"),
    [(1, Method.FORM), (AT_ONCE_BYTES, Method.FORM), (AT_ONCE_BYTES + 1, Method.PARTS), (6 << 30, Method.PARTS)],
)
def test_the_size_decides_how_a_file_is_sent(
    vault: Vault, bucket: FakeUploads, size_bytes: int, method: Method
) -> None:
    """Unless the owner does. What is too large for one request is never sent so."""
    declared = Declaration("a.mp4", "video/mp4", Digest(size_bytes, "ab" * 32))
    assert method_of(begin(vault, bucket, declared=declared).upload) is method
    asked = begin(vault, bucket, declared=declared, method=Method.FORM).upload
    assert method_of(asked) is (Method.FORM if size_bytes <= 5 << 30 else Method.PARTS)


def test_the_same_file_goes_on_with_the_same_upload(vault: Vault, bucket: FakeUploads) -> None:
    """For its owner, while it is awaited. Another file or another owner begins another one."""
    first = begin(vault, bucket, method=Method.PARTS)
    again = begin(vault, bucket, method=Method.PARTS)
    assert (first.is_new, again) == (True, BegunUpload(first.upload, is_new=False))
    for other in (begin(vault, bucket, b"other"), begin(vault, bucket, user_id=OTHER_USER)):
        assert other.is_new


def test_an_upload_whose_time_is_over_is_not_gone_on_with(vault: Vault, bucket: FakeUploads) -> None:
    """It is about to be swept."""
    first = begin(vault, bucket)
    vault.let_pass(hours=25)
    assert begin(vault, bucket).upload.upload_id != first.upload.upload_id


def test_an_upload_whose_parts_were_dropped_begins_again(vault: Vault, bucket: FakeUploads) -> None:
    """A bucket's own rule for incomplete uploads may have removed them."""
    first = begin(vault, bucket, method=Method.PARTS)
    bucket.multiparts.clear()
    assert begin(vault, bucket, method=Method.PARTS).upload.upload_id != first.upload.upload_id


def test_what_its_owner_has_stored_needs_no_bytes(vault: Vault, bucket: FakeUploads) -> None:
    """The upload is returned with its share, because this user has shown the bytes before."""
    first = begin(vault, bucket).upload
    share_id = take_in_and_store(vault, bucket, first)
    again = begin(vault, bucket)
    assert (again.is_new, again.upload.upload_id, again.upload.share_id) == (False, first.upload_id, share_id)
    assert form_of(bucket, again.upload, now=vault.clock()) is None


def test_what_another_has_stored_is_not_told(vault: Vault, bucket: FakeUploads) -> None:
    """A hash alone gives nobody anything, not even the knowledge that somebody has the file."""
    take_in_and_store(vault, bucket, begin(vault, bucket).upload)
    stranger = begin(vault, bucket, user_id=OTHER_USER)
    assert stranger.is_new
    assert stranger.upload.status is UploadStatus.AWAITING


def test_a_file_that_is_being_worked_on_needs_no_bytes(vault: Vault, bucket: FakeUploads) -> None:
    """Sent twice in a row, it is one share."""
    first = begin(vault, bucket).upload
    bucket.arrive(first, DATA)
    share_id = take_in(vault.catalog, bucket, first.upload_id, now=vault.clock()).share_id
    again = begin(vault, bucket)
    assert (again.is_new, again.upload.upload_id, again.upload.share_id) == (False, first.upload_id, share_id)


def test_a_hash_that_was_only_declared_needs_bytes(vault: Vault, bucket: FakeUploads) -> None:
    """After other bytes came for it, its share has failed, and the right ones can be sent."""
    first = begin(vault, bucket).upload
    bucket.arrive(first, DATA)
    vault.s3.objects[vault.s3.url_of(first.key)] = FakeObject(b"?" * len(DATA), "video/mp4")
    share_id = take_in(vault.catalog, bucket, first.upload_id, now=vault.clock()).share_id
    vault.run(share_id or "", "fetch")
    assert vault.catalog.media.get(media_id_of(content_url(first.digest.sha256))) is None
    assert begin(vault, bucket).is_new


def test_parts_are_completed_once_all_are_there(vault: Vault, bucket: FakeUploads) -> None:
    """Missing parts, and those of another size, are named. Completing again makes no second share."""
    data = bytes((16 << 20) + 3)
    upload = begin(vault, bucket, data, method=Method.PARTS).upload
    complete = partial(complete_upload, vault.catalog, bucket, upload, now=vault.clock())
    assert complete() == (1, 2)
    bucket.send_bytes(upload, 1, data[: 16 << 20])
    bucket.send_bytes(upload, 2, b"four")
    assert complete() == (2,)
    bucket.send_bytes(upload, 2, b"\x00" * 3)

    first, again = complete(), complete()

    assert isinstance(first, TakenIn)
    assert isinstance(again, TakenIn)
    assert (first.arrival, again.arrival, again.share_id) == (Arrival.TAKEN_IN, Arrival.KNOWN, first.share_id)


def test_an_abort_and_an_arrival_do_not_both_win(vault: Vault, bucket: FakeUploads) -> None:
    """What was given up gets no share, and what has one is not given up."""
    upload = begin(vault, bucket).upload
    bucket.arrive(upload, DATA)
    give_up = partial(give_up_upload, vault.catalog, bucket, upload, now=vault.clock())
    assert give_up().arrival is Arrival.ABANDONED
    assert take_in(vault.catalog, bucket, upload.upload_id, now=vault.clock()).arrival is Arrival.ABANDONED

    other = begin(vault, bucket, user_id=OTHER_USER).upload
    bucket.arrive(other, DATA)
    made = take_in(vault.catalog, bucket, other.upload_id, now=vault.clock())
    found = give_up_upload(vault.catalog, bucket, other, now=vault.clock())
    assert (found.arrival, found.share_id) == (Arrival.KNOWN, made.share_id)


def test_giving_up_drops_the_parts(vault: Vault, bucket: FakeUploads) -> None:
    """They cost money until then."""
    upload = begin(vault, bucket, method=Method.PARTS).upload
    assert bucket.multiparts
    give_up_upload(vault.catalog, bucket, upload, now=vault.clock())
    assert not bucket.multiparts


def test_a_form_expires(vault: Vault, bucket: FakeUploads) -> None:
    """Within the hour."""
    upload = begin(vault, bucket).upload
    form = form_of(bucket, upload, now=vault.clock())
    assert form is not None
    assert timedelta(minutes=59) < form.expires_at - vault.clock() <= timedelta(hours=1)
