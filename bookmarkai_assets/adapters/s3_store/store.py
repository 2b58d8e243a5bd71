"""The port's door to a bucket: what counts as stored, what a conflict is, and when a file may appear."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from typing_extensions import override

from bookmarkai_assets.adapters.common.byte_count import ByteCount
from bookmarkai_assets.adapters.common.durable_files import (
    digest_of_descriptor,
    disk_errors,
    make_directories,
    preallocate,
    temporary_beside,
)
from bookmarkai_assets.adapters.s3_store.client import MAX_ATTEMPTS, Connection, S3Client, connect
from bookmarkai_assets.adapters.s3_store.download import MAX_BODY_ATTEMPTS, Begun, Download, Span, begin, fetch
from bookmarkai_assets.adapters.s3_store.errors import PreconditionFailedError, UploadGoneError, vendor_errors
from bookmarkai_assets.adapters.s3_store.listing import list_objects, list_uploads
from bookmarkai_assets.adapters.s3_store.looking import Found, look, look_or_raise
from bookmarkai_assets.adapters.s3_store.metadata import CRC64NVME, metadata_of
from bookmarkai_assets.adapters.s3_store.parallel import Interruption
from bookmarkai_assets.adapters.s3_store.reader import open_reader
from bookmarkai_assets.adapters.s3_store.source import Source, opened
from bookmarkai_assets.adapters.s3_store.upload import Upload, send
from bookmarkai_assets.core.errors import ObjectConflictError, ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.key_safety import check_key
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import (
    Leftover,
    LeftoverKind,
    ListedObject,
    MediaStore,
    StoredObject,
    ignore_bytes,
)

PART_BYTES = 16 << 20
"""Larger files go in parts, and downloads in ranges, of this size: with 4 threads as fast as s5cmd (0.97)."""

_PLACE_ATTEMPTS = 3
_SCHEME = "s3://"
_IF_ABSENT: Mapping[str, str] = {"IfNoneMatch": "*"}

_MAX_LINK_SECONDS = 7 * 24 * 3600
"""What a signature of version 4 can be valid for at most."""

_TRANSFERS = frozenset({"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "GetObject"})
"""What an interrupt ends between two tries. Looking and aborting go on: a transfer that ends cleans up after itself."""


class S3Store(MediaStore):
    """A bucket as a media store. Connects with the first use; may be used from several threads.

    `bucket` is where `put` stores (`S3_MEDIA_BUCKET`); reads and deletes follow the bucket in the URL. Without
    `endpoint` the server is Amazon S3; without `access_key` and `secret_key` AWS's own chain gives the credentials.
    `max_attempts` bounds the tries of each request; `part_bytes` is the size of parts and ranges, in bytes, and S3
    takes no smaller parts than 5 MiB. `connector` makes the client.
    """

    def __init__(
        self,
        bucket: str,
        *,
        region: str | None,
        endpoint: str | None,
        access_key: str | None,
        secret_key: str | None,
        use_path_style: bool,
        max_attempts: int = MAX_ATTEMPTS,
        part_bytes: int = PART_BYTES,
        connector: Callable[[Connection], S3Client] = connect,
    ) -> None:
        self._bucket = bucket
        self._connection = Connection(
            region, endpoint, access_key, secret_key, use_path_style, max_attempts, self._before_try
        )
        self._part_bytes = part_bytes
        self._connector = connector
        self._interruption = Interruption()
        self._lock = threading.Lock()
        self._connected: S3Client | None = None

    @property
    @override
    def backend(self) -> Backend:
        return Backend.S3

    @override
    def url_of(self, key: str) -> str:
        check_key(key)
        return f"{_SCHEME}{self._bucket}/{key}"

    @override
    def put(
        self,
        source: Path,
        key: str,
        *,
        expected: Digest,
        content_type: str,
        tags: Mapping[str, str],
        may_replace: bool,
        may_consume: bool,
        on_bytes: Callable[[int], object] = ignore_bytes,
    ) -> StoredObject:
        """Store `source` under `key`. A bucket never consumes the source: `may_consume` changes nothing."""
        url = self.url_of(key)
        self._interruption.check(f"storing {url}")
        metadata = metadata_of(expected, tags)
        count = ByteCount(expected.size_bytes, on_bytes)
        with ExitStack() as stack:
            try:
                readable = stack.enter_context(opened(source, expected, part_bytes=self._part_bytes))
            except StoreError:
                found = look(self._client(), self._bucket, key)
                if found is None or not found.holds(expected):
                    raise
                stored = found.stored
            else:
                stored = self._place(url, key, readable, content_type, metadata, count, may_replace=may_replace)
        count.finish()
        return stored

    @override
    def get(
        self, url: str, destination: Path, *, expected: Digest, on_bytes: Callable[[int], object] = ignore_bytes
    ) -> None:
        bucket, key = _split(url)
        action = f"fetching {url}"
        self._interruption.check(action)
        begun = self._begun(bucket, key, expected)
        with disk_errors(f"{action} to {destination}"):
            make_directories(destination.absolute().parent)
            with temporary_beside(destination) as temporary:
                preallocate(temporary.descriptor, expected.size_bytes)
                if begun is not None:
                    fetch(
                        self._client(),
                        begun,
                        temporary.descriptor,
                        part_bytes=self._part_bytes,
                        interruption=self._interruption,
                        count=ByteCount(expected.size_bytes, on_bytes),
                    )
                received = digest_of_descriptor(temporary.descriptor)
                if received != expected:
                    raise StoreError(
                        StoreErrorClass.CHECKSUM,
                        f"{action}: expected SHA-256 {expected.sha256[:16]}…, found {received.sha256[:16]}… in the "
                        "bytes that arrived; they were changed on the way or in the store: try again",
                    )
                os.fsync(temporary.descriptor)
                # The directory is not synced: after a power cut the file is there whole, or it is not.
                temporary.path.replace(destination)

    def _begun(self, bucket: str, key: str, expected: Digest) -> Begun | None:
        """Ask for the expected object's first range; None for one of no bytes, which has no range."""
        if expected.size_bytes == 0:
            found = look_or_raise(self._client(), bucket, key)
            _check_announced(found.url, expected, found.size_bytes, found.sha256)
            return None
        first = next(Span(0, expected.size_bytes).parts(self._part_bytes))
        begun = begin(self._client(), self._download(bucket, key, None), first)
        try:
            _check_announced(f"{_SCHEME}{bucket}/{key}", expected, begun.object_bytes, begun.sha256)
        except StoreError:
            begun.answer["Body"].close()
            raise
        return begun

    @override
    def open(self, url: str, *, offset: int = 0, size_bytes: int | None = None) -> BinaryIO:
        """Open the object for reading forward. Raises `StoreError` (checksum) for a whole one with no recorded SHA-256.

        One version of it is read, in ranges of `part_bytes`, each tried again from where it broke off. A reader of
        which a read has failed is closed.
        """
        bucket, key = _split(url)
        self._interruption.check(f"fetching {url}")
        found = look_or_raise(self._client(), bucket, key)
        left = max(0, found.size_bytes - offset)
        wanted = Span(offset, left if size_bytes is None else min(size_bytes, left))
        return open_reader(
            self._client(),
            self._download(bucket, key, found.etag),
            wanted,
            sha256=found.digest.sha256 if wanted == Span(0, found.size_bytes) else None,
            part_bytes=self._part_bytes,
            interruption=self._interruption,
        )

    @override
    def head(self, url: str) -> StoredObject:
        """Say what is stored at `url`, by its recorded SHA-256. Raises `StoreError` (checksum) if none is recorded."""
        return look_or_raise(self._client(), *_split(url)).stored

    @override
    def list(self, prefix: str = "") -> Iterator[ListedObject]:
        """List the objects whose key begins with `prefix`, in the server's order.

        That of Amazon S3 is the port's. SeaweedFS sorts directory by directory: `a/b` before `a.b`. Objects with keys
        that this store would not take, which somebody else has stored, are listed as they are; other methods refuse
        their URLs.
        """
        return list_objects(self._client(), self._bucket, prefix)

    @override
    def delete(self, url: str) -> None:
        bucket, key = _split(url)
        with suppress(ObjectNotFoundError), vendor_errors(f"deleting {url}", bucket=bucket):
            self._client().delete_object(Bucket=bucket, Key=key)

    @override
    def presign(self, url: str, *, expires_seconds: int) -> str:
        """Make a link by which anybody may read the object for that long. The server is not asked whether it is there.

        With temporary credentials (a role's) the link ends with them, which may be earlier.
        """
        bucket, key = _split(url)
        if not 1 <= expires_seconds <= _MAX_LINK_SECONDS:
            raise StoreError(
                StoreErrorClass.CONFIGURATION,
                f"expected a link to {url} to last 1 to {_MAX_LINK_SECONDS} seconds (7 days), found {expires_seconds}",
            )
        with vendor_errors(f"making a link to {url}", bucket=bucket):
            return str(
                self._client().generate_presigned_url(
                    "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=expires_seconds
                )
            )

    @override
    def leftovers(self, prefix: str = "", *, begun_before: datetime) -> Sequence[Leftover]:
        """List the multipart uploads that nobody has ended. Their sizes are not asked for: it is a request for each."""
        uploads = list_uploads(self._client(), self._bucket, prefix)
        return [upload for upload in uploads if upload.begun_at < begun_before]

    @override
    def remove_leftover(self, leftover: Leftover) -> None:
        location, _, upload_id = leftover.name.rpartition("#")
        bucket, _, key = location.removeprefix(_SCHEME).partition("/")
        if leftover.kind is not LeftoverKind.MULTIPART_UPLOAD or not (location.startswith(_SCHEME) and bucket and key):
            raise StoreError(
                StoreErrorClass.CONFIGURATION,
                f"expected a {LeftoverKind.MULTIPART_UPLOAD} named {_SCHEME}bucket/key#id, found a {leftover.kind} "
                f"named {leftover.name[:500]!r}",
            )
        with suppress(UploadGoneError, ObjectNotFoundError), vendor_errors(f"aborting {leftover.name}", bucket=bucket):
            self._client().abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)

    @override
    def interrupt(self) -> None:
        """End the transfers of all threads soon: after the try of a part, or the block of a range, that is under way.

        May be called from a signal handler.
        """
        self._interruption.set()

    def _place(
        self,
        url: str,
        key: str,
        source: Source,
        content_type: str,
        metadata: Mapping[str, str],
        count: ByteCount,
        *,
        may_replace: bool,
    ) -> StoredObject:
        """Send under a condition, look at what is there now, and go on from that: nothing is taken on trust."""
        expected = source.digest
        recorded = {**metadata, CRC64NVME: source.crc64nvme}
        condition = _IF_ABSENT
        if len(source.parts) > 1:
            # A retry after a crash would learn only at the end of a large upload that it was not needed.
            found = look(self._client(), self._bucket, key)
            if found is not None:
                if found.is_of(source):
                    return found.stored
                condition = _to_replace(found, url, expected, may_replace=may_replace)
        for _ in range(_PLACE_ATTEMPTS):
            upload = Upload(self._bucket, key, source, content_type, recorded, condition, count)
            is_sent = self._is_sent(upload)
            found = look(self._client(), self._bucket, key)
            if found is not None and found.is_of(source):
                return found.stored
            if is_sent:
                raise StoreError(
                    StoreErrorClass.CHECKSUM,
                    f"storing {url}: expected {expected.size_bytes} bytes with SHA-256 {expected.sha256[:16]}… there "
                    f"after the upload, found {found.words if found else 'nothing'}; try again",
                )
            condition = _IF_ABSENT if found is None else _to_replace(found, url, expected, may_replace=may_replace)
        raise StoreError(
            StoreErrorClass.UNAVAILABLE,
            f"storing {url}: the object changed, or the server lost the upload, {_PLACE_ATTEMPTS} times; is something "
            "else writing or sweeping in this bucket and prefix?",
        )

    def _is_sent(self, upload: Upload) -> bool:
        """Send; False when the server did not take it because of what is, or is no longer, there."""
        try:
            send(self._client(), upload, interruption=self._interruption)
        except (PreconditionFailedError, UploadGoneError, ObjectNotFoundError):
            return False
        return True

    def _download(self, bucket: str, key: str, etag: str | None) -> Download:
        return Download(bucket, key, etag, min(self._connection.max_attempts, MAX_BODY_ATTEMPTS))

    def _before_try(self, operation_name: str) -> None:
        if operation_name in _TRANSFERS:
            self._interruption.check(operation_name)

    def _client(self) -> S3Client:
        with self._lock:
            if self._connected is None:
                self._connected = self._connector(self._connection)
            return self._connected


def _to_replace(found: Found, url: str, expected: Digest, *, may_replace: bool) -> dict[str, str]:
    """Give the condition under which other bytes may be replaced: that they are still the ones that were looked at."""
    if not may_replace:
        raise ObjectConflictError(
            f"storing {url}: expected no object, or {expected.size_bytes} bytes with SHA-256 {expected.sha256[:16]}…, "
            f"found {found.words}, which the catalog acknowledges; nothing was overwritten: find out which media it "
            "belongs to"
        )
    return {"IfMatch": found.etag}


def _check_announced(url: str, expected: Digest, size_bytes: int, sha256: str | None) -> None:
    """Refuse before a byte is read what is not the expected object by its size or its recorded SHA-256."""
    if size_bytes != expected.size_bytes or sha256 not in {None, expected.sha256}:
        raise StoreError(
            StoreErrorClass.CHECKSUM,
            f"fetching {url}: expected {expected.size_bytes} bytes with SHA-256 {expected.sha256[:16]}…, found "
            f"{size_bytes} bytes with SHA-256 {sha256[:16] + '…' if sha256 else 'not recorded'}; the object is not the "
            "one that the catalog recorded",
        )


def _split(url: str) -> tuple[str, str]:
    bucket, _, key = url.removeprefix(_SCHEME).partition("/")
    if not url.startswith(_SCHEME) or not bucket:
        raise StoreError(StoreErrorClass.CONFIGURATION, f"expected {_SCHEME}bucket/key, found {url[:500]!r}")
    check_key(key)
    return bucket, key
