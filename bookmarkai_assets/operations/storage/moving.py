"""Stored media moved between backends for an operator: many at a time, each under its lease, a failing one stops none.

How one is brought there is `relocating`. The source goes later, by clean-up, which proves the copy once more. Every
step can be repeated.
"""

import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from typing import TypeAlias

from bookmarkai_assets.core.errors import (
    CatalogUnavailableError,
    LeaseLostError,
    StoreError,
)
from bookmarkai_assets.core.media.media import Media, MediaState
from bookmarkai_assets.core.media.placement import Backend, Decider, decided
from bookmarkai_assets.operations.media.holding import MediaWork, side_by_side
from bookmarkai_assets.operations.media.relocating import relocate
from bookmarkai_assets.operations.media.results import MediaResult
from bookmarkai_assets.operations.media.stores import is_elsewhere, missing_parts, store_of_backend
from bookmarkai_assets.operations.rollout.current_policy import current_policy


class MoveOutcome(StrEnum):
    """How it went with one media."""

    MOVED = "moved"
    THERE = "already_there"
    LEASED = "leased"
    NOT_STORED = "not_stored"
    EXPIRED = "expired"
    FAILED = "failed"

    @property
    def is_done(self) -> bool:
        """Whether the media is where it was wanted, or has no bytes to move."""
        return self in {MoveOutcome.MOVED, MoveOutcome.THERE, MoveOutcome.EXPIRED}


Move: TypeAlias = MediaResult[MoveOutcome]
"""One media's move: `size_bytes` is what the media holds."""


def planned_move(work: MediaWork, media: Media, target: Backend) -> Move:
    """Say what a move would do with a media as it is now. Raises `StoreError` when a store does not answer."""
    outcome = _what_is_left_to_do(work, media, target)
    return Move(media.media_id, media.share_id, outcome or MoveOutcome.MOVED, media.size_bytes)


def move_media(
    work: MediaWork,
    media_ids: Sequence[str],
    target: Backend,
    *,
    workers: int = 1,
    on_move: Callable[[Move], object] = lambda _: None,
    on_bytes: Callable[[str, int], object] = lambda _media_id, _size_bytes: None,
) -> list[Move]:
    """Move media to a backend, `workers` at a time, each under its lease; a failing one stops no other.

    `on_move` is called in this thread as each ends; `on_bytes` in the threads that move, with the media's id and how
    many bytes more have been copied. Told to stop, it ends the transfers under way and raises.
    """
    store_of_backend(work.stores, target)
    return side_by_side(work, partial(_move_one, work, target, on_bytes), media_ids, workers=workers, on_done=on_move)


def _move_one(work: MediaWork, target: Backend, on_bytes: Callable[[str, int], object], media_id: str) -> Move:
    start = time.perf_counter()
    media: Media | None = None
    try:
        with work.leased(media_id) as is_ours:
            media = work.catalog.media.get(media_id)
            if media is None:
                return Move(media_id, None, MoveOutcome.FAILED, detail="expected a media on record, found none")
            if not is_ours:
                return Move(media_id, media.share_id, MoveOutcome.LEASED, media.size_bytes)
            outcome = _what_is_left_to_do(work, media, target)
            if outcome is None:
                _relocate_for_operator(work, media, target, on_bytes)
                outcome = MoveOutcome.MOVED
            return Move(media_id, media.share_id, outcome, media.size_bytes, time.perf_counter() - start)
    except (StoreError, LeaseLostError, CatalogUnavailableError) as error:
        return Move(
            media_id,
            media.share_id if media else None,
            MoveOutcome.FAILED,
            media.size_bytes if media else 0,
            time.perf_counter() - start,
            str(error),
        )


def _what_is_left_to_do(work: MediaWork, media: Media, target: Backend) -> MoveOutcome | None:
    """Give the outcome without a move, or None for a media that has to be moved.

    The record is no proof: what is not where it should be is brought there from wherever a copy is.
    """
    outcome = _without_moving(media, target)
    if outcome is MoveOutcome.THERE:
        missing = missing_parts(work.stores, media)
        if "video" in missing or any(is_elsewhere(work.stores, media, kind) for kind in missing):
            return None
    return outcome


def _without_moving(media: Media, target: Backend) -> MoveOutcome | None:
    """Give the outcome of a media that there is nothing to move of; None for one that has to be moved."""
    match media.state:
        case MediaState.STAGED:
            return MoveOutcome.NOT_STORED
        case MediaState.EXPIRED:
            return MoveOutcome.EXPIRED
        case MediaState.STORED:
            return MoveOutcome.THERE if media.backend is target else None


def _relocate_for_operator(
    work: MediaWork, media: Media, target: Backend, on_bytes: Callable[[str, int], object]
) -> None:
    relocate(
        media,
        decided(current_policy(work.catalog, work.rules), media.share_id, target, Decider.OPERATOR),
        share_id=media.share_id,
        owner=work.owner,
        catalog=work.catalog,
        rules=work.rules,
        stores=work.stores,
        clock=work.clock,
        on_bytes=partial(on_bytes, media.media_id),
    )
