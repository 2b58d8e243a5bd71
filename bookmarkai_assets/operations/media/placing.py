"""stored_media: put a staged media where the placement rule says, verify it, and flip the catalog's pointer.

A media that is stored already stays where it is for what the sensor launches, and goes where today's rule places it
when a person materializes it again.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bookmarkai_assets.core.errors import ObjectNotFoundError, ShareFailedError
from bookmarkai_assets.core.media.media import Media, MediaState
from bookmarkai_assets.core.media.placement import Backend, Decider, Placement, StoragePolicy, decided, place
from bookmarkai_assets.core.media.ports import StoredObject, untold
from bookmarkai_assets.core.media.storage_events import Purpose
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.operations.media.relocating import as_placed, relocate
from bookmarkai_assets.operations.media.shadowing import put_shadow
from bookmarkai_assets.operations.media.stores import (
    Stores,
    backend_with,
    is_elsewhere,
    missing_parts,
    store_of_backend,
)
from bookmarkai_assets.operations.media.transfers import MediaTransfers
from bookmarkai_assets.operations.rollout.current_policy import PlacementOverruledError, PolicyWatch, current_policy
from bookmarkai_assets.operations.shares.share_work import LeasedShare, ShareWork


def place_media(leased: LeasedShare, media: Media, *, work: ShareWork, stores: Stores) -> Media:
    """Give the media its place: put video and audio track, verified, then record the location.

    A failure of the store is the share's failure: nothing is put anywhere else instead. Raises `ShareFailedError`
    (media_missing, expired) when there are no bytes to place, and `StoreError`.
    """
    # Read again, under the lease: since the handle was made, somebody may have moved or replaced what it names.
    media = work.catalog.media.get(leased.media_id) or media
    match media.state:
        case MediaState.STAGED:
            return _placed(leased, media, work=work, stores=stores)
        case MediaState.STORED:
            return _moved_or_kept(leased, media, work=work, stores=stores)
        case MediaState.EXPIRED:
            # A share that is done has lost nothing; one that is not has its next attempt fetch the video anew.
            outcome = Outcome.EXPIRED if leased.share.status == ShareStatus.DONE else Outcome.MEDIA_MISSING
            raise ShareFailedError(
                Failure(outcome, f"expected bytes to store, found that {media.video.url} was removed by rule")
            )


def confirm_media(media: Media, stores: Stores) -> list[str]:
    """Look at what was just put, from the side of whoever will read it; give the kinds that are not as recorded.

    A lost audio track is no failure, nor a lost file of the transcript: the video has the sound. Raises
    `ShareFailedError` (media_missing) when the video is not there as recorded, and `StoreError`.
    """
    wrong = missing_parts(stores, media)
    if "video" in wrong:
        raise ShareFailedError(_missing(media))
    return wrong


def _placed(leased: LeasedShare, media: Media, *, work: ShareWork, stores: Stores) -> Media:
    start = time.perf_counter()
    policy = current_policy(work.catalog, work.rules)
    try:
        placement, objects = _put(leased, media, policy, work=work, stores=stores)
    except PlacementOverruledError as overruled:
        policy = overruled.policy
        placement, objects = _put(leased, media, policy, work=work, stores=stores)
    placed = as_placed(media, placement, objects, now=work.clock(), policy=work.rules.retention)
    stored = replace(placed, upload_seconds=time.perf_counter() - start)
    work.catalog.media.record_stored(stored, owner=work.owner, now=work.clock())
    # Only now does another copy exist on record, so only now may the staged one go.
    shutil.rmtree(work.rules.staging_dir / media.media_id, ignore_errors=True)
    if policy.is_shadow and placement.backend is Backend.LOCAL:
        put_shadow(stored, work=work, stores=stores)
    return stored


def _put(
    leased: LeasedShare, media: Media, policy: StoragePolicy, *, work: ShareWork, stores: Stores
) -> tuple[Placement, dict[str, StoredObject]]:
    """Put the staged files where the policy says. Raises `PlacementOverruledError` when it changes meanwhile."""
    placement = place(policy, media.share_id)
    store = store_of_backend(stores, placement.backend)
    transfers = MediaTransfers(work.catalog, work.clock, leased.share.share_id, media, Purpose.PLACE)
    on_bytes = _watch_of(placement, media, work)
    try:
        objects = {
            kind: transfers.put(kind, Path(blob.url), store, may_consume=True, on_bytes=on_bytes)
            for kind, blob in media.blobs.items()
        }
    except ObjectNotFoundError as error:
        raise ShareFailedError(Failure(Outcome.MEDIA_MISSING, str(error))) from error
    return placement, objects


def _watch_of(placement: Placement, media: Media, work: ShareWork) -> Callable[[int], object]:
    """Give what ends an upload that the policy sends to S3 once it does not any more; what goes elsewhere goes on."""
    if placement.backend is not Backend.S3 or placement.decided_by is not Decider.POLICY:
        return untold
    return PolicyWatch(
        lambda: current_policy(work.catalog, work.rules),
        lambda policy: place(policy, media.share_id).backend is Backend.S3,
    )


def _moved_or_kept(leased: LeasedShare, media: Media, *, work: ShareWork, stores: Stores) -> Media:
    placement = _wanted_placement(media, work=work, stores=stores)
    if placement is None:
        return media
    try:
        return relocate(
            media,
            placement,
            share_id=leased.share.share_id,
            owner=work.owner,
            catalog=work.catalog,
            rules=work.rules,
            stores=stores,
            clock=work.clock,
            on_bytes=_watch_of(placement, media, work),
        )
    except PlacementOverruledError:
        return _moved_or_kept(leased, media, work=work, stores=stores)
    except ObjectNotFoundError as error:
        raise ShareFailedError(_missing(media)) from error


def _wanted_placement(media: Media, *, work: ShareWork, stores: Stores) -> Placement | None:
    """Say where a stored media should be brought, or brought back; None to leave it where it is recorded."""
    if work.claim_id is None:
        # A person's wish. The target alone is asked: a rollback must not wait for the backend that it leaves.
        today = place(current_policy(work.catalog, work.rules), media.share_id)
        if today.backend is not media.backend:
            return today
        missing = missing_parts(stores, media)
        # A track, or a transcript's file, that is lost everywhere is nothing to bring back.
        return today if "video" in missing or any(is_elsewhere(stores, media, kind) for kind in missing) else None
    # What the sensor launches keeps a stored media where it is: a new share of an old video is no wish to move it.
    found = backend_with(stores, media)
    if found is None:
        raise ShareFailedError(_missing(media))
    if found is not media.backend:
        return decided(current_policy(work.catalog, work.rules), media.share_id, found, Decider.FOUND)
    return None


def _missing(media: Media) -> Failure:
    return Failure(
        Outcome.MEDIA_MISSING,
        f"expected {media.video.digest.size_bytes} bytes with the recorded SHA-256 at {media.video.url}, found none or "
        "others; materialize raw_video to fetch them again",
    )
