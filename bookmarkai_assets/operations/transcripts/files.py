"""Put a transcript's files (JSON, plain text, SRT, WebVTT) beside its media, on the same backend.

Their record is true at every moment: it is withdrawn before they change and written again once the files and the
transcript are stored. The caller decides whose transcript it is, and when to put it.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.kinds import TRANSCRIPT_CONTENT_TYPES, PartKind
from bookmarkai_assets.core.media.media import Digest, Media, Part
from bookmarkai_assets.core.media.object_keys import transcript_key
from bookmarkai_assets.core.media.ports import MediaStore, StoredObject
from bookmarkai_assets.core.media.retention import lifecycle_end
from bookmarkai_assets.core.media.storage_events import Purpose
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.transcripts.formats import TranscriptFormat, render
from bookmarkai_assets.core.transcripts.json_document import SharedTranscript
from bookmarkai_assets.core.transcripts.subtitles import has_times
from bookmarkai_assets.operations.media.transfers import MediaTransfers
from bookmarkai_assets.operations.shares.hold import Hold


def put_transcript_files(hold: Hold, media: Media, shared: SharedTranscript) -> Media:
    """Put the files of a transcript beside a stored media and return the media with them. The caller holds its lease.

    The caller records the result with `MediaLedger.record_transcript_files` once the transcript is on record. Until
    then the media has no files on record, because the old ones may be gone. If exactly these files are on record
    already, nothing is done. A transcript without times has no subtitles. Raises `StoreError` and `LeaseLostError`.
    """
    content = rendered_files(shared)
    planned = with_files(hold, media, content)
    if planned == media:
        return media
    if media.transcript_files:
        without = replace(media, transcript_files={})
        hold.catalog.media.record_transcript_files(without, owner=hold.owner, now=hold.clock())
    store = hold.stores.of_url(media.video.url)
    transfers = MediaTransfers(hold, planned, shared.share_id, Purpose.DOCUMENT)
    with _temporary_files(content, hold.rules) as paths:
        objects = {
            kind: transfers.put(planned.parts[kind], path, store, may_consume=True) for kind, path in paths.items()
        }
    return replace(planned, expires_at=_expiry(planned, objects, hold.rules))


def rendered_files(shared: SharedTranscript) -> Mapping[PartKind, bytes]:
    """Return the content, in UTF-8, of each file that a transcript can have."""
    forms = list(TranscriptFormat) if has_times(shared.transcript) else [TranscriptFormat.TXT, TranscriptFormat.JSON]
    return {PartKind(form): render(shared, form).encode() for form in sorted(forms)}


def with_files(hold: Hold, media: Media, content: Mapping[PartKind, bytes]) -> Media:
    """Return a media's record as it would be with these files beside its video."""
    store = hold.stores.of_url(media.video.url)
    return replace(
        media, transcript_files={kind: _file_part(media, kind, data, store) for kind, data in content.items()}
    )


def _file_part(media: Media, kind: PartKind, data: bytes, store: MediaStore) -> Part:
    key = transcript_key(media.video.key, kind)
    digest = Digest(len(data), hashlib.sha256(data).hexdigest())
    return Part(kind, key, store.url_of(key), digest, TRANSCRIPT_CONTENT_TYPES[kind])


@contextmanager
def _temporary_files(content: Mapping[PartKind, bytes], rules: PipelineRules) -> Iterator[Mapping[PartKind, Path]]:
    """Write these contents to files that are removed after the block."""
    try:
        rules.staging_dir.mkdir(parents=True, exist_ok=True)
        directory = tempfile.TemporaryDirectory(dir=rules.staging_dir, prefix="transcribe-files-")
    except OSError as error:
        raise _unwritable(rules, error) from error
    with directory as name:
        paths = {kind: Path(name, f"transcript.{kind}") for kind in content}
        try:
            for kind, path in paths.items():
                path.write_bytes(content[kind])
        except OSError as error:
            raise _unwritable(rules, error) from error
        yield paths


def _unwritable(rules: PipelineRules, error: OSError) -> StoreError:
    return StoreError(
        StoreErrorClass.OTHER,
        f"expected to write a transcript's files below {rules.staging_dir}, found: {error}; see that the disk has room",
    )


def _expiry(media: Media, objects: Mapping[PartKind, StoredObject], rules: PipelineRules) -> datetime | None:
    """Return when the bucket's rule may delete a media with these files. Files can be older than their video."""
    if media.expires_at is None:
        return None
    ends = [
        found.expires_at or lifecycle_end(media.parts[kind].key, found.modified_at, rules.retention.s3_days)
        for kind, found in objects.items()
    ]
    return min([media.expires_at, *(end for end in ends if end is not None)])
