"""Move stored media between backends for an operator, in parallel, each under its lease. If one fails, others go on.

Only a full disk ends it, because nothing else would fit there either. How one media is copied is in
`operations/media/relocating`. Clean-up removes the source later, after it has verified the copy once more. Every step
can be repeated.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from enum import StrEnum
from functools import partial
from typing import TypeAlias

from bookmarkai_assets.core.errors import (
    CatalogUnavailableError,
    LeaseLostError,
    ReserveError,
    StoreError,
    StoreErrorClass,
)
from bookmarkai_assets.core.media.media import Media, MediaState
from bookmarkai_assets.core.media.placement import Backend, Decider, placed_by
from bookmarkai_assets.core.media.storage_events import Purpose
from bookmarkai_assets.core.text import format_size
from bookmarkai_assets.operations.media.in_parallel import act_in_parallel
from bookmarkai_assets.operations.media.relocating import relocate
from bookmarkai_assets.operations.media.results import MediaResult
from bookmarkai_assets.operations.media.room import FreeBytes, free_bytes
from bookmarkai_assets.operations.media.transfers import MediaTransfers
from bookmarkai_assets.operations.rollout.current_policy import current_policy
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.storage.spool import SpooledListing


class MoveOutcome(StrEnum):
    """What became of one media."""

    MOVED = "moved"
    THERE = "already_there"
    LEASED = "leased"
    NOT_STORED = "not_stored"
    EXPIRED = "expired"
    NO_SPACE = "no_space"
    FAILED = "failed"

    @property
    def is_done(self) -> bool:
        """Whether the media is at the target, or has no bytes to move."""
        return self in {MoveOutcome.MOVED, MoveOutcome.THERE, MoveOutcome.EXPIRED}


_LEASED = "a run, or another command, is working on it; run this command again when it is done"

Move: TypeAlias = MediaResult[MoveOutcome]
"""The result of one media's move. `size_bytes` is the size of the media."""


def preview_move(hold: Hold, media: Media, target: Backend) -> Move:
    """Return what a move would do with a media as it is now. Raises `StoreError` when a store does not answer."""
    outcome = _what_is_left_to_do(hold, media, target)
    return Move(media.media_id, media.share_id, outcome or MoveOutcome.MOVED, media.size_bytes)


def move_media(
    hold: Hold,
    media_ids: Iterable[str],
    target: Backend,
    *,
    workers: int = 1,
    on_move: Callable[[Move], object] = lambda _: None,
    on_bytes: Callable[[str, int], object] = lambda _media_id, _size_bytes: None,
) -> list[Move]:
    """Move media to a backend, `workers` at a time, each under its lease. If one fails, the others go on.

    Without space for one, no other is begun: the results are then fewer than the media.

    `on_move` is called with each result, in this thread. `on_bytes` is called from the moving threads, with the media's
    id and the number of bytes just copied. When the process is told to stop, the transfers under way are ended and the
    exception is raised.
    """
    _ = hold.stores[target]  # raises before anything is moved if the target is not configured
    move_one = partial(_move_one, hold, target, on_bytes)
    return act_in_parallel(hold, move_one, media_ids, workers=workers, on_done=on_move, is_enough=_is_full)


def _is_full(move: Move) -> bool:
    return move.outcome is MoveOutcome.NO_SPACE


def require_room(hold: Hold, chosen: Iterable[Media], target: Backend, *, free: FreeBytes = free_bytes) -> None:
    """Check that the local disk has room for all that a move would copy there. Raises `ReserveError`.

    What has its size at the target already is not counted. `DOWNLOAD_MIN_FREE_BYTES` stays free.
    """
    if target is not Backend.LOCAL:
        return
    count, missing, needed = 0, 0, 0
    with closing(SpooledListing(hold.stores[target].list())) as listing:
        for media in chosen:
            if media.state is not MediaState.STORED or media.backend is target:
                continue
            for part in media.parts.values():
                count += 1
                found = listing.pop(part.key)
                if found is None or found.size_bytes != part.size_bytes:
                    missing, needed = missing + 1, needed + part.size_bytes
    reserve, available = hold.rules.min_free_bytes, free(hold.rules.staging_dir)
    if needed and available - needed < reserve:
        raise ReserveError(
            f"expected room for {format_size(needed)} ({missing} of {count} files) on the disk of "
            f"{hold.rules.staging_dir.parent} beside the {format_size(reserve)} of DOWNLOAD_MIN_FREE_BYTES, found "
            f"{format_size(available)} free; nothing was moved: free space there, or move fewer media at a time "
            "(--share, --older-than)"
        )


def _move_one(hold: Hold, target: Backend, on_bytes: Callable[[str, int], object], media_id: str) -> Move:
    start = time.perf_counter()
    media: Media | None = None
    try:
        with hold.lease(media_id) as is_ours:
            media = hold.catalog.media.get(media_id)
            if media is None:
                return Move(media_id, None, MoveOutcome.FAILED, detail="expected a media on record, found none")
            if not is_ours:
                return Move(media_id, media.share_id, MoveOutcome.LEASED, media.size_bytes, detail=_LEASED)
            outcome = _what_is_left_to_do(hold, media, target)
            if outcome is None:
                _relocate_for_operator(hold, media, target, on_bytes)
                outcome = MoveOutcome.MOVED
            return Move(media_id, media.share_id, outcome, media.size_bytes, time.perf_counter() - start)
    except (StoreError, LeaseLostError, CatalogUnavailableError) as error:
        is_full = isinstance(error, StoreError) and error.error_class is StoreErrorClass.NO_SPACE
        return Move(
            media_id,
            media.share_id if media else None,
            MoveOutcome.NO_SPACE if is_full else MoveOutcome.FAILED,
            media.size_bytes if media else 0,
            time.perf_counter() - start,
            str(error),
        )


def _what_is_left_to_do(hold: Hold, media: Media, target: Backend) -> MoveOutcome | None:
    """Return the outcome for a media that need not be moved, or None if it has to be.

    The record is no proof. Parts that are not at the target are brought there from wherever a copy is.
    """
    outcome = _outcome_by_record(media, target)
    if outcome is MoveOutcome.THERE:
        missing = hold.stores.missing_parts(media)
        if media.video in missing or any(hold.stores.has_elsewhere(part) for part in missing):
            return None
    return outcome


def _outcome_by_record(media: Media, target: Backend) -> MoveOutcome | None:
    """Return the outcome for a media that by its record need not be moved, or None if it has to be."""
    match media.state:
        case MediaState.STAGED:
            return MoveOutcome.NOT_STORED
        case MediaState.EXPIRED:
            return MoveOutcome.EXPIRED
        case MediaState.STORED:
            return MoveOutcome.THERE if media.backend is target else None


def _relocate_for_operator(hold: Hold, media: Media, target: Backend, on_bytes: Callable[[str, int], object]) -> None:
    policy = current_policy(hold.catalog, hold.rules)
    relocate(
        MediaTransfers(hold, media, media.share_id, Purpose.MOVE),
        placed_by(Decider.OPERATOR, policy, media.share_id, target),
        on_bytes=partial(on_bytes, media.media_id),
    )
