"""raw_video of an upload: read what was sent into staging, compare it with what was declared, and examine it.

The media is named by its content, once the bytes of this very upload had the declared SHA-256 (docs/adr/0041). Before
that, the share has nothing to do with any media that others have.
"""

import shutil
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bookmarkai_assets.core.downloads.ports import DownloadedVideo, Downloader, never_give_up
from bookmarkai_assets.core.errors import (
    ObjectNotFoundError,
    PostponedError,
    ShareFailedError,
    StoreError,
    StoreErrorClass,
)
from bookmarkai_assets.core.links.upload_urls import content_of, content_url, upload_id_of
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Digest, Media
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.storage_events import SITE, Operation, Purpose
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.core.uploads.upload import Upload
from bookmarkai_assets.operations.downloads.disk_room import require_room
from bookmarkai_assets.operations.downloads.fetched_media import FetchedMedia
from bookmarkai_assets.operations.downloads.fetching import expected_language, first_share, has_bytes, staged_media
from bookmarkai_assets.operations.downloads.run_patience import RunPatience
from bookmarkai_assets.operations.media.room import unwritable
from bookmarkai_assets.operations.media.transfers import recorded_transfer
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.steps import LeasedShare, continue_as
from bookmarkai_assets.operations.shares.store_turns import record_trial, require_disk, require_store
from bookmarkai_assets.operations.stores import errors_of

_SENT = "sent"
"""The name of the file in staging until it was examined."""


def fetch_uploaded(hold: Hold, leased: LeasedShare, *, downloader: Downloader, patience: RunPatience) -> FetchedMedia:
    """Make the bytes of an upload available as its content's media and record where they are.

    Bytes that are verified to be there already, by this upload or another one, are not read again. Raises
    `ShareFailedError` (upload_unusable, or what the examination found), `StoreError` and `PostponedError`.
    """
    known = hold.catalog.media.get(leased.media_id)
    if known is not None and has_bytes(hold.stores, known):
        return FetchedMedia(leased.share, known, is_reused=True)
    upload = hold.catalog.uploads.get(upload_id_of(leased.share.url) or "")
    if upload is None:
        raise ShareFailedError(Failure(Outcome.UPLOAD_UNUSABLE, "expected an upload on record, found none"))
    return _Fetch(hold, upload, downloader, patience).media_of(leased, known)


@dataclass(frozen=True)
class _Fetch:
    hold: Hold
    upload: Upload
    downloader: Downloader
    patience: RunPatience

    def media_of(self, leased: LeasedShare, known: Media | None) -> FetchedMedia:
        """Read the upload's object, name its media, and stage it unless its bytes are there."""
        hold = self.hold
        require_disk(hold.catalog, hold.rules, now=hold.clock())
        require_room(hold.rules, now=hold.clock())
        hold.catalog.work.mark(leased.share.share_id, ShareStatus.FETCHING, owner=hold.owner, now=hold.clock())
        attempt = self._make_attempt(leased)
        try:
            sent = self._read(leased, attempt)
            if content_of(leased.canonical_url) is not None:
                return self._stage(leased, known, sent)
            return self._name_and_stage(leased, sent)
        except BaseException:
            shutil.rmtree(attempt.parent, ignore_errors=True)
            raise

    def _name_and_stage(self, leased: LeasedShare, sent: Path) -> FetchedMedia:
        """Go on under the media of the content. Only here has the upload shown that it has the bytes."""
        hold = self.hold
        name = hold.catalog.links.record(leased.share.url, self._name(), now=hold.clock())
        with continue_as(hold, leased, name) as named:
            found = hold.catalog.media.get(named.media_id)
            if found is None or not has_bytes(hold.stores, found):
                moved = self._make_attempt(named)
                file = sent.rename(moved / _SENT)
                shutil.rmtree(hold.rules.staging_dir / leased.media_id, ignore_errors=True)
                return self._stage(named, found, file)
            shutil.rmtree(hold.rules.staging_dir / leased.media_id, ignore_errors=True)
            hold.catalog.work.mark(named.share.share_id, ShareStatus.FETCHED, owner=hold.owner, now=hold.clock())
            return FetchedMedia(named.share, found, is_reused=True)

    def _make_attempt(self, leased: LeasedShare) -> Path:
        """Make an empty directory in staging. The lease is ours, so whatever is there was left by one that died."""
        home = self.hold.rules.staging_dir / leased.media_id
        shutil.rmtree(home, ignore_errors=True)
        attempt = home / uuid.uuid4().hex
        try:
            attempt.mkdir(parents=True)
        except OSError as error:
            raise unwritable(attempt, error) from error
        return attempt

    def _name(self) -> str:
        """Return the canonical URL of the media with these bytes: a stored one's, or their own."""
        stored = self.hold.catalog.media.stored_with(self.upload.digest)
        if stored is not None and has_bytes(self.hold.stores, stored):
            return stored.canonical_url
        return content_url(self.upload.digest.sha256)

    def _read(self, leased: LeasedShare, attempt: Path) -> Path:
        """Read the object into a file with exactly the declared bytes, and return the file.

        It is recorded as a fetch, and not as a store's transfer: what somebody sends must not count against the bucket
        in the rollout.
        """
        hold = self.hold
        is_trial = require_store(hold.catalog, hold.rules, Backend.S3, leased.media_id, now=hold.clock())
        with recorded_transfer(
            hold.catalog.events,
            hold.clock,
            operation=Operation.FETCH,
            purpose=Purpose.FETCH,
            backend=SITE,
            kind=PartKind.VIDEO,
            share_id=leased.share.share_id,
            media_id=leased.media_id,
            size_bytes=self.upload.digest.size_bytes,
        ):
            self._get(attempt / _SENT)
        if is_trial:
            record_trial(hold.catalog, Backend.S3, leased.media_id, now=hold.clock())
        return attempt / _SENT

    def _get(self, file: Path) -> None:
        store = self.hold.stores[Backend.S3]
        url = store.url_of(self.upload.key)
        for is_last in (False, True):
            try:
                with errors_of(store):
                    store.get(url, file, expected=self.upload.digest)
            except ObjectNotFoundError as error:
                raise self._unusable("expected the uploaded object in the bucket, found none") from error
            except StoreError as error:
                if error.error_class is not StoreErrorClass.CHECKSUM:
                    raise
                # Once, bytes may have changed on the way. Twice, they are others.
                if is_last:
                    raise self._unusable(
                        f"the bytes in the bucket are not those that were declared: {error}"
                    ) from error
            else:
                return

    def _stage(self, leased: LeasedShare, known: Media | None, file: Path) -> FetchedMedia:
        """Examine the file and record what it is. It stays in staging, in the directory of its media."""
        hold = self.hold
        try:
            video = self._examine(leased, file)
            media = staged_media(leased, video, first_share(hold, leased, known), prefix=hold.rules.video_prefix)
            hold.catalog.media.record_staged(media, owner=hold.owner, now=hold.clock())
        except BaseException:
            shutil.rmtree(file.parent.parent, ignore_errors=True)
            raise
        hold.catalog.work.mark(leased.share.share_id, ShareStatus.FETCHED, owner=hold.owner, now=hold.clock())
        sound = next((one for one in video.sounds if one.index == video.sound_index), None)
        return FetchedMedia(leased.share, media, is_reused=False, sounds=video.sounds, sound=sound)

    def _examine(self, leased: LeasedShare, file: Path) -> DownloadedVideo:
        """Examine the file behind walls, but give up once the other shares of the run wait for nothing else."""
        hold = self.hold
        with self.patience.download() as running:
            is_done = leased.share.status == ShareStatus.DONE
            result = self.downloader.examine(
                file,
                hold.rules.limits,
                language=expected_language(hold, leased.share.share_id),
                give_up=never_give_up if is_done else partial(self.patience.has_run_out, running),
            )
            running.is_video = isinstance(result, DownloadedVideo)
        if isinstance(result, DownloadedVideo):
            _require_same(result, self.upload.digest)
            return result
        if running.is_given_up and result.outcome is Outcome.TIMED_OUT:
            why = "the others of its run waited for it, so it is given a run of its own"
            raise PostponedError(f"{result.reason}: {why}", until=hold.clock(), alone=True)
        if result.outcome is Outcome.CORRUPT:
            # The bytes are those that were declared, so another attempt would find the same.
            raise self._unusable(result.reason)
        raise ShareFailedError(result)

    def _unusable(self, reason: str) -> ShareFailedError:
        return ShareFailedError(Failure(Outcome.UPLOAD_UNUSABLE, reason))


def _require_same(video: DownloadedVideo, declared: Digest) -> None:
    """Compare what the examination says of the file with what was read. It has read hostile bytes in between."""
    if video.video.digest != declared:
        reason = "the examination's process named other bytes than those that it was given"
        raise ShareFailedError(Failure(Outcome.DOWNLOAD_FAILED, reason))
