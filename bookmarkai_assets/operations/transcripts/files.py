"""A transcript's files (JSON, plain text, SRT, WebVTT), put beside the media that it is of, on the same backend.

What is on record of them is true at every moment: the record is taken back before they change, and written again once
they and the transcript are there. Whose transcript it is, and when it is to be put, is the caller's matter.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.kinds import CONTENT_TYPES, TranscriptFormat
from bookmarkai_assets.core.media.media import Blob, Digest, Media
from bookmarkai_assets.core.media.object_keys import key_of
from bookmarkai_assets.core.media.ports import StoredObject
from bookmarkai_assets.core.media.retention import lifecycle_end
from bookmarkai_assets.core.media.storage_events import Purpose
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.transcripts.formats import render
from bookmarkai_assets.core.transcripts.json_document import SharedTranscript
from bookmarkai_assets.core.transcripts.subtitles import has_times
from bookmarkai_assets.operations.media.holding import MediaWork
from bookmarkai_assets.operations.media.stores import store_of_url
from bookmarkai_assets.operations.media.transfers import MediaTransfers


def put_transcript_files(work: MediaWork, media: Media, shared: SharedTranscript) -> Media:
    """Put the files of a transcript beside a stored media whose lease the caller holds; give the media with them.

    The caller records it, by `MediaLedger.record_transcript_files`, once the transcript is on record. In between no
    files of the media are, for its old ones may be gone. Where exactly these are on record already nothing is done. A
    transcript whose times nobody knows has no subtitles. Raises `StoreError` and `LeaseLostError`.
    """
    content = rendered_files(shared)
    planned = with_files(work, media, content)
    if planned == media:
        return media
    if media.transcript_files:
        without = replace(media, transcript_files={})
        work.catalog.media.record_transcript_files(without, owner=work.owner, now=work.clock())
    store = store_of_url(work.stores, media.video.url)
    transfers = MediaTransfers(work.catalog, work.clock, shared.share_id, planned, Purpose.DOCUMENT)
    with _written(content, work.rules) as paths:
        objects = {kind: transfers.put(kind, path, store, may_consume=True) for kind, path in paths.items()}
    return replace(planned, expires_at=_end_of(planned, objects, work.rules))


def rendered_files(shared: SharedTranscript) -> Mapping[str, bytes]:
    """Give the content of each file that can be made of a transcript, by its form: UTF-8."""
    forms = list(TranscriptFormat) if has_times(shared.transcript) else [TranscriptFormat.TXT, TranscriptFormat.JSON]
    return {form.value: render(shared, form).encode() for form in sorted(forms)}


def with_files(work: MediaWork, media: Media, content: Mapping[str, bytes]) -> Media:
    """Give a media's record as it would be with these files beside its video."""
    store = store_of_url(work.stores, media.video.url)
    files = {
        kind: Blob(
            store.url_of(key_of(media, kind)),
            Digest(len(data), hashlib.sha256(data).hexdigest()),
            CONTENT_TYPES[TranscriptFormat(kind)],
        )
        for kind, data in content.items()
    }
    return replace(media, transcript_files=files)


@contextmanager
def _written(content: Mapping[str, bytes], rules: PipelineRules) -> Iterator[Mapping[str, Path]]:
    """Give files with these contents, which are gone after the block."""
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


def _end_of(media: Media, objects: Mapping[str, StoredObject], rules: PipelineRules) -> datetime | None:
    """Say when the bucket's rule may delete a media with these files: they may have lain there before their video."""
    if media.expires_at is None:
        return None
    ends = [
        found.expires_at or lifecycle_end(key_of(media, kind), found.modified_at, rules.retention.s3_days)
        for kind, found in objects.items()
    ]
    return min([media.expires_at, *(end for end in ends if end is not None)])
