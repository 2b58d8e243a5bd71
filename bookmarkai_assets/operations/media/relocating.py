"""One stored media brought to another place: copied, verified at the target, recorded there; the source stays.

Which media, and how many at a time, is `moving`'s; the caller holds the media's lease.
"""

import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import (
    ObjectNotFoundError,
    StoreError,
    StoreErrorClass,
)
from bookmarkai_assets.core.media.media import Media, MediaState
from bookmarkai_assets.core.media.object_keys import key_of
from bookmarkai_assets.core.media.placement import Backend, Placement
from bookmarkai_assets.core.media.ports import MediaStore, StoredObject, untold
from bookmarkai_assets.core.media.retention import RetentionPolicy, lifecycle_end
from bookmarkai_assets.core.media.storage_events import Purpose
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.media.stores import (
    Stores,
    backend_of_url,
    digest_at,
    is_stored,
    store_of_backend,
    store_of_url,
)
from bookmarkai_assets.operations.media.transfers import MediaTransfers


def relocate(
    media: Media,
    placement: Placement,
    *,
    share_id: str,
    owner: str,
    catalog: Catalog,
    rules: PipelineRules,
    stores: Stores,
    clock: Callable[[], datetime],
    on_bytes: Callable[[int], object] = untold,
) -> Media:
    """Bring a stored media to where `placement` says and record it there; `owner` holds the media's lease.

    What is verified to be at the target already is not copied again. An audio track or a transcript's file that is
    nowhere to be found, or damaged where it lies, stays recorded where it was: the sound can be read from the video,
    and the file made anew. Raises
    `ObjectNotFoundError` when the video is nowhere, `StoreError` and `LeaseLostError`; the recorded place is then what
    it was.
    """
    target = store_of_backend(stores, placement.backend)
    transfers = MediaTransfers(catalog, clock, share_id, media, Purpose.MOVE)
    start = time.perf_counter()
    objects: dict[str, StoredObject] = {}
    for kind in media.blobs:
        try:
            objects[kind] = _lasting_at(target, media, kind, rules, stores, now=clock()) or _copied(
                transfers, kind, target, rules, stores, on_bytes
            )
        except StoreError as error:
            if kind == "video" or not _is_lost(error, media, kind, stores):
                raise
    placed = as_placed(media, placement, objects, now=clock(), policy=rules.retention)
    moved = replace(placed, upload_seconds=time.perf_counter() - start)
    catalog.media.record_stored(moved, owner=owner, now=clock())
    return moved


def as_placed(
    media: Media,
    placement: Placement,
    objects: Mapping[str, StoredObject],
    *,
    now: datetime,
    policy: RetentionPolicy,
) -> Media:
    """Give the media's record with what is stored of it at these objects; it expires with the first of them."""
    ends = [
        object_.expires_at or lifecycle_end(key_of(media, kind), object_.modified_at, policy.s3_days)
        for kind, object_ in objects.items()
        if placement.backend is Backend.S3
    ]
    return replace(
        media,
        state=MediaState.STORED,
        video=replace(media.video, url=objects["video"].url),
        audio=replace(media.audio, url=objects["audio"].url) if media.audio and "audio" in objects else media.audio,
        placement=placement,
        stored_at=now,
        expires_at=min((end for end in ends if end is not None), default=None),
        transcript_files={
            kind: replace(blob, url=objects[kind].url) if kind in objects else blob
            for kind, blob in media.transcript_files.items()
        },
    )


def _is_lost(error: StoreError, media: Media, kind: str, stores: Stores) -> bool:
    """Tell bytes that are gone, or damaged where they lie, from those that were damaged on their way."""
    if error.error_class is not StoreErrorClass.CHECKSUM:
        return isinstance(error, ObjectNotFoundError)
    blob = media.blobs[kind]
    try:
        return digest_at(store_of_url(stores, blob.url), blob.url) != blob.digest
    except StoreError as again:
        if isinstance(again, ObjectNotFoundError) or again.error_class is StoreErrorClass.CHECKSUM:
            return True
        raise


def _found_at(target: MediaStore, media: Media, kind: str) -> StoredObject | None:
    try:
        found = target.head(target.url_of(key_of(media, kind)))
    except ObjectNotFoundError:
        return None
    except StoreError as error:
        if error.error_class is not StoreErrorClass.CHECKSUM:
            raise
        # Something is there that is not ours; the put decides whether it may give way.
        return None
    return found if found.digest == media.blobs[kind].digest else None


def _lasting_at(
    target: MediaStore, media: Media, kind: str, rules: PipelineRules, stores: Stores, *, now: datetime
) -> StoredObject | None:
    """Give what is at the target already, unless the bucket's rule is about to delete it: that goes, to be put anew."""
    found = _found_at(target, media, kind)
    if found is None or target.backend is not Backend.S3 or media.backend is Backend.S3:
        return found
    end = found.expires_at or lifecycle_end(key_of(media, kind), found.modified_at, rules.retention.s3_days)
    if end is None or end > now + rules.retention.grace or not is_stored(stores, media.blobs[kind]):
        return found
    target.delete(found.url)
    return None


def _copied(
    transfers: MediaTransfers,
    kind: str,
    target: MediaStore,
    rules: PipelineRules,
    stores: Stores,
    on_bytes: Callable[[int], object],
) -> StoredObject:
    """Copy from the recorded place, or, where the bytes are lost, from another backend that has them still."""
    url = transfers.media.blobs[kind].url
    elsewhere = [store.url_of(key_of(transfers.media, kind)) for store in stores.values() if store is not target]
    for source_url in [url, *(other for other in elsewhere if other != url)]:
        try:
            return _copied_from(source_url, transfers, kind, target, rules, stores, on_bytes)
        except ObjectNotFoundError:
            continue
    raise ObjectNotFoundError(f"expected the recorded {kind} at {url}, or a copy of it, found neither")


def _copied_from(
    url: str,
    transfers: MediaTransfers,
    kind: str,
    target: MediaStore,
    rules: PipelineRules,
    stores: Stores,
    on_bytes: Callable[[int], object],
) -> StoredObject:
    if backend_of_url(url) is Backend.LOCAL:
        return transfers.put(kind, Path(url), target, may_consume=False, on_bytes=on_bytes)
    with _staging_for(transfers.media.media_id, rules) as directory:
        fetched = directory / Path(url).name
        transfers.get(kind, url, store_of_url(stores, url), fetched, on_bytes=on_bytes)
        return transfers.put(kind, fetched, target, may_consume=True)


@contextmanager
def _staging_for(media_id: str, rules: PipelineRules) -> Iterator[Path]:
    home = rules.staging_dir / media_id
    directory = home / uuid.uuid4().hex
    try:
        directory.mkdir(parents=True)
    except OSError as error:
        raise StoreError(
            StoreErrorClass.OTHER, f"expected to make the staging directory {directory}, found: {error}"
        ) from error
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        with suppress(OSError):  # somebody who holds the media now may be at work beside it
            home.rmdir()
