"""Bring one stored media to another backend: copy, verify at the target, record it there. The source stays.

Which media, and how many at a time, is decided by the caller, who also holds the media's lease.
"""

import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from bookmarkai_assets.core.errors import ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Media, MediaState, Part
from bookmarkai_assets.core.media.placement import Backend, Placement
from bookmarkai_assets.core.media.ports import MediaStore, StoredObject, ignore_bytes
from bookmarkai_assets.core.media.retention import RetentionPolicy, lifecycle_end
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.media.room import room_for, unwritable
from bookmarkai_assets.operations.media.transfers import MediaTransfers
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.stores import errors_of, is_gone_or_damaged


def relocate(
    transfers: MediaTransfers, placement: Placement, *, on_bytes: Callable[[int], object] = ignore_bytes
) -> Media:
    """Bring a stored media to where `placement` says, record it there, and return the new record.

    Parts that are verified to be at the target already are not copied again. An audio track or a transcript's file that
    is missing everywhere, or damaged, stays recorded where it was: the sound can be read from the video, and the file
    can be made again. Copies to the local disk keep its reserve. Raises `ObjectNotFoundError` if the video is missing
    everywhere, `ReserveError`, other `StoreError`s and `LeaseLostError`. The record is then unchanged.
    """
    hold, media = transfers.hold, transfers.media
    target = hold.stores[placement.backend]
    start = time.perf_counter()
    objects: dict[PartKind, StoredObject] = {}
    for kind, part in media.parts.items():
        try:
            objects[kind] = _find_lasting(hold, media, part, target) or _copy(transfers, part, target, on_bytes)
        except StoreError as error:
            if kind is PartKind.VIDEO or not _is_lost(error, part, hold):
                raise
    placed = as_placed(media, placement, objects, now=hold.clock(), policy=hold.rules.retention)
    moved = replace(placed, upload_seconds=time.perf_counter() - start)
    hold.catalog.media.record_stored(moved, owner=hold.owner, now=hold.clock())
    return moved


def as_placed(
    media: Media,
    placement: Placement,
    objects: Mapping[PartKind, StoredObject],
    *,
    now: datetime,
    policy: RetentionPolicy,
) -> Media:
    """Return the media's record with its parts at these objects. It expires with the first of them."""
    ends = [
        found.expires_at or lifecycle_end(media.parts[kind].key, found.modified_at, policy.s3_days)
        for kind, found in objects.items()
        if placement.backend.is_remote
    ]
    parts = {
        kind: replace(part, url=objects[kind].url) if kind in objects else part for kind, part in media.parts.items()
    }
    return replace(
        media,
        state=MediaState.STORED,
        video=parts[PartKind.VIDEO],
        audio=parts.get(PartKind.AUDIO),
        transcript_files={kind: parts[kind] for kind in media.transcript_files},
        placement=placement,
        stored_at=now,
        expires_at=min((end for end in ends if end is not None), default=None),
    )


def _is_lost(error: StoreError, part: Part, hold: Hold) -> bool:
    """Whether the bytes are gone or damaged where they are recorded, rather than damaged on their way."""
    if error.error_class is not StoreErrorClass.CHECKSUM:
        return isinstance(error, ObjectNotFoundError)
    try:
        return hold.stores.read_digest(part.url) != part.digest
    except StoreError as again:
        if is_gone_or_damaged(again):
            return True
        raise


def _find_at(target: MediaStore, part: Part) -> StoredObject | None:
    try:
        with errors_of(target):
            found = target.head(target.url_of(part.key))
    except StoreError as error:
        if is_gone_or_damaged(error):
            # Where there are other bytes, the put decides whether it may replace them.
            return None
        raise
    return found if found.digest == part.digest else None


def _find_lasting(hold: Hold, media: Media, part: Part, target: MediaStore) -> StoredObject | None:
    """Return what is at the target already. An object that its bucket's rule is about to delete is removed instead."""
    found = _find_at(target, part)
    is_on_remote = media.backend is not None and media.backend.is_remote
    if found is None or not target.backend.is_remote or is_on_remote:
        return found
    retention, now = hold.rules.retention, hold.clock()
    end = found.expires_at or lifecycle_end(part.key, found.modified_at, retention.s3_days)
    if end is None or end > now + retention.grace or not hold.stores.has(part):
        return found
    target.delete(found.url)
    return None


def _copy(transfers: MediaTransfers, part: Part, target: MediaStore, on_bytes: Callable[[int], object]) -> StoredObject:
    """Copy a part from where it is recorded, or, if the bytes are lost there, from another backend that has them."""
    target_url = target.url_of(part.key)
    elsewhere = [url for url in transfers.hold.stores.urls_elsewhere(part) if url != target_url]
    for url in (part.url, *elsewhere):
        try:
            return _copy_from(transfers, replace(part, url=url), target, on_bytes)
        except ObjectNotFoundError:
            continue
    raise ObjectNotFoundError(f"expected the recorded {part.kind} at {part.url}, or a copy of it, found neither")


def _copy_from(
    transfers: MediaTransfers, part: Part, target: MediaStore, on_bytes: Callable[[int], object]
) -> StoredObject:
    if target.backend is not Backend.LOCAL:
        return _copy_through(transfers, part, target, on_bytes)
    with room_for(transfers.hold, part.size_bytes, on_bytes) as on_moved:
        return _copy_through(transfers, part, target, on_moved)


def _copy_through(
    transfers: MediaTransfers, part: Part, target: MediaStore, on_bytes: Callable[[int], object]
) -> StoredObject:
    """Copy a part from its URL, by way of a local file if it is on a remote backend."""
    if Backend.of_url(part.url) is Backend.LOCAL:
        return transfers.put(part, Path(part.url), target, may_consume=False, on_bytes=on_bytes)
    with _staging_for(transfers.media.media_id, transfers.hold.rules) as directory:
        fetched = directory / Path(part.url).name
        transfers.get(part, fetched, on_bytes=on_bytes)
        return transfers.put(part, fetched, target, may_consume=True)


@contextmanager
def _staging_for(media_id: str, rules: PipelineRules) -> Iterator[Path]:
    home = rules.staging_dir / media_id
    directory = home / uuid.uuid4().hex
    try:
        directory.mkdir(parents=True)
    except OSError as error:
        raise unwritable(directory, error) from error
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        with suppress(OSError):  # the media's next owner may be working beside it already
            home.rmdir()
