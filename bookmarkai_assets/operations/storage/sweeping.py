"""Remove what killed work left: staging directories, temporary files, uploads, probes and transcript chunks."""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bookmarkai_assets.core.errors import CatalogUnavailableError, StoreError
from bookmarkai_assets.core.media.media import MediaState
from bookmarkai_assets.core.media.ports import Tombstone
from bookmarkai_assets.core.media.retention import Kept
from bookmarkai_assets.core.sites.stores import PROBE_NAME
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.storage.clean_up_report import CleanUpItem
from bookmarkai_assets.operations.uploads.sweeping import sweep_uploads

STALE_AFTER = timedelta(days=1)
"""Longer than any transfer takes. The bucket's own rule for incomplete uploads has one day too."""

CHUNKS_STALE_AFTER = timedelta(days=14)
"""For this long somebody may still continue from the chunks that were transcribed."""

_OURS = re.compile(r"[0-9a-f]{64}|transcribe-.+")

ABANDONED = "abandoned"
"""The reason on the tombstones of leftovers."""


def sweep_staging(hold: Hold, *, is_dry_run: bool) -> Iterator[CleanUpItem]:
    """Remove directories in staging that nobody works in and that no staged media is recorded in.

    Each directory has the name of its media, under whose lease it is removed, or belongs to a transcription. Everything
    else, symbolic links included, is kept as unknown.
    """
    staging = hold.rules.staging_dir
    if staging.is_symlink() or not staging.is_dir():
        return
    for entry in sorted(staging.iterdir()):
        if entry.is_symlink() or not entry.is_dir() or _OURS.fullmatch(entry.name) is None:
            yield CleanUpItem(str(entry), None, 0, None, Kept.UNKNOWN)
            continue
        try:
            yield _sweep_directory(hold, entry, is_dry_run=is_dry_run)
        except FileNotFoundError:
            continue  # whoever works there has just removed it
        except (OSError, CatalogUnavailableError) as error:
            yield CleanUpItem(
                str(entry), entry.name, 0, None, None, f"expected to look through {entry}, found: {error}"
            )


def sweep_leftovers(hold: Hold, *, is_dry_run: bool) -> Iterator[CleanUpItem]:
    """Remove temporary files and multipart uploads that were begun longer ago than any transfer takes.

    Only below the prefix of our keys, because others may use the bucket too.
    """
    before = hold.clock() - max(hold.rules.retention.grace, STALE_AFTER)
    for backend, store in hold.stores.items():
        try:
            leftovers = store.leftovers(hold.rules.video_prefix, begun_before=before)
        except StoreError as error:
            # The rest of the clean-up goes on. The next one asks this store again.
            yield CleanUpItem(f"leftovers in {backend}", None, 0, None, None, str(error))
            continue
        for leftover in leftovers:
            size = leftover.size_bytes or 0
            try:
                if not is_dry_run:
                    _write_tombstone(
                        hold,
                        leftover.name,
                        leftover.kind,
                        None,
                        size,
                        proof={"begun_at": leftover.begun_at.isoformat()},
                    )
                    store.remove_leftover(leftover)
                    hold.catalog.tombstones.confirm([leftover.name], now=hold.clock())
            except StoreError as error:
                yield CleanUpItem(leftover.name, None, size, None, None, str(error))
                continue
            yield CleanUpItem(leftover.name, None, size, ABANDONED, None)


def sweep_probes(hold: Hold, *, is_dry_run: bool) -> Iterator[CleanUpItem]:
    """Remove the objects with which killed processes tried whether a store works."""
    before = hold.clock() - max(hold.rules.retention.grace, STALE_AFTER)
    for backend, store in hold.stores.items():
        try:
            for probe in store.list(f"{hold.rules.video_prefix}{PROBE_NAME}"):
                if probe.modified_at >= before:
                    continue
                if not is_dry_run:
                    proof: dict[str, str | float] = {"modified_at": probe.modified_at.isoformat()}
                    digest = store.head(probe.url).digest
                    _write_tombstone(
                        hold, probe.url, "probe", None, digest.size_bytes, proof=proof, sha256=digest.sha256
                    )
                    store.delete(probe.url)
                    hold.catalog.tombstones.confirm([probe.url], now=hold.clock())
                yield CleanUpItem(probe.url, None, probe.size_bytes, ABANDONED, None)
        except StoreError as error:
            yield CleanUpItem(f"probes in {backend}", None, 0, None, None, str(error))


def sweep_chunks(hold: Hold, *, is_dry_run: bool) -> Iterator[CleanUpItem]:
    """Drop transcribed chunks of long sounds that nobody continued from."""
    for media_id in hold.catalog.chunks.abandoned(before=hold.clock() - CHUNKS_STALE_AFTER):
        with ExitStack() as stack:
            if is_dry_run:
                is_free = not hold.catalog.leases.is_leased(media_id, now=hold.clock())
            else:
                is_free = stack.enter_context(hold.lease(media_id))
            if is_free and not is_dry_run:
                hold.catalog.chunks.drop(media_id)
            removed, kept = (ABANDONED, None) if is_free else (None, Kept.LEASED)
            yield CleanUpItem(f"parts of the transcript of {media_id}", media_id, 0, removed, kept)


def sweep_uploaded(hold: Hold, *, is_dry_run: bool) -> Iterator[CleanUpItem]:
    """Remove uploaded objects that are done with, and abandoned uploads."""
    for one in sweep_uploads(hold, is_dry_run=is_dry_run):
        yield CleanUpItem(one.url, None, one.size_bytes, one.removed, one.kept, one.detail)


def _sweep_directory(hold: Hold, entry: Path, *, is_dry_run: bool) -> CleanUpItem:
    """Remove one directory if it may go. Raises `OSError`; `FileNotFoundError` if the directory vanishes meanwhile."""
    media_id = entry.name
    with ExitStack() as stack:
        if is_dry_run:
            is_free = not hold.catalog.leases.is_leased(media_id, now=hold.clock())
        else:
            is_free = stack.enter_context(hold.lease(media_id))
        size, newest = _extent_of(entry)
        age = hold.clock() - newest
        if age < max(hold.rules.retention.grace, STALE_AFTER):
            kept: Kept | None = Kept.WITHIN_GRACE
        else:
            kept = _reason_to_keep(hold, media_id) if is_free else Kept.LEASED
        if kept is None and not is_dry_run:
            _write_tombstone(hold, str(entry), "staging", media_id, size, proof={"age_seconds": age.total_seconds()})
            shutil.rmtree(entry)
            hold.catalog.tombstones.confirm([str(entry)], now=hold.clock())
        return CleanUpItem(str(entry), media_id, size, None if kept else ABANDONED, kept)


def _reason_to_keep(hold: Hold, media_id: str) -> Kept | None:
    media = hold.catalog.media.get(media_id)
    return Kept.STAGED if media is not None and media.state is MediaState.STAGED else None


def _write_tombstone(
    hold: Hold,
    name: str,
    kind: str,
    media_id: str | None,
    size: int,
    *,
    proof: dict[str, str | float],
    sha256: str | None = None,
) -> None:
    hold.catalog.tombstones.write(
        [
            Tombstone(
                url=name,
                kind=kind,
                media_id=media_id,
                share_id=None,
                size_bytes=size,
                sha256=sha256,
                reason=ABANDONED,
                proof=proof,
                written_at=hold.clock(),
            )
        ]
    )


def _extent_of(directory: Path) -> tuple[int, datetime]:
    """Return the bytes below a directory and the time of its latest change. Links are not followed."""
    size, newest = 0, directory.lstat().st_mtime
    for path in directory.rglob("*"):
        status = path.lstat()
        newest = max(newest, status.st_mtime)
        if not path.is_dir():
            size += status.st_size
    return size, datetime.fromtimestamp(newest, UTC)
