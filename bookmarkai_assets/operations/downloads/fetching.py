"""raw_video: fetch a share's video into staging, once per media, or find that its bytes are at hand already."""

import hashlib
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bookmarkai_assets.core.downloads.ports import DownloadedFile, DownloadedVideo, Downloader, Resolved, never
from bookmarkai_assets.core.errors import PostponedError, ShareFailedError, UnknownShareError
from bookmarkai_assets.core.links.canonical_urls import is_short
from bookmarkai_assets.core.media.media import Blob, Media, MediaState
from bookmarkai_assets.core.media.object_keys import video_key
from bookmarkai_assets.core.media.storage_events import Purpose
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.shares.share import Share, ShareStatus
from bookmarkai_assets.core.sites.breaker import site_of
from bookmarkai_assets.operations.downloads.disk_room import make_sure_of_room
from bookmarkai_assets.operations.downloads.run_patience import RunPatience, run_patience
from bookmarkai_assets.operations.media.stores import Stores, is_at_hand
from bookmarkai_assets.operations.media.transfers import recorded_transfer
from bookmarkai_assets.operations.shares.share_work import LeasedShare, ShareWork
from bookmarkai_assets.operations.sites.turns import judge_failure, wait_for_place


@dataclass(frozen=True)
class FetchedMedia:
    """A media whose bytes are at hand; `is_reused` when no download was needed."""

    share: Share
    media: Media
    is_reused: bool


def fetch_media(
    leased: LeasedShare, *, work: ShareWork, downloader: Downloader, stores: Stores, patience: RunPatience | None = None
) -> FetchedMedia:
    """Make the bytes of a share's video available and record where they are.

    Bytes that are verified to be at hand (staged by an earlier attempt, or stored for another share of the same video)
    are not fetched again. A short link's video is a media under its own name, so that all links to it share it. Raises
    `ShareFailedError` with the downloader's outcome, and `PostponedError` when the `patience` of the share's run has
    run out: it is to have a run of its own.
    """
    run = _Run(work, downloader, stores, patience or run_patience(work.rules, shares=1))
    with run.patience.share():
        return _bytes_of(leased, run)


@dataclass(frozen=True)
class _Run:
    """What a run has for fetching."""

    work: ShareWork
    downloader: Downloader
    stores: Stores
    patience: RunPatience


def _bytes_of(leased: LeasedShare, run: _Run) -> FetchedMedia:
    work = run.work
    known = work.catalog.media.get(leased.media_id)
    if known is not None and _is_at_hand(known, run.stores):
        work.catalog.sites.give_back(leased.media_id)
        return FetchedMedia(leased.share, known, is_reused=True)
    name = _known_name(leased, work)
    if name is None:
        fetched = _fetch(leased, known, leased.canonical_url, run)
        if isinstance(fetched, FetchedMedia):
            return fetched
        name = work.catalog.links.record(leased.canonical_url, fetched.canonical_url, now=work.clock())
    if known is None and name != leased.canonical_url:
        work.catalog.sites.give_back(leased.media_id)
        with work.under_its_name(leased, name) as named:
            return _bytes_of(named, run)
    # What was fetched under a short name before it was known what it stands for is fetched anew for the same media.
    fetched = _fetch(leased, known, name, run)
    if isinstance(fetched, Resolved):
        reason = f"expected the video of {name}, found that the downloader takes it for a short link"
        raise ShareFailedError(Failure(Outcome.DOWNLOAD_FAILED, reason))
    return fetched


def _known_name(leased: LeasedShare, work: ShareWork) -> str | None:
    """Give the canonical URL of a share's video; None for a short link that nobody has followed yet."""
    return work.catalog.links.get(leased.canonical_url) if is_short(leased.canonical_url) else leased.canonical_url


def _fetch(leased: LeasedShare, known: Media | None, url: str, run: _Run) -> FetchedMedia | Resolved:
    """Fetch the video at a canonical URL into the share's media, or be told which video a short link stands for."""
    work = run.work
    make_sure_of_room(work.rules, now=work.clock())
    wait_for_place(
        work.catalog,
        work.rules,
        canonical_url=leased.canonical_url,
        media_id=leased.media_id,
        clock=work.clock,
        wait=work.wait,
    )
    work.catalog.work.mark(leased.share.share_id, ShareStatus.FETCHING, owner=work.owner, now=work.clock())
    first = _first_share(leased, known, work)
    home = work.rules.staging_dir / leased.media_id
    # The lease is ours, so what lies here was left by an attempt that died.
    shutil.rmtree(home, ignore_errors=True)
    attempt = home / uuid.uuid4().hex
    attempt.mkdir(parents=True)
    try:
        video = _patient_download(leased, url, attempt, run)
        work.catalog.sites.served(site_of(leased.canonical_url), leased.media_id, now=work.clock())
        if isinstance(video, Resolved):
            shutil.rmtree(home, ignore_errors=True)
            return video
        media = _media_of(leased, video, first, work)
        work.catalog.media.record_staged(media, owner=work.owner, now=work.clock())
    except ShareFailedError as error:
        shutil.rmtree(home, ignore_errors=True)
        raise judge_failure(
            work.catalog,
            work.rules,
            error.failure,
            canonical_url=leased.canonical_url,
            media_id=leased.media_id,
            now=work.clock(),
        ) from error
    except PostponedError:
        shutil.rmtree(home, ignore_errors=True)
        work.catalog.sites.give_back(leased.media_id)
        raise
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    work.catalog.work.mark(leased.share.share_id, ShareStatus.FETCHED, owner=work.owner, now=work.clock())
    return FetchedMedia(leased.share, media, is_reused=False)


def _patient_download(leased: LeasedShare, url: str, directory: Path, run: _Run) -> DownloadedVideo | Resolved:
    with run.patience.download() as one:
        # Nobody would take up a finished share that is put back: it was only to be fetched anew.
        give_up = never if leased.share.status == ShareStatus.DONE else partial(run.patience.has_run_out, one)
        try:
            result = _download(leased, url, directory, run, give_up)
        except ShareFailedError as error:
            if one.is_given_up and error.failure.outcome is Outcome.TIMED_OUT:
                reason = f"{error.failure.reason}: the others of its run waited for it, so it is given a run of its own"
                raise PostponedError(reason, until=run.work.clock(), alone=True) from error
            raise
        one.is_video = isinstance(result, DownloadedVideo)
        return result


def _download(
    leased: LeasedShare, url: str, directory: Path, run: _Run, give_up: Callable[[], bool]
) -> DownloadedVideo | Resolved:
    work = run.work
    with recorded_transfer(
        work.catalog.events,
        work.clock,
        operation="fetch",
        purpose=Purpose.FETCH,
        backend="site",
        kind="video",
        share_id=leased.share.share_id,
        media_id=leased.media_id,
    ) as transfer:
        # By its canonical name, so that nobody can have another video put under that name.
        result = run.downloader.download(url, directory, work.rules.limits, give_up=give_up)
        if isinstance(result, Failure):
            raise ShareFailedError(result)
        if isinstance(result, DownloadedVideo):
            transfer.size_bytes = result.video.digest.size_bytes
    return result


def _first_share(leased: LeasedShare, known: Media | None, work: ShareWork) -> Share:
    """Give the share that names the key and decides the placement, also when another has the video fetched anew."""
    if known is None:
        return leased.share
    try:
        return work.catalog.shares.get(known.share_id)
    except UnknownShareError:
        return leased.share  # its user has deleted it, which is no reason to keep the video from the others


def _media_of(leased: LeasedShare, video: DownloadedVideo, first: Share, work: ShareWork) -> Media:
    extension = video.video.path.suffix.removeprefix(".")
    return Media(
        media_id=leased.media_id,
        canonical_url=leased.canonical_url,
        platform=leased.platform,
        share_id=first.share_id,
        object_key=video_key(work.rules.video_prefix, leased.canonical_url, first.created_at, extension),
        state=MediaState.STAGED,
        info=video.info,
        video=_blob_of(video.video),
        audio=_blob_of(video.audio) if video.audio else None,
        download_seconds=video.seconds,
    )


def _blob_of(file: DownloadedFile) -> Blob:
    return Blob(url=str(file.path), digest=file.digest, content_type=file.content_type)


def _is_at_hand(media: Media, stores: Stores) -> bool:
    if media.state is MediaState.EXPIRED:
        return False
    if media.state is MediaState.STORED:
        return is_at_hand(stores, media)
    return all(_is_staged(blob) for blob in media.blobs.values())


def _is_staged(blob: Blob) -> bool:
    """Re-read a staged file: a power cut may have left a file of the right name with other bytes."""
    try:
        with Path(blob.url).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == blob.digest.sha256
    except FileNotFoundError:
        return False
