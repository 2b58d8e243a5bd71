"""raw_video: fetch a share's video into staging, once per media, unless its bytes are there already."""

import hashlib
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bookmarkai_assets.core.downloads.ports import DownloadedFile, DownloadedVideo, Downloader, Resolved, never_give_up
from bookmarkai_assets.core.errors import PostponedError, ShareFailedError, UnknownShareError
from bookmarkai_assets.core.links.canonical_urls import is_short
from bookmarkai_assets.core.links.upload_urls import is_of_upload
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Media, MediaState, Part
from bookmarkai_assets.core.media.object_keys import audio_key, video_key
from bookmarkai_assets.core.media.storage_events import SITE, Operation, Purpose
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.shares.share import Share, ShareStatus
from bookmarkai_assets.core.sites.breaker import site_of
from bookmarkai_assets.operations.downloads.disk_room import require_room
from bookmarkai_assets.operations.downloads.fetched_media import FetchedMedia
from bookmarkai_assets.operations.downloads.run_patience import RunPatience, run_patience
from bookmarkai_assets.operations.media.room import unwritable
from bookmarkai_assets.operations.media.transfers import recorded_transfer
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.steps import LeasedShare, continue_as
from bookmarkai_assets.operations.shares.store_turns import require_disk
from bookmarkai_assets.operations.sites.turns import error_for, wait_for_slot
from bookmarkai_assets.operations.stores import Stores


def fetch_media(
    hold: Hold, leased: LeasedShare, *, downloader: Downloader, patience: RunPatience | None = None
) -> FetchedMedia:
    """Make the bytes of a share's video available and record where they are.

    Bytes that are verified to be there (staged by an earlier attempt, or stored for another share of the same video)
    are not fetched again. A short link's video is a media under its own name, so that all links to it share it. Raises
    `ShareFailedError` with the downloader's outcome, and `PostponedError` when the `patience` of the share's run has
    run out: the share then gets a run of its own.
    """
    patience = patience or run_patience(hold.rules, shares=1)
    with patience.share():
        if is_of_upload(leased.canonical_url):
            from bookmarkai_assets.operations.downloads.uploaded import fetch_uploaded  # noqa: PLC0415 - few shares are uploads

            return fetch_uploaded(hold, leased, downloader=downloader, patience=patience)
        return _Fetch(hold, downloader, patience).media_of(leased)


@dataclass(frozen=True)
class _Fetch:
    """What fetching one share needs. Midway, its short link can turn out to stand for another media."""

    hold: Hold
    downloader: Downloader
    patience: RunPatience

    def media_of(self, leased: LeasedShare) -> FetchedMedia:
        """Return the share's media. It is fetched if no store and no staging directory has its bytes."""
        catalog = self.hold.catalog
        known = catalog.media.get(leased.media_id)
        if known is not None and has_bytes(self.hold.stores, known):
            catalog.sites.free_slot(leased.media_id, site=site_of(leased.canonical_url))
            return FetchedMedia(leased.share, known, is_reused=True)
        name = self._known_name(leased)
        if name is None:
            fetched = self._fetch(leased, known, leased.canonical_url)
            if isinstance(fetched, FetchedMedia):
                return fetched
            name = catalog.links.record(leased.canonical_url, fetched.canonical_url, now=self.hold.clock())
        if known is None and name != leased.canonical_url:
            catalog.sites.free_slot(leased.media_id)
            with continue_as(self.hold, leased, name) as named:
                return self.media_of(named)
        # A video recorded under its short link, before anybody followed the link, is fetched again for that media.
        fetched = self._fetch(leased, known, name)
        if isinstance(fetched, Resolved):
            reason = f"expected the video of {name}, found that the downloader takes it for a short link"
            raise ShareFailedError(Failure(Outcome.DOWNLOAD_FAILED, reason))
        return fetched

    def _known_name(self, leased: LeasedShare) -> str | None:
        """Return the canonical URL of a share's video; None for a short link that nobody has followed yet."""
        url = leased.canonical_url
        return self.hold.catalog.links.get(url) if is_short(url) else url

    def _fetch(self, leased: LeasedShare, known: Media | None, url: str) -> FetchedMedia | Resolved:
        """Fetch the video at a canonical URL into the share's media, or learn which video a short link stands for."""
        hold, catalog = self.hold, self.hold.catalog
        require_disk(catalog, hold.rules, now=hold.clock())
        require_room(hold.rules, now=hold.clock())
        wait_for_slot(
            catalog,
            hold.rules,
            canonical_url=leased.canonical_url,
            media_id=leased.media_id,
            clock=hold.clock,
            wait=hold.wait,
        )
        catalog.work.mark(leased.share.share_id, ShareStatus.FETCHING, owner=hold.owner, now=hold.clock())
        first = first_share(hold, leased, known)
        home = hold.rules.staging_dir / leased.media_id
        # The lease is ours, so whatever is here was left by an attempt that died.
        shutil.rmtree(home, ignore_errors=True)
        attempt = home / uuid.uuid4().hex
        try:
            attempt.mkdir(parents=True)
        except OSError as error:
            catalog.sites.free_slot(leased.media_id)
            raise unwritable(attempt, error) from error
        try:
            video = self._download_patiently(leased, url, attempt)
            catalog.sites.record_success(site_of(leased.canonical_url), leased.media_id, now=hold.clock())
            if isinstance(video, Resolved):
                shutil.rmtree(home, ignore_errors=True)
                return video
            media = staged_media(leased, video, first, prefix=hold.rules.video_prefix)
            catalog.media.record_staged(media, owner=hold.owner, now=hold.clock())
        except ShareFailedError as error:
            shutil.rmtree(home, ignore_errors=True)
            raise error_for(
                catalog,
                hold.rules,
                error.failure,
                canonical_url=leased.canonical_url,
                media_id=leased.media_id,
                now=hold.clock(),
            ) from error
        except PostponedError:
            shutil.rmtree(home, ignore_errors=True)
            catalog.sites.free_slot(leased.media_id)
            raise
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
        catalog.work.mark(leased.share.share_id, ShareStatus.FETCHED, owner=hold.owner, now=hold.clock())
        sound = next((one for one in video.sounds if one.index == video.sound_index), None)
        return FetchedMedia(leased.share, media, is_reused=False, sounds=video.sounds, sound=sound)

    def _download_patiently(self, leased: LeasedShare, url: str, directory: Path) -> DownloadedVideo | Resolved:
        """Download, but give up once the run is told to end, or its other shares wait for nothing else."""
        with self.patience.download() as running:
            # If a finished share were postponed, nothing would take it up again: it was only to be fetched once more.
            is_done = leased.share.status == ShareStatus.DONE
            has_run_out = never_give_up if is_done else partial(self.patience.has_run_out, running)
            try:
                result = self._download(leased, url, directory, lambda: self.hold.stopping.is_set() or has_run_out())
            except ShareFailedError as error:
                if error.failure.outcome is Outcome.TIMED_OUT:
                    self.hold.wait(0)  # if the run was told to end, the share is due at once and has not failed
                if running.is_given_up and error.failure.outcome is Outcome.TIMED_OUT:
                    why = "the others of its run waited for it, so it is given a run of its own"
                    reason = f"{error.failure.reason}: {why}"
                    raise PostponedError(reason, until=self.hold.clock(), alone=True) from error
                raise
            running.is_video = isinstance(result, DownloadedVideo)
            return result

    def _download(
        self, leased: LeasedShare, url: str, directory: Path, give_up: Callable[[], bool]
    ) -> DownloadedVideo | Resolved:
        with recorded_transfer(
            self.hold.catalog.events,
            self.hold.clock,
            operation=Operation.FETCH,
            purpose=Purpose.FETCH,
            backend=SITE,
            kind=PartKind.VIDEO,
            share_id=leased.share.share_id,
            media_id=leased.media_id,
        ) as transfer:
            sites, site = self.hold.catalog.sites, site_of(leased.canonical_url)
            silent_formats = sites.silent_formats(now=self.hold.clock()).get(site, {})
            # The canonical URL is fetched, so that nobody can have another video stored under that name.
            result = self.downloader.download(
                url,
                directory,
                self.hold.rules.limits,
                silent_formats=frozenset(silent_formats),
                language=expected_language(self.hold, leased.share.share_id),
                give_up=give_up,
            )
            if isinstance(result, Failure):
                raise ShareFailedError(result)
            if isinstance(result, DownloadedVideo):
                transfer.size_bytes = result.video.digest.size_bytes
                if result.silent_formats:
                    sites.record_silent_formats(site, result.silent_formats, now=self.hold.clock())
        return result


def expected_language(hold: Hold, share_id: str) -> str | None:
    """Return the language that is expected of a share's video; None if nobody has said it."""
    return hold.rules.language or hold.catalog.shares.hinted_language(share_id)


def first_share(hold: Hold, leased: LeasedShare, known: Media | None) -> Share:
    """Return the share that names the key and decides the placement, even if another share fetches it again."""
    if known is None:
        return leased.share
    try:
        return hold.catalog.shares.get(known.share_id)
    except UnknownShareError:
        return leased.share  # its user has deleted it, but the other shares still want the video


def staged_media(leased: LeasedShare, video: DownloadedVideo, first: Share, *, prefix: str) -> Media:
    """Return the record of a download that is in staging."""
    key = video_key(prefix, leased.canonical_url, first.created_at, _extension_of(video.video))
    audio = video.audio
    return Media(
        media_id=leased.media_id,
        canonical_url=leased.canonical_url,
        platform=leased.platform,
        share_id=first.share_id,
        state=MediaState.STAGED,
        info=video.info,
        video=_part(PartKind.VIDEO, key, video.video),
        audio=_part(PartKind.AUDIO, audio_key(key, _extension_of(audio)), audio) if audio else None,
        download_seconds=video.seconds,
    )


def _extension_of(file: DownloadedFile) -> str:
    return file.path.suffix.removeprefix(".")


def _part(kind: PartKind, key: str, file: DownloadedFile) -> Part:
    return Part(kind, key, url=str(file.path), digest=file.digest, content_type=file.content_type)


def has_bytes(stores: Stores, media: Media) -> bool:
    """Whether a media's bytes are there, in staging or in a store. Raises `StoreError` when no store can tell."""
    if media.state is MediaState.EXPIRED:
        return False
    if media.state is MediaState.STORED:
        return stores.has_video(media)
    return all(_is_staged(part) for part in media.parts.values())


def _is_staged(part: Part) -> bool:
    """Whether a staged file has its bytes. It is read, because after a power cut it can have its name but others."""
    try:
        with Path(part.url).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == part.digest.sha256
    except FileNotFoundError:
        return False
