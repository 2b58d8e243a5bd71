"""Send a file from this machine, in the way that its owner's browser would: declared, in parts, taken in.

What was sent of it before is not sent again. Nothing is kept here for that: the catalog has the upload, and the bucket
says which parts are there.
"""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import StoreError
from bookmarkai_assets.core.media.ports import ignore_bytes
from bookmarkai_assets.core.uploads.parts import PART_BYTES, PlannedPart
from bookmarkai_assets.core.uploads.ports import UploadBucket
from bookmarkai_assets.core.uploads.upload import RefusedDeclaration, Upload, UploadStatus, declare
from bookmarkai_assets.operations.uploads.arrivals import Arrival, TakenIn
from bookmarkai_assets.operations.uploads.beginning import (
    Method,
    arrived_parts,
    begin_upload,
    complete_upload,
    give_up_upload,
    plan_of,
)

BLOCK_BYTES = 1 << 20


class SendOutcome(StrEnum):
    """How one file ended. `known`: its owner has a share of it, and nothing was sent."""

    UPLOADED = "uploaded"
    KNOWN = "known"
    REFUSED = "refused"
    FAILED = "failed"

    @property
    def is_good(self) -> bool:
        """Whether the file has a share now."""
        return self in {SendOutcome.UPLOADED, SendOutcome.KNOWN}


@dataclass(frozen=True)
class SentFile:
    """What became of one file. `sent_bytes` are those that were sent now; what was there before is not among them."""

    file: Path
    outcome: SendOutcome
    size_bytes: int
    sent_bytes: int = 0
    upload_id: str | None = None
    share_id: str | None = None
    detail: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "file": str(self.file),
            "outcome": self.outcome.value,
            "size_bytes": self.size_bytes,
            "sent_bytes": self.sent_bytes,
            "upload_id": self.upload_id,
            "share_id": self.share_id,
            "detail": self.detail,
        }


@dataclass(frozen=True)
class Sender:
    """Sends files for one user, `threads` parts at a time. `new_id` returns the id of a new upload, a UUID."""

    catalog: Catalog
    bucket: UploadBucket
    user_id: str
    max_bytes: int
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    threads: int = 4

    def send(
        self,
        file: Path,
        content_type: str,
        *,
        on_read: Callable[[int], object] = ignore_bytes,
        on_sent: Callable[[int], object] = ignore_bytes,
    ) -> SentFile:
        """Send one file and have it taken in. It may be repeated at any time, also after this process was killed.

        `on_read` is called with the bytes of each block that was hashed, `on_sent` with those of each part that is in
        the bucket, from any thread but never from two at once. A bucket that fails, and a file that is changed
        meanwhile, are outcomes. Raises `OSError` for a file that cannot be read, and `CatalogUnavailableError`.
        """
        before = _version_of(file)
        sha256 = _sha256_of(file, on_read)
        declared = declare(
            name=file.name,
            content_type=content_type,
            size_bytes=before[0],
            sha256=sha256,
            max_bytes=self.max_bytes,
        )
        if isinstance(declared, RefusedDeclaration):
            return SentFile(file, SendOutcome.REFUSED, before[0], detail=declared.reason)
        method = Method.FORM if declared.digest.size_bytes <= PART_BYTES else Method.PARTS
        count = _Count(on_sent)
        try:
            upload = begin_upload(
                self.catalog,
                self.bucket,
                declared,
                user_id=self.user_id,
                method=method,
                new_id=self.new_id,
                now=self.clock(),
            ).upload
            if upload.status is UploadStatus.TAKEN_IN:
                return SentFile(file, SendOutcome.KNOWN, before[0], 0, upload.upload_id, upload.share_id)
            if upload.status is UploadStatus.AWAITING:
                self._send_bytes(upload, method, file, count)
            if _version_of(file) != before:
                give_up_upload(self.catalog, self.bucket, upload, now=self.clock())
                why = "expected a file that stays as it is, found that it was changed while it was sent; send it again"
                return SentFile(file, SendOutcome.FAILED, before[0], count.sent_bytes, upload.upload_id, detail=why)
            taken = complete_upload(self.catalog, self.bucket, upload, now=self.clock())
        except StoreError as error:
            return SentFile(file, SendOutcome.FAILED, before[0], count.sent_bytes, detail=str(error))
        return _result(file, before[0], count.sent_bytes, upload, taken)

    def _send_bytes(self, upload: Upload, method: Method, file: Path, count: "_Count") -> None:
        if method is Method.FORM:
            self.bucket.send_at_once(upload, file)
            count.sent(upload.digest.size_bytes)
            return
        present = {part.number for part in arrived_parts(self.bucket, upload)}
        plan = plan_of(upload)
        count.found(sum(plan.part(number).size_bytes for number in present))

        def send(part: PlannedPart) -> None:
            self.bucket.send_part(upload, part, file)
            count.sent(part.size_bytes)

        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="upload")
        try:
            futures = [pool.submit(send, part) for part in plan if part.number not in present]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        finally:
            # Told to stop, or failed: what is under way ends, the rest is not begun. The next time goes on from there.
            pool.shutdown(wait=True, cancel_futures=True)


class _Count:
    """Counts what is in the bucket and what was sent for it. Calls come from several threads, but one at a time."""

    def __init__(self, on_sent: Callable[[int], object]) -> None:
        self._on_sent = on_sent
        self._lock = threading.Lock()
        self.sent_bytes = 0

    def found(self, size_bytes: int) -> None:
        if size_bytes:
            self._on_sent(size_bytes)

    def sent(self, size_bytes: int) -> None:
        with self._lock:
            self.sent_bytes += size_bytes
            self._on_sent(size_bytes)


def _result(file: Path, size: int, sent: int, upload: Upload, taken: TakenIn | tuple[int, ...]) -> SentFile:
    if isinstance(taken, tuple):
        why = f"expected all parts in the bucket after they were sent, found {len(taken)} missing; send it again"
        return SentFile(file, SendOutcome.FAILED, size, sent, upload.upload_id, detail=why)
    if taken.share_id is not None:
        return SentFile(file, SendOutcome.UPLOADED, size, sent, upload.upload_id, taken.share_id)
    missing = "expected the file in the bucket after it was sent, found nothing; send it again"
    why = missing if taken.arrival is Arrival.MISSING else taken.reason or f"the upload is {taken.arrival}"
    return SentFile(file, SendOutcome.FAILED, size, sent, upload.upload_id, detail=why)


def _version_of(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns


def _sha256_of(file: Path, on_read: Callable[[int], object]) -> str:
    sha256 = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(BLOCK_BYTES):
            sha256.update(block)
            on_read(len(block))
    return sha256.hexdigest()
