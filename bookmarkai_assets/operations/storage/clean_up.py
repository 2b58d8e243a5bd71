"""local_cleanup: remove local copies that are proven elsewhere or no longer needed, and what killed work left behind.

Every deletion is decided by `core.media.retention` on evidence gathered at that moment, under the media's lease, and
written to `tombstones` before it is done. What nobody on record knows is never touched.
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
from bookmarkai_assets.operations.storage.sweeping import sweep_chunks, sweep_leftovers, sweep_staging

_Files = Mapping[PartKind, ListedObject]

WORKERS = 4
"""Media checked in parallel: each check waits for the bucket."""

LIFECYCLE = "lifecycle"
"""The reason on the tombstone of an object that the bucket's own rule has deleted."""


def clean_up(hold: Hold, *, is_dry_run: bool = False) -> CleanUpReport:
    """Remove what may go and say what was kept and why; a dry run only says.

    Raises `CleanUpRefusedError`, having removed nothing, when a listing is empty or fails where the catalog expects
    media: a directory that is not mounted and a bucket that is gone look like that.
    """
    files = _listed_local_files(hold)
    for backend in REMOTE_BACKENDS:
        _check_bucket(hold, backend)
    wanted = _wanted_media(hold)
    report = CleanUpReport(is_dry_run)
    with hold.renew_leases(), ThreadPoolExecutor(WORKERS, thread_name_prefix="clean-up") as pool:
        candidates = _candidates(hold, files)
        considering = partial(_consider, hold, wanted, is_dry_run=is_dry_run)
        for considered in pool.map(lambda candidate: considering(*candidate), candidates):
            if considered is not None:
                report.add(considered)
        for stranger in files.values():
            report.add(CleanUpItem(stranger.url, None, stranger.size_bytes, None, Kept.UNKNOWN))
        for sweep in (sweep_staging, sweep_leftovers, sweep_chunks):
            for considered in sweep(hold, is_dry_run=is_dry_run):
                report.add(considered)
    hold.release()
    return report


def _listed_local_files(hold: Hold) -> dict[str, ListedObject]:
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
            f"{hold.rules.video_prefix}; are S3_MEDIA_BUCKET and S3_VIDEO_PREFIX those of the catalog's URLs?"
        )


def _wanted_media(hold: Hold) -> frozenset[str]:
    """Name the media of shares that are still to come: nobody has claimed them yet, so no other record tells."""
    links = (
        known_link(share.url, hold.catalog, hold.rules.allowed_hosts)
        for share in hold.catalog.shares.list(statuses=_UNFINISHED)
    )
    return frozenset(media_id_of(link.canonical_url) for link in links if not isinstance(link, RefusedLink))


_UNFINISHED = (ShareStatus.PENDING, ShareStatus.PROCESSING, ShareStatus.FETCHING, ShareStatus.FETCHED)


def _candidates(hold: Hold, files: dict[str, ListedObject]) -> Iterator[tuple[Media, _Files]]:
    """Give each media that has local files, with these by kind, and each whose object should have expired.

    What is given is taken out of `files`: what is left in the end belongs to nobody on record.
    """
    for media in all_media(hold.catalog):
        found = {kind: files.pop(part.key) for kind, part in media.parts.items() if part.key in files}
        if found or _may_have_expired(hold, media):
            yield media, found


def _may_have_expired(hold: Hold, media: Media) -> bool:
    end = expiry_of(media, hold.rules.retention)
    return media.state is MediaState.STORED and end is not None and end <= hold.clock()


def _consider(
    hold: Hold, wanted: frozenset[str], media: Media, files: _Files, *, is_dry_run: bool
) -> CleanUpItem | None:
    size = sum(file.size_bytes for file in files.values())
    name = next(iter(files.values())).url if files else media.video.url
    verdict: Removal | Kept | str | None
    try:
        if files and _age_of(media, files, hold.clock()) < hold.rules.retention.grace:
            verdict = Kept.WITHIN_GRACE
        elif is_dry_run:
            is_leased = hold.catalog.leases.is_leased(media.media_id, now=hold.clock())
            verdict, _ = _verdict(hold, wanted, media, files, is_leased=is_leased)
        else:
            verdict = _removed(hold, wanted, media.media_id, files)
    except LeaseLostError:
        verdict = Kept.LEASED
    except (StoreError, CatalogUnavailableError) as error:
        return CleanUpItem(name, media.media_id, size, None, None, str(error))
    if verdict is None:
        return None
    if isinstance(verdict, Kept):
        return CleanUpItem(name, media.media_id, size, None, verdict, share_id=media.share_id)
    return CleanUpItem(name, media.media_id, size, verdict, None)


def _removed(hold: Hold, wanted: frozenset[str], media_id: str, listed: _Files) -> Removal | Kept | str | None:
    """Decide under the lease, by the record and the files as they are now, and do it."""
    with hold.lease(media_id) as is_ours:
        if not is_ours:
            return Kept.LEASED
        media = hold.catalog.media.get(media_id)
        if media is None:
            return Kept.UNKNOWN
        # By the record as it is: while a transcript is written anew its files are on none.
        files = {kind: file for kind, file in listed.items() if kind in media.parts and Path(file.url).is_file()}
        if listed and not files:
            return None  # another clean-up was here since the listing
        verdict, evidence = _verdict(hold, wanted, media, files, is_leased=False)
        if verdict is None or isinstance(verdict, Kept):
            return verdict
        tombstones = _tombstones(hold, media, files, verdict, evidence)
        if verdict in {Removal.PAST_RETENTION, LIFECYCLE}:
            hold.catalog.media.record_expired(media_id, tombstones, owner=hold.owner, now=hold.clock())
        else:
            hold.catalog.tombstones.write(tombstones)
        # The last look before the only step that cannot be taken back: a lease may have been lost in a long pause.
        if not hold.has_lease(media_id):
            return Kept.LEASED
        local = hold.stores[Backend.LOCAL]
        for file in files.values():
            local.delete(file.url)
        gone = [file.url for file in files.values()] or [tombstone.url for tombstone in tombstones]
        hold.catalog.tombstones.confirm(gone, now=hold.clock())
        return verdict


def _verdict(
    hold: Hold, wanted: frozenset[str], media: Media, files: _Files, *, is_leased: bool
) -> tuple[Removal | Kept | str | None, Mapping[str, Any]]:
    evidence = _evidence_in_s3(hold, media, files)
    if not files:
        # No local copy: only the record may have to follow what the bucket's rule has done to the video.
        has_gone = evidence.parts.get(PartKind.VIDEO) is Evidence.EXPIRED
        return (LIFECYCLE if has_gone and not is_leased else None), evidence.proof
    end = expiry_of(media, hold.rules.retention)
    copy = LocalCopy(
        age=_age_of(media, files, hold.clock()),
        is_expired=media.state is MediaState.EXPIRED,
        is_staged=media.state is MediaState.STAGED,
        is_leased=is_leased,
        is_settled=media.media_id not in wanted and hold.catalog.media.is_settled(media.media_id),
        in_s3=evidence.of_all,
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
    """What the bucket said of each part that is recorded there; `proof` is its answer as JSON."""

    parts: Mapping[PartKind, Evidence]
    proof: Mapping[str, Any]

    @property
    def of_all(self) -> Evidence | None:
        """The worst of all parts; None when the bucket has no part in the media."""
        return max(self.parts.values(), key=_SEVERITY.index, default=None)


_SEVERITY = (Evidence.SAME, Evidence.EXPIRED, Evidence.ABSENT, Evidence.DIFFERENT, Evidence.UNKNOWN)


def _evidence_in_s3(hold: Hold, media: Media, files: _Files) -> _EvidenceInS3:
    """Ask the bucket, now, for every part of a media that is recorded there.

    A transcript's file is asked for only where a local copy of it could go: it can be made anew, and a lost one says
    nothing about the video.
    """
    if media.state is not MediaState.STORED or media.backend is None or not media.backend.is_remote:
        return _EvidenceInS3({}, {})
    parts: dict[PartKind, Evidence] = {}
    answers: dict[str, Any] = {}
    for kind, part in media.parts.items():
        if kind.is_transcript and kind not in files:
            continue
        if Backend.of_url(part.url).is_remote:
            parts[kind], answers[kind] = _look(hold, media, part)
        elif kind in files:
            # The track was lost when the video moved, and has come back to where it is recorded: the only one.
            parts[kind], answers[kind] = Evidence.UNKNOWN, {"recorded": part.url}
    worst = _EvidenceInS3(parts, {}).of_all
    return _EvidenceInS3(
        parts, {"checked_at": hold.clock().isoformat(), "in_s3": worst.value if worst else None, "objects": answers}
    )


def _look(hold: Hold, media: Media, part: Part) -> tuple[Evidence, Mapping[str, Any]]:
    try:
        there = hold.stores.of_url(part.url).head(part.url)
    except ObjectNotFoundError:
        return (Evidence.EXPIRED if _may_have_expired(hold, media) else Evidence.ABSENT), {"url": part.url}
    except StoreError as error:
        is_other = error.error_class is StoreErrorClass.CHECKSUM
        return (Evidence.DIFFERENT if is_other else Evidence.UNKNOWN), {"url": part.url, "error": str(error)}
    answer = {"url": there.url, "size_bytes": there.digest.size_bytes, "sha256": there.digest.sha256}
    return (Evidence.SAME if there.digest == part.digest else Evidence.DIFFERENT), answer


def _tombstones(
    hold: Hold, media: Media, files: _Files, reason: str, evidence: Mapping[str, Any]
) -> Sequence[Tombstone]:
    proof = {**evidence, "state": media.state.value}
    if reason == Removal.PAST_RETENTION:
        proof |= {"retention_days": hold.rules.retention.local_days, "settled": True}
    # A deletion that was decided before and cut short keeps the reason and the proof that it was decided with.
    decided = {t.url for t in hold.catalog.tombstones.list(media_id=media.media_id) if t.removed_at is None}
    gone = {kind: (file.url, file.size_bytes) for kind, file in files.items()} or {
        # The bucket was asked for these; a transcript's files, which were put later, go in their own time.
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
            # Of a file that is not what is recorded (a damaged copy), nobody has read the SHA-256.
            sha256=media.parts[kind].digest.sha256 if size == media.parts[kind].size_bytes else None,
            reason=reason,
            proof=proof,
            written_at=hold.clock(),
        )
        for kind, (url, size) in gone.items()
        if not (reason == Removal.EXPIRED and url in decided)
    ]
