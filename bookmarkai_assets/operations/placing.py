"""stored_media: put a staged media where the placement rule says, verify it, and flip the catalog's pointer."""

import shutil
from dataclasses import replace
from pathlib import Path

from bookmarkai_assets.core.errors import ObjectNotFoundError, ShareFailedError
from bookmarkai_assets.core.media import Blob, Media, MediaState
from bookmarkai_assets.core.object_keys import audio_key
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.placement import place
from bookmarkai_assets.core.ports import MediaStore
from bookmarkai_assets.operations.share_work import LeasedShare, ShareWork
from bookmarkai_assets.operations.stores import Stores, is_stored, store_of_backend
from bookmarkai_assets.operations.transfers import recorded_transfer


def place_media(leased: LeasedShare, media: Media, *, work: ShareWork, stores: Stores) -> Media:
    """Give the media its place, once: put video and audio track, verified, then record the location.

    A media that is stored already keeps its recorded place, after a look that its bytes are there. A failure of the
    store is the share's failure: nothing is put anywhere else instead. Raises `ShareFailedError` (media_missing) when
    the bytes are gone, and `StoreError`.
    """
    if media.state is MediaState.STORED:
        return _confirmed(media, stores)
    placement = place(work.rules.storage, media.share_id)
    store = store_of_backend(stores, placement.backend)
    seconds = 0.0
    try:
        video, took = _put(leased, media, media.video, media.object_key, "video", work=work, store=store)
        seconds += took
        audio = None
        if media.audio is not None:
            key = audio_key(media.object_key, Path(media.audio.url).suffix.removeprefix("."))
            audio, took = _put(leased, media, media.audio, key, "audio", work=work, store=store)
            seconds += took
    except ObjectNotFoundError as error:
        raise ShareFailedError(Failure(Outcome.MEDIA_MISSING, str(error))) from error
    stored = replace(
        media, state=MediaState.STORED, video=video, audio=audio, placement=placement, upload_seconds=seconds
    )
    work.catalog.media.record_stored(stored, owner=work.owner, now=work.clock())
    # Only now does another copy exist on record, so only now may the staged one go.
    shutil.rmtree(work.rules.staging_dir / media.media_id, ignore_errors=True)
    return stored


def _put(
    leased: LeasedShare, media: Media, blob: Blob, key: str, kind: str, *, work: ShareWork, store: MediaStore
) -> tuple[Blob, float]:
    with recorded_transfer(
        work.catalog.events,
        work.clock,
        operation="put",
        backend=store.backend,
        kind=kind,
        share_id=leased.share.share_id,
        media_id=media.media_id,
        size_bytes=blob.digest.size_bytes,
    ) as transfer:
        stored = store.put(
            Path(blob.url),
            key,
            expected=blob.digest,
            content_type=blob.content_type,
            tags={"share-id": media.share_id, "media-id": media.media_id},
            may_replace=not work.catalog.media.acknowledges(store.url_of(key)),
        )
    return replace(blob, url=stored.url), transfer.seconds


def _confirmed(media: Media, stores: Stores) -> Media:
    if not is_stored(stores, media.video):
        raise ShareFailedError(
            Failure(
                Outcome.MEDIA_MISSING,
                f"expected {media.video.digest.size_bytes} bytes with the recorded SHA-256 at {media.video.url}, "
                "found none or others; materialize raw_video to fetch them again",
            )
        )
    return media
