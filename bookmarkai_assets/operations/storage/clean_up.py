"""local_cleanup: remove local copies that are proven elsewhere or no longer needed, and what killed work left behind.

Every deletion is decided by `core.media.retention` on evidence gathered at that moment, under the media's lease, and
written to `tombstones` before it is done. Files that no record knows are never touched.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from bookmarkai_assets.core.errors import (
    CatalogUnavailableError,
    CleanUpRefusedError,
    LeaseLostError,
    ObjectNotFoundError,
    StoreError,
    StoreErrorClass,
)
from bookmarkai_assets.core.links.urls import RefusedLink
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Media, MediaState, Part, media_id_of
from bookmarkai_assets.core.media.placement import REMOTE_BACKENDS, Backend
from bookmarkai_assets.core.media.ports import ListedObject, Tombstone
from bookmarkai_assets.core.media.retention import Evidence, Kept, LocalCopy, Removal, expiry_of, removal_of
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.operations.media.catalog_reads import all_media
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.intake import known_link
from bookmarkai_assets.operations.storage.clean_up_report import CleanUpItem, CleanUpReport
from bookmarkai_assets.operations.storage.sweeping import (
    sweep_chunks,
    sweep_leftovers,
    sweep_probes,
    sweep_staging,
    sweep_uploaded,
)

_Files = Mapping[PartKind, ListedObject]

WORKERS = 4
"""Media checked in parallel, because each check waits for the bucket."""

LIFECYCLE = "lifecycle"
"""The reason on the tombstone of an object that the bucket's own rule has deleted."""


def clean_up(hold: Hold, *, is_dry_run: bool = False) -> CleanUpReport:
    """Remove what may go, and report what was removed and what was kept and why. A dry run only reports.

    Raises `CleanUpRefusedError`, with nothing removed, if a listing is empty or fails where the catalog expects media:
    that is how a directory that is not mounted appears, or a bucket that is gone.
    """
    files = _list_local_files(hold)
    for backend in REMOTE_BACKENDS:
        _check_bucket(hold, backend)
    wanted = _wanted_media(hold)
    report = CleanUpReport(is_dry_run)
    with hold.renew_leases(), ThreadPoolExecutor(WORKERS, thread_name_prefix="clean-up") as pool:
        candidates = _candidates(hold, files)
        process = partial(_process, hold, wanted, is_dry_run=is_dry_run)
        for item in pool.map(lambda candidate: process(*candidate), candidates):
            if item is not None:
                report.add(item)
        for stranger in files.values():
            report.add(CleanUpItem(stranger.url, None, stranger.size_bytes, None, Kept.UNKNOWN))
        for sweep in (sweep_staging, sweep_leftovers, sweep_probes, sweep_chunks, sweep_uploaded):
            for item in sweep(hold, is_dry_run=is_dry_run):
                report.add(item)
    hold.release()
    return report


def _list_local_files(hold: Hold) -> dict[str, ListedObject]:
    expected = hold.catalog.media.stored_count(Backend.LOCAL, unexpired_at=hold.clock())
    try:
        files = {listed.key: listed for listed in hold.stores[Backend.LOCAL].list()}
    except StoreError as error:
        raise CleanUpRefusedError(f"clean-up removed nothing: the local media cannot be listed: {error}") from error
    if expected and not files:
        raise CleanUpRefusedError(
            f"clean-up removed nothing: expected {expected} videos in the local directory, found it empty; is it "
            "mounted, and is YTDLP_DOWNLOAD_DIR the directory that the catalog's paths begin with?"
        )
    return files


def _check_bucket(hold: Hold, backend: Backend) -> None:
    expected = hold.catalog.media.stored_count(backend, unexpired_at=hold.clock())
    if not expected:
        return
    try:
        first = next(iter(hold.stores[backend].list(hold.rules.prefix_on(backend))), None)
    except StoreError as error:
        raise CleanUpRefusedError(
            f"clean-up removed nothing: expected {expected} videos in the bucket, which cannot be listed: {error}"
        ) from error
    if first is None:
        raise CleanUpRefusedError(
            f"clean-up removed nothing: expected {expected} videos in the bucket, found none below "
            f"{hold.rules.video_prefix}; are {backend.facts.location_setting} and S3_VIDEO_PREFIX those of the "
            "catalog's URLs?"
        )


def _wanted_media(hold: Hold) -> frozenset[str]:
    """Return the media ids of all unfinished shares. Before a share is claimed, no other record names its media."""
    links = (
        known_link(share.url, hold.catalog, hold.rules.allowed_hosts)
        for share in hold.catalog.shares.list(statuses=_UNFINISHED)
    )
    return frozenset(media_id_of(link.canonical_url) for link in links if not isinstance(link, RefusedLink))


_UNFINISHED = (ShareStatus.PENDING, ShareStatus.PROCESSING, ShareStatus.FETCHING, ShareStatus.FETCHED)


def _candidates(hold: Hold, files: dict[str, ListedObject]) -> Iterator[tuple[Media, _Files]]:
    """Yield each media that has local files, with these files by kind, and each whose object should have expired.

    These files are taken out of `files`. What is left there in the end belongs to no record.
    """
    for media in all_media(hold.catalog):
        local = {kind: files.pop(part.key) for kind, part in media.parts.items() if part.key in files}
        if local or _may_have_expired(hold, media):
            yield media, local


def _may_have_expired(hold: Hold, media: Media) -> bool:
    end = expiry_of(media, hold.rules.retention)
    return media.state is MediaState.STORED and end is not None and end <= hold.clock()


def _process(
    hold: Hold, wanted: frozenset[str], media: Media, files: _Files, *, is_dry_run: bool
) -> CleanUpItem | None:
    """Process one media and return what became of its local files; None if there was nothing to do."""
    size = sum(file.size_bytes for file in files.values())
    name = next(iter(files.values())).url if files else media.video.url
    result: Removal | Kept | str | None
    try:
        if files and _age_of(media, files, hold.clock()) < hold.rules.retention.grace:
            result = Kept.WITHIN_GRACE
        elif is_dry_run:
            is_leased = hold.catalog.leases.is_leased(media.media_id, now=hold.clock())
            result, _ = _decide(hold, wanted, media, files, is_leased=is_leased)
        else:
            result = _remove(hold, wanted, media.media_id, files)
    except LeaseLostError:
        result = Kept.LEASED
    except (StoreError, CatalogUnavailableError) as error:
        return CleanUpItem(name, media.media_id, size, None, None, str(error))
    if result is None:
        return None
    if isinstance(result, Kept):
        return CleanUpItem(name, media.media_id, size, None, result, share_id=media.share_id)
    return CleanUpItem(name, media.media_id, size, result, None)


def _remove(hold: Hold, wanted: frozenset[str], media_id: str, listed: _Files) -> Removal | Kept | str | None:
    """Remove a media's local files if they may go. This is decided under the lease, by the record and files of now."""
    with hold.lease(media_id) as is_ours:
        if not is_ours:
            return Kept.LEASED
        media = hold.catalog.media.get(media_id)
        if media is None:
            return Kept.UNKNOWN
        # By the record of now. While a transcript is written again, its files are not on record.
        files = {kind: file for kind, file in listed.items() if kind in media.parts and Path(file.url).is_file()}
        if listed and not files:
            return None  # another clean-up was here since the listing
        reason, proof = _decide(hold, wanted, media, files, is_leased=False)
        if reason is None or isinstance(reason, Kept):
            return reason
        tombstones = _tombstones(hold, media, files, reason, proof)
        if reason in {Removal.PAST_RETENTION, LIFECYCLE}:
            hold.catalog.media.record_expired(media_id, tombstones, owner=hold.owner, now=hold.clock())
        else:
            hold.catalog.tombstones.write(tombstones)
        # Checked before the only step that cannot be undone, because a long pause may have lost the lease.
        if not hold.has_lease(media_id):
            return Kept.LEASED
        local = hold.stores[Backend.LOCAL]
        for file in files.values():
            local.delete(file.url)
        gone = [file.url for file in files.values()] or [tombstone.url for tombstone in tombstones]
        hold.catalog.tombstones.confirm(gone, now=hold.clock())
        return reason


def _decide(
    hold: Hold, wanted: frozenset[str], media: Media, files: _Files, *, is_leased: bool
) -> tuple[Removal | Kept | str | None, Mapping[str, Any]]:
    """Return why the files may go, or are kept, with the proof; None if nothing is to be done."""
    evidence = _gather_evidence(hold, media, files)
    if not files:
        # There is no local copy. The record may still have to follow what the bucket's rule did to the video.
        has_gone = evidence.parts.get(PartKind.VIDEO) is Evidence.EXPIRED
        return (LIFECYCLE if has_gone and not is_leased else None), evidence.proof
    end = expiry_of(media, hold.rules.retention)
    copy = LocalCopy(
        age=_age_of(media, files, hold.clock()),
        is_expired=media.state is MediaState.EXPIRED,
        is_staged=media.state is MediaState.STAGED,
        is_leased=is_leased,
        is_settled=media.media_id not in wanted and hold.catalog.media.is_settled(media.media_id),
        in_s3=evidence.worst,
        s3_left=end - hold.clock() if end is not None else None,
    )
    return removal_of(copy, hold.rules.retention), evidence.proof


def _age_of(media: Media, files: _Files, now: datetime) -> timedelta:
    moments = [file.modified_at for file in files.values()]
    if media.stored_at is not None:
        moments.append(media.stored_at)
    return now - max(moments)


@dataclass(frozen=True)
class _EvidenceInS3:
    """What the bucket said of each part that is recorded there. `proof` is its answer as JSON."""

    parts: Mapping[PartKind, Evidence]
    proof: Mapping[str, Any]

    @property
    def worst(self) -> Evidence | None:
        """The worst evidence of all parts; None if no part is recorded in the bucket."""
        return max(self.parts.values(), key=_SEVERITY.index, default=None)


_SEVERITY = (Evidence.SAME, Evidence.EXPIRED, Evidence.ABSENT, Evidence.DIFFERENT, Evidence.UNKNOWN)


def _gather_evidence(hold: Hold, media: Media, files: _Files) -> _EvidenceInS3:
    """Ask the bucket, now, for every part of a media that is recorded there.

    A transcript's file is asked for only if it has a local copy that could go. It can be made again, and a lost one
    says nothing about the video.
    """
    if media.state is not MediaState.STORED or media.backend is None or not media.backend.is_remote:
        return _EvidenceInS3({}, {})
    parts: dict[PartKind, Evidence] = {}
    answers: dict[str, Any] = {}
    for kind, part in media.parts.items():
        if kind.is_transcript and kind not in files:
            continue
        if Backend.of_url(part.url).is_remote:
            parts[kind], answers[kind] = _check_in_s3(hold, media, part)
        elif kind in files:
            # The track was lost when the video moved and is back where it is recorded. This is the only copy.
            parts[kind], answers[kind] = Evidence.UNKNOWN, {"recorded": part.url}
    worst = _EvidenceInS3(parts, {}).worst
    return _EvidenceInS3(
        parts, {"checked_at": hold.clock().isoformat(), "in_s3": worst.value if worst else None, "objects": answers}
    )


def _check_in_s3(hold: Hold, media: Media, part: Part) -> tuple[Evidence, Mapping[str, Any]]:
    try:
        stored = hold.stores.of_url(part.url).head(part.url)
    except ObjectNotFoundError:
        return (Evidence.EXPIRED if _may_have_expired(hold, media) else Evidence.ABSENT), {"url": part.url}
    except StoreError as error:
        is_different = error.error_class is StoreErrorClass.CHECKSUM
        return (Evidence.DIFFERENT if is_different else Evidence.UNKNOWN), {"url": part.url, "error": str(error)}
    answer = {"url": stored.url, "size_bytes": stored.digest.size_bytes, "sha256": stored.digest.sha256}
    return (Evidence.SAME if stored.digest == part.digest else Evidence.DIFFERENT), answer


def _tombstones(
    hold: Hold, media: Media, files: _Files, reason: str, evidence: Mapping[str, Any]
) -> Sequence[Tombstone]:
    proof = {**evidence, "state": media.state.value}
    if reason == Removal.PAST_RETENTION:
        proof |= {"retention_days": hold.rules.retention.local_days, "settled": True}
    # A deletion that was decided earlier and interrupted keeps the reason and the proof of that decision.
    decided = {t.url for t in hold.catalog.tombstones.list(media_id=media.media_id) if t.removed_at is None}
    gone = {kind: (file.url, file.size_bytes) for kind, file in files.items()} or {
        # The bucket was asked for these. A transcript's files were put later, and expire later.
        kind: (part.url, part.size_bytes)
        for kind, part in media.parts.items()
        if not kind.is_transcript
    }
    return [
        Tombstone(
            url=url,
            kind=kind,
            media_id=media.media_id,
            share_id=media.share_id,
            size_bytes=size,
            # If the file is not what is recorded (a damaged copy), its SHA-256 is unknown.
            sha256=media.parts[kind].digest.sha256 if size == media.parts[kind].size_bytes else None,
            reason=reason,
            proof=proof,
            written_at=hold.clock(),
        )
        for kind, (url, size) in gone.items()
        if not (reason == Removal.EXPIRED and url in decided)
    ]
