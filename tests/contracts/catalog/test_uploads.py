"""The contract of `UploadLedger`, and of `MediaLedger` where bytes lead to a media, over SQLite and PostgreSQL."""

from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy.exc import IntegrityError

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.uploads.upload import UNFINISHED, UploadStatus
from tests.support.catalog import USER, at, lease, staged_media, store, stored_media, together
from tests.support.uploads import add_upload, new_upload

OTHER_USER = "22222222-2222-4222-8222-222222222222"
PLATFORM = "generic"


def test_an_upload_is_read_as_it_was_recorded(each_catalog: OpenCatalog) -> None:
    """Every field comes back, also a name that no database can store as it is."""
    upload = add_upload(each_catalog, name="a\x00b.mp4", multipart_id="m", part_bytes=5 << 20)
    stored = replace(upload, declared=replace(upload.declared, name="a\ufffdb.mp4"))
    assert each_catalog.uploads.get(upload.upload_id) == stored


@pytest.mark.parametrize("upload_id", ["", "no id", "11111111-1111-4111-8111-111111111111", "'; DROP TABLE uploads"])
def test_there_is_no_upload_of_another_id(each_catalog: OpenCatalog, upload_id: str) -> None:
    """Any text may be asked for."""
    add_upload(each_catalog)
    assert each_catalog.uploads.get(upload_id) is None


def test_a_users_uploads_of_a_content_are_found(each_catalog: OpenCatalog) -> None:
    """Only the user's own, only of this SHA-256, only with the statuses, newest first."""
    first, second = add_upload(each_catalog), add_upload(each_catalog, seconds=1)
    add_upload(each_catalog, user_id=OTHER_USER)
    add_upload(each_catalog, b"other bytes")
    add_upload(each_catalog, status=UploadStatus.ABANDONED)

    found = each_catalog.uploads.of_content(first.digest.sha256, user_id=USER, statuses=UNFINISHED)

    assert [upload.upload_id for upload in found] == [second.upload_id, first.upload_id]


def test_the_first_multipart_upload_stays(each_catalog: OpenCatalog) -> None:
    """Of two that begin one at once, the second is told of the first's."""
    upload = add_upload(each_catalog)
    ledger = each_catalog.uploads
    begun = together([partial(ledger.begin_parts, upload.upload_id, f"m{n}", part_bytes=5 << 20) for n in range(4)])

    found = ledger.get(upload.upload_id)
    assert found is not None
    assert {one and one.multipart_id for one in begun} == {found.multipart_id}
    assert found.part_bytes == 5 << 20


def test_parts_begin_only_of_what_is_awaited(each_catalog: OpenCatalog) -> None:
    """An ended upload takes no parts."""
    upload = add_upload(each_catalog, status=UploadStatus.ABANDONED)
    assert each_catalog.uploads.begin_parts(upload.upload_id, "m", part_bytes=5 << 20) is None


def test_an_arrived_upload_becomes_one_share(each_catalog: OpenCatalog) -> None:
    """The share has the upload's URN, owner and name, and the upload names the share."""
    upload = add_upload(each_catalog)
    assert each_catalog.uploads.record_arrived(upload.upload_id, now=at(1))

    made = each_catalog.uploads.take_in(upload.upload_id, platform=PLATFORM, now=at(2))

    assert made is not None
    share = each_catalog.shares.get(made.share_id)
    assert made.is_new
    assert (share.url, share.user_id, share.title) == (f"urn:bookmarkai:upload:{upload.upload_id}", USER, "holiday.mp4")
    assert (share.platform, share.status, share.created_at) == (PLATFORM, "pending", at(2))
    ended = each_catalog.uploads.get(upload.upload_id)
    assert ended == replace(
        upload, status=UploadStatus.TAKEN_IN, share_id=made.share_id, arrived_at=at(1), ended_at=at(2)
    )


def test_many_callers_make_one_share(each_catalog: OpenCatalog) -> None:
    """Exactly one is told that it was the one."""
    upload = add_upload(each_catalog)
    ledger = each_catalog.uploads

    def take_in() -> bool:
        ledger.record_arrived(upload.upload_id, now=at(1))
        made = ledger.take_in(upload.upload_id, platform=PLATFORM, now=at(2))
        assert made is not None
        return made.is_new

    assert sorted(together([take_in] * 6)) == [False] * 5 + [True]
    assert each_catalog.shares.count() == 1


@pytest.mark.parametrize("status", [UploadStatus.AWAITING, UploadStatus.REFUSED, UploadStatus.ABANDONED])
def test_only_what_has_arrived_becomes_a_share(each_catalog: OpenCatalog, status: UploadStatus) -> None:
    """In another status nothing is made and nothing changes."""
    upload = add_upload(each_catalog, status=status)
    assert each_catalog.uploads.take_in(upload.upload_id, platform=PLATFORM, now=at(1)) is None
    assert each_catalog.uploads.get(upload.upload_id) == upload
    assert each_catalog.shares.count() == 0


def test_a_deleted_share_is_not_made_again(each_catalog: OpenCatalog) -> None:
    """A late event returns the share that there was, whatever its user has done with it since."""
    upload = add_upload(each_catalog)
    each_catalog.uploads.record_arrived(upload.upload_id, now=at(1))
    made = each_catalog.uploads.take_in(upload.upload_id, platform=PLATFORM, now=at(2))
    assert made is not None
    with each_catalog.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM shares")

    assert each_catalog.uploads.take_in(upload.upload_id, platform=PLATFORM, now=at(3)) == replace(made, is_new=False)
    assert each_catalog.shares.count() == 0


def test_an_end_is_final(each_catalog: OpenCatalog) -> None:
    """Of an abort and an arrival, the second changes nothing."""
    upload = add_upload(each_catalog)
    ledger = each_catalog.uploads
    end = partial(ledger.end, upload.upload_id, UploadStatus.ABANDONED, from_statuses={UploadStatus.AWAITING})

    assert end(reason="its owner gave it up", now=at(1))
    assert not end(reason="again", now=at(2))
    assert not ledger.record_arrived(upload.upload_id, now=at(3))

    found = ledger.get(upload.upload_id)
    assert found == replace(upload, status=UploadStatus.ABANDONED, reason="its owner gave it up", ended_at=at(1))


def test_the_unfinished_are_listed_by_id(each_catalog: OpenCatalog) -> None:
    """In pages; those that ended or are younger are left out."""
    waiting = sorted(add_upload(each_catalog, seconds=n).upload_id for n in range(5))
    add_upload(each_catalog, seconds=100)
    add_upload(each_catalog, status=UploadStatus.TAKEN_IN)
    ledger = each_catalog.uploads

    first = ledger.unfinished(created_before=at(50), limit=3)
    rest = ledger.unfinished(created_before=at(50), after=first[-1].upload_id, limit=3)

    assert [upload.upload_id for upload in (*first, *rest)] == waiting


def test_what_is_removed_is_not_listed_again(each_catalog: OpenCatalog) -> None:
    """Ended uploads are listed until nothing of them is left. One that is still awaited cannot be marked."""
    awaited, ended = add_upload(each_catalog), add_upload(each_catalog, status=UploadStatus.REFUSED)
    ledger = each_catalog.uploads
    assert [upload.upload_id for upload in ledger.unremoved(limit=10)] == [ended.upload_id]

    for upload in (awaited, ended):
        ledger.record_removed(upload.upload_id, now=at(9))

    assert ledger.unremoved(limit=10) == []
    assert ledger.get(awaited.upload_id) == awaited
    assert ledger.get(ended.upload_id) == replace(ended, removed_at=at(9))


def test_two_uploads_do_not_share_an_id(each_catalog: OpenCatalog) -> None:
    """Each row is one upload: recording another under the same id fails."""
    upload = add_upload(each_catalog)
    with pytest.raises(IntegrityError):
        each_catalog.uploads.add(new_upload(upload_id=upload.upload_id))


def test_a_stored_media_is_found_by_its_bytes(each_catalog: OpenCatalog) -> None:
    """Only by both size and SHA-256, and not before it is stored."""
    staged = staged_media("media", "5f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11")
    digest = staged.video.digest
    lease(each_catalog, staged.media_id, "storing", 0)
    each_catalog.media.record_staged(staged, owner="storing", now=at(0))
    assert each_catalog.media.stored_with(digest) is None

    store(each_catalog, stored_media("media", staged.share_id))

    found = each_catalog.media.stored_with(digest)
    assert found is not None
    assert found.media_id == staged.media_id
    assert each_catalog.media.stored_with(replace(digest, size_bytes=1)) is None
    assert each_catalog.media.stored_with(Digest(digest.size_bytes, "0" * 64)) is None
