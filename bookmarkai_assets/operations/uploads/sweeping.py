"""Remove uploaded objects that are done with, and what was never completed. Nothing that may still be needed.

Every deletion rests on evidence of the moment and is written to `tombstones` before it is done.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bookmarkai_assets.core.errors import CatalogUnavailableError, StoreError, UnknownShareError
from bookmarkai_assets.core.links.upload_urls import upload_id_of
from bookmarkai_assets.core.media.media import Media, MediaState, media_id_of
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import MediaStore, Tombstone
from bookmarkai_assets.core.shares.share import Share, ShareStatus
from bookmarkai_assets.core.uploads.keys import upload_id_of_key
from bookmarkai_assets.core.uploads.upload import LIFETIME, UNFINISHED, Upload, UploadStatus
from bookmarkai_assets.operations.shares.hold import Hold

logger = logging.getLogger(__name__)

KIND = "upload"
"""The kind on the tombstones of uploaded objects."""

UNKNOWN = "unknown"
"""Why an object is kept that no upload knows."""

_PAGE = 500
_LEFTOVERS_AFTER = LIFETIME + timedelta(hours=1)
"""A multipart upload that is older has an owner who may not go on with it."""


@dataclass(frozen=True)
class SweptUpload:
    """What became of one object, or of an upload without one. If neither is set, it failed and `detail` says why."""

    url: str
    size_bytes: int
    removed: str | None = None
    kept: str | None = None
    detail: str | None = None


def sweep_uploads(hold: Hold, *, is_dry_run: bool = False) -> Iterator[SweptUpload]:
    """Remove what is done with, and yield what was removed or kept. Without a bucket there is nothing.

    Uploads that nothing arrived for in time are abandoned first. One whose object is there is kept for whoever takes it
    in. A failure of one does not stop the others.
    """
    if Backend.S3 not in hold.stores:
        return
    store = hold.stores[Backend.S3]
    try:
        yield from _abandon(hold, store, is_dry_run=is_dry_run)
        for upload in _ended(hold):
            yield from _sweep_one(hold, store, upload, is_dry_run=is_dry_run)
        yield from _sweep_strangers(hold, store, is_dry_run=is_dry_run)
        yield from _sweep_leftovers(hold, store, is_dry_run=is_dry_run)
    except (StoreError, CatalogUnavailableError) as error:
        yield SweptUpload(f"uploads in {store.backend}", 0, detail=str(error))


def release_uploaded(hold: Hold, upload: Upload) -> bool:
    """Remove the object of an upload whose media is stored. Return whether it was. Raises `StoreError`."""
    reason = _reason_to_remove(hold, upload)
    if reason is None:
        return False
    _remove(hold, hold.stores[Backend.S3], upload, reason)
    return True


def release_after_storing(hold: Hold, share: Share) -> None:
    """Remove what was uploaded for a share, because its media was just stored. What fails is left to the next sweep."""
    upload = hold.catalog.uploads.get(upload_id_of(share.url) or "")
    if upload is None or upload.removed_at is not None:
        return
    try:
        release_uploaded(hold, upload)
    except (StoreError, CatalogUnavailableError) as error:
        logger.warning("the uploaded object of share %s is left to the next clean-up: %s", share.share_id, error)


def _abandon(hold: Hold, store: MediaStore, *, is_dry_run: bool) -> Iterator[SweptUpload]:
    before, after = hold.clock() - LIFETIME, ""
    while page := hold.catalog.uploads.unfinished(created_before=before, after=after, limit=_PAGE):
        after = page[-1].upload_id
        for upload in page:
            url, size = store.url_of(upload.key), upload.digest.size_bytes
            if upload.status is UploadStatus.ARRIVED or any(store.list(upload.key)):
                yield SweptUpload(url, size, kept="not_taken_in")
                continue
            if not is_dry_run:
                hold.catalog.uploads.end(
                    upload.upload_id,
                    UploadStatus.ABANDONED,
                    reason=f"nothing arrived within {LIFETIME.total_seconds() / 3600:.0f} hours",
                    from_statuses={UploadStatus.AWAITING},
                    now=hold.clock(),
                )
            yield SweptUpload(url, 0, removed="abandoned")


def _ended(hold: Hold) -> Iterator[Upload]:
    after = ""
    while page := hold.catalog.uploads.unremoved(after=after, limit=_PAGE):
        after = page[-1].upload_id
        yield from page


def _sweep_one(hold: Hold, store: MediaStore, upload: Upload, *, is_dry_run: bool) -> Iterator[SweptUpload]:
    url, size = store.url_of(upload.key), upload.digest.size_bytes
    try:
        reason = _reason_to_remove(hold, upload)
        if reason is None:
            yield SweptUpload(url, size, kept="needed")
            return
        if not is_dry_run:
            _remove(hold, store, upload, reason)
        yield SweptUpload(url, size, removed=reason)
    except StoreError as error:
        yield SweptUpload(url, size, detail=str(error))


def _reason_to_remove(hold: Hold, upload: Upload) -> str | None:
    """Return why nobody needs an upload's object any more; None while somebody may. Raises `StoreError`."""
    if upload.status in UNFINISHED:
        return None
    is_old = upload.ended_at is not None and hold.clock() - upload.ended_at >= LIFETIME
    if upload.status is not UploadStatus.TAKEN_IN:
        # Its links may still be used for a while.
        return upload.status.value if is_old else None
    media = _media_of(hold, upload)
    if media is not None and media.state is MediaState.EXPIRED:
        return "expired"
    if media is not None and media.state is MediaState.STORED:
        # The media of the same bytes may have come from a site.
        return "stored" if media.video.digest == upload.digest and hold.stores.has(media.video) else None
    try:
        share = hold.catalog.shares.get(upload.share_id or "")
    except UnknownShareError:
        return "share_deleted" if is_old else None
    finished = hold.catalog.work.progress(share.share_id).finished_at
    is_parked = share.status == ShareStatus.ERROR and finished is not None
    return "share_failed" if is_parked and hold.clock() - (finished or hold.clock()) >= LIFETIME else None


def _media_of(hold: Hold, upload: Upload) -> Media | None:
    name = hold.catalog.links.get(upload.url)
    return None if name is None else hold.catalog.media.get(media_id_of(name))


def _remove(hold: Hold, store: MediaStore, upload: Upload, reason: str) -> None:
    media = _media_of(hold, upload)
    url = store.url_of(upload.key)
    if any(store.list(upload.key)):
        proof = {"status": upload.status.value, "media_url": media.video.url if media else None}
        _delete(hold, store, url, reason, proof, upload=upload, media_id=media.media_id if media else None)
    hold.catalog.uploads.record_removed(upload.upload_id, now=hold.clock())


def _sweep_strangers(hold: Hold, store: MediaStore, *, is_dry_run: bool) -> Iterator[SweptUpload]:
    """Remove old objects that came again after theirs was removed, by a link that was still good.

    What no upload knows is not touched: another installation may use the bucket, or the catalog may be an older one.
    The bucket's lifecycle rule deletes it.
    """
    prefix, before = hold.rules.upload_prefix, hold.clock() - LIFETIME
    for found in store.list(prefix):
        if found.modified_at >= before:
            continue
        upload_id = upload_id_of_key(prefix, found.key)
        upload = hold.catalog.uploads.get(upload_id) if upload_id else None
        if upload is None:
            yield SweptUpload(found.url, found.size_bytes, kept=UNKNOWN)
            continue
        if upload.removed_at is None:
            continue
        try:
            if not is_dry_run:
                _delete(
                    hold, store, found.url, "sent_again", {"modified_at": found.modified_at.isoformat()}, upload=upload
                )
            yield SweptUpload(found.url, found.size_bytes, removed="sent_again")
        except StoreError as error:
            yield SweptUpload(found.url, found.size_bytes, detail=str(error))


def _sweep_leftovers(hold: Hold, store: MediaStore, *, is_dry_run: bool) -> Iterator[SweptUpload]:
    before: datetime = hold.clock() - _LEFTOVERS_AFTER
    for leftover in store.leftovers(hold.rules.upload_prefix, begun_before=before):
        if not is_dry_run:
            _write_tombstone(hold, leftover.name, "abandoned", {"begun_at": leftover.begun_at.isoformat()})
            store.remove_leftover(leftover)
            hold.catalog.tombstones.confirm([leftover.name], now=hold.clock())
        yield SweptUpload(leftover.name, leftover.size_bytes or 0, removed="abandoned")


def _delete(
    hold: Hold,
    store: MediaStore,
    url: str,
    reason: str,
    proof: dict[str, str | None],
    *,
    upload: Upload | None = None,
    media_id: str | None = None,
) -> None:
    _write_tombstone(hold, url, reason, proof, upload=upload, media_id=media_id)
    store.delete(url)
    hold.catalog.tombstones.confirm([url], now=hold.clock())


def _write_tombstone(
    hold: Hold,
    url: str,
    reason: str,
    proof: dict[str, str | None],
    *,
    upload: Upload | None = None,
    media_id: str | None = None,
) -> None:
    hold.catalog.tombstones.write(
        [
            Tombstone(
                url=url,
                kind=KIND,
                media_id=media_id,
                share_id=upload.share_id if upload else None,
                size_bytes=upload.digest.size_bytes if upload else None,
                sha256=upload.digest.sha256 if upload else None,
                reason=reason,
                proof=proof,
                written_at=hold.clock(),
            )
        ]
    )
