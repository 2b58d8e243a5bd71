"""Make transcripts' files from the catalog, for media that have none or whose files were lost.

Media are worked on in parallel, each under its lease. If one fails, the others go on. The command can be repeated.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import TypeAlias

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import (
    CatalogUnavailableError,
    ExportError,
    LeaseLostError,
    StoreError,
    UnknownShareError,
)
from bookmarkai_assets.core.media.media import Media, MediaState
from bookmarkai_assets.core.transcripts.json_document import SharedTranscript
from bookmarkai_assets.operations.media.catalog_reads import all_media
from bookmarkai_assets.operations.media.in_parallel import act_in_parallel
from bookmarkai_assets.operations.media.results import MediaResult
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.transcripts.files import put_transcript_files, rendered_files, with_files
from bookmarkai_assets.operations.transcripts.reads import shared_transcript


class StoringOutcome(StrEnum):
    """What became of the files of one media's transcript."""

    STORED = "stored"
    THERE = "already_there"
    LEASED = "leased"
    NOT_STORED = "not_stored"
    EXPIRED = "expired"
    FAILED = "failed"

    @property
    def is_done(self) -> bool:
        """Whether the files are there, or are not needed because the video was deleted by rule."""
        return self in {StoringOutcome.STORED, StoringOutcome.THERE, StoringOutcome.EXPIRED}


Storing: TypeAlias = MediaResult[StoringOutcome]
"""The result for one media's files. `size_bytes` counts the files alone."""


def media_without_files(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Yield each stored media that has a transcript and no files on record, with the share of its newest transcript."""
    for media in all_media(catalog):
        if media.state is MediaState.STORED and not media.transcript_files:
            share_id = catalog.transcripts.latest_of_media(media.media_id)
            if share_id is not None:
                yield media.media_id, share_id


def preview_storing(hold: Hold, media_id: str, share_id: str) -> Storing:
    """Return what `store_transcript_files` would do with a media as it is now."""
    return _store(hold, media_id, share_id, is_dry_run=True)


def store_transcript_files(
    hold: Hold,
    wanted: Mapping[str, str],
    *,
    workers: int = 1,
    on_done: Callable[[Storing], object] = lambda _: None,
) -> list[Storing]:
    """Put the files of transcripts beside their media, `workers` at a time.

    `wanted` names a share for each media. That share's transcript is used, or the media's newest if it has none. Files
    that are on record and where they should be, byte for byte, are left alone. `on_done` is called with each result, in
    this thread. When the process is told to stop, the transfers under way are ended and the exception is raised.
    """
    return act_in_parallel(
        hold,
        partial(_store_under_lease, hold, wanted),
        list(wanted),
        workers=workers,
        on_done=on_done,
    )


def _store_under_lease(hold: Hold, wanted: Mapping[str, str], media_id: str) -> Storing:
    with hold.lease(media_id) as is_ours:
        if not is_ours:
            return Storing(media_id, wanted[media_id], StoringOutcome.LEASED)
        return _store(hold, media_id, wanted[media_id], is_dry_run=False)


def _store(hold: Hold, media_id: str, share_id: str, *, is_dry_run: bool) -> Storing:
    start = time.perf_counter()
    try:
        media = hold.catalog.media.get(media_id)
        if media is None or media.state is MediaState.STAGED:
            return Storing(media_id, share_id, StoringOutcome.NOT_STORED)
        if media.state is MediaState.EXPIRED:
            return Storing(media_id, share_id, StoringOutcome.EXPIRED)
        shared = _transcript(hold.catalog, media_id, share_id)
        outcome, media = _put_missing_files(hold, media, shared, is_dry_run=is_dry_run)
    except (StoreError, LeaseLostError, CatalogUnavailableError, ExportError, UnknownShareError) as error:
        return Storing(
            media_id,
            share_id,
            StoringOutcome.FAILED,
            seconds=time.perf_counter() - start,
            detail=str(error),
        )
    size = sum(part.size_bytes for part in media.transcript_files.values())
    return Storing(media_id, shared.share_id, outcome, size, time.perf_counter() - start)


def _transcript(catalog: Catalog, media_id: str, share_id: str) -> SharedTranscript:
    """Read the share's transcript, or the media's newest if the share has none. Raises `ExportError`."""
    if catalog.transcripts.get(share_id) is None:
        share_id = catalog.transcripts.latest_of_media(media_id) or share_id
    return shared_transcript(catalog, share_id)


def _put_missing_files(
    hold: Hold, media: Media, shared: SharedTranscript, *, is_dry_run: bool
) -> tuple[StoringOutcome, Media]:
    with_all = with_files(hold, media, rendered_files(shared))
    if with_all == media:
        if all(hold.stores.has(part) for part in media.transcript_files.values()):
            return StoringOutcome.THERE, media
        media = replace(media, transcript_files={})
        if not is_dry_run:
            # While these files are on record, a put may not replace what is at their URLs.
            hold.catalog.media.record_transcript_files(media, owner=hold.owner, now=hold.clock())
    if is_dry_run:
        return StoringOutcome.STORED, with_all
    put = put_transcript_files(hold, media, shared)
    hold.catalog.media.record_transcript_files(put, owner=hold.owner, now=hold.clock())
    return StoringOutcome.STORED, put
