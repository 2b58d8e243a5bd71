"""stored_media: put a staged media where the placement rule says, verify it, and record where it is.

A media that is stored already stays where it is in runs that the sensor launches. When a person materializes it again,
it goes where the current policy places it.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bookmarkai_assets.core.errors import ObjectNotFoundError, PostponedError, ReserveError, ShareFailedError
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Media, MediaState, Part
from bookmarkai_assets.core.media.placement import Decider, Placement, StoragePolicy, place, placed_by
from bookmarkai_assets.core.media.ports import StoredObject, ignore_bytes
from bookmarkai_assets.core.media.storage_events import Purpose
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.operations.media.relocating import as_placed, relocate
from bookmarkai_assets.operations.media.shadowing import put_shadow
from bookmarkai_assets.operations.media.transfers import MediaTransfers
from bookmarkai_assets.operations.rollout.current_policy import PlacementOverruledError, PolicyWatch, current_policy
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.steps import LeasedShare
from bookmarkai_assets.operations.shares.store_turns import require_disk
from bookmarkai_assets.operations.stores import Stores

_CHECK_ROOM_AGAIN_AFTER = timedelta(minutes=1)


def place_media(hold: Hold, leased: LeasedShare, media: Media) -> Media:
    """Put a media's parts where the policy says, verified, record the location, and return the new record.

    If the store fails, the share fails: nothing is put anywhere else instead. Raises `ShareFailedError` (media_missing,
    expired) when there are no bytes to place, `PostponedError` when the store is paused or the local disk has no room
    for a copy, and `StoreError`.
    """
    # Read again, under the lease: somebody may have moved or replaced the media since the step before.
    media = hold.catalog.media.get(leased.media_id) or media
    match media.state:
        case MediaState.STAGED:
            return _place_staged(hold, leased, media)
        case MediaState.STORED:
            return _move_or_keep(hold, leased, media)
        case MediaState.EXPIRED:
            # A share that is done has lost nothing; one that is not fetches the video again at its next attempt.
            outcome = Outcome.EXPIRED if leased.share.status == ShareStatus.DONE else Outcome.MEDIA_MISSING
            raise ShareFailedError(
                Failure(outcome, f"expected bytes to store, found that {media.video.url} was removed by rule")
            )


def confirm_media(stores: Stores, media: Media) -> list[Part]:
    """Check what was just put, as whoever reads it will find it. Return the parts that are not as recorded.

    A lost audio track is no failure, nor is a lost transcript's file: the sound is in the video. Raises
    `ShareFailedError` (media_missing) when the video is not there as recorded, and `StoreError`.
    """
    missing = stores.missing_parts(media)
    if media.video in missing:
        raise ShareFailedError(_missing(media))
    return missing


def _place_staged(hold: Hold, leased: LeasedShare, media: Media) -> Media:
    start = time.perf_counter()
    policy = current_policy(hold.catalog, hold.rules)
    try:
        placement, objects = _put(hold, leased, media, policy)
    except PlacementOverruledError as overruled:
        policy = overruled.policy
        placement, objects = _put(hold, leased, media, policy)
    placed = as_placed(media, placement, objects, now=hold.clock(), policy=hold.rules.retention)
    stored = replace(placed, upload_seconds=time.perf_counter() - start)
    hold.catalog.media.record_stored(stored, owner=hold.owner, now=hold.clock())
    # Only now is another copy on record, so only now may the staged one go.
    shutil.rmtree(hold.rules.staging_dir / media.media_id, ignore_errors=True)
    if policy.is_shadow and not placement.backend.is_remote:
        put_shadow(hold, stored, policy.remote)
    return stored


def _put(
    hold: Hold, leased: LeasedShare, media: Media, policy: StoragePolicy
) -> tuple[Placement, dict[PartKind, StoredObject]]:
    """Put the staged files where the policy says. Raises `PlacementOverruledError` when it changes meanwhile."""
    placement = place(policy, media.share_id)
    if not placement.backend.is_remote:
        require_disk(hold.catalog, hold.rules, now=hold.clock())
    store = hold.stores[placement.backend]
    transfers = MediaTransfers(hold, media, leased.share.share_id, Purpose.PLACE)
    on_bytes = _policy_watch(hold, media, placement)
    try:
        objects = {
            kind: transfers.put(part, Path(part.url), store, may_consume=True, on_bytes=on_bytes)
            for kind, part in media.parts.items()
        }
    except ObjectNotFoundError as error:
        raise ShareFailedError(Failure(Outcome.MEDIA_MISSING, str(error))) from error
    return placement, objects


def _policy_watch(hold: Hold, media: Media, placement: Placement) -> Callable[[int], object]:
    """Return a callback that ends a remote upload once the policy no longer wants it. Local puts are not watched."""
    if not placement.backend.is_remote or placement.decided_by is not Decider.POLICY:
        return ignore_bytes
    return PolicyWatch(
        lambda: current_policy(hold.catalog, hold.rules),
        lambda policy: place(policy, media.share_id).backend.is_remote,
    )


def _move_or_keep(hold: Hold, leased: LeasedShare, media: Media) -> Media:
    placement = _wanted_placement(hold, media)
    if placement is None:
        return media
    transfers = MediaTransfers(hold, media, leased.share.share_id, Purpose.MOVE)
    try:
        return relocate(transfers, placement, on_bytes=_policy_watch(hold, media, placement))
    except PlacementOverruledError:
        return _move_or_keep(hold, leased, media)
    except ObjectNotFoundError as error:
        raise ShareFailedError(_missing(media)) from error
    except ReserveError as error:
        if leased.share.status == ShareStatus.DONE:
            raise ShareFailedError(Failure(Outcome.STORAGE_FAILED, f"{error.error_class}: {error}")) from error
        raise PostponedError(str(error), until=hold.clock() + _CHECK_ROOM_AGAIN_AFTER) from error


def _wanted_placement(hold: Hold, media: Media) -> Placement | None:
    """Return where a stored media should be moved, or restored to; None to leave it where it is recorded."""
    stores, policy = hold.stores, current_policy(hold.catalog, hold.rules)
    if hold.claim_id is None:
        # A person materializes it. Only the target is checked: a rollback must not wait for the backend that it leaves.
        now = place(policy, media.share_id)
        if now.backend is not media.backend:
            return now
        missing = stores.missing_parts(media)
        # An audio track or a transcript's file that is lost everywhere cannot be restored.
        return now if media.video in missing or any(stores.has_elsewhere(part) for part in missing) else None
    # The sensor leaves a stored media where it is: a new share of an old video is no reason to move it.
    found = stores.backend_with_video(media)
    if found is None:
        raise ShareFailedError(_missing(media))
    if found is not media.backend:
        return placed_by(Decider.FOUND, policy, media.share_id, found)
    return None


def _missing(media: Media) -> Failure:
    return Failure(
        Outcome.MEDIA_MISSING,
        f"expected {media.video.size_bytes} bytes with the recorded SHA-256 at {media.video.url}, found none or "
        "others; materialize raw_video to fetch them again",
    )
