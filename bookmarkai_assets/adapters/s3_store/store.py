"""The implementation of the port: what counts as stored, what a conflict is, and when a file may appear."""

import os
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
from bookmarkai_assets.adapters.s3_store.client import MAX_ATTEMPTS, Connection, LazyClient, S3Client, connect
from bookmarkai_assets.adapters.s3_store.download import (
    MAX_BODY_ATTEMPTS,
    ByteRange,
    Download,
    StartedDownload,
    fetch,
    start,
)
from bookmarkai_assets.adapters.s3_store.errors import PreconditionFailedError, UploadGoneError, vendor_errors
from bookmarkai_assets.adapters.s3_store.head import ObjectHead, require_head
from bookmarkai_assets.adapters.s3_store.listing import list_objects, list_uploads
from bookmarkai_assets.adapters.s3_store.metadata import CRC64NVME, metadata_of
from bookmarkai_assets.adapters.s3_store.parallel import Interruption
from bookmarkai_assets.adapters.s3_store.patience import DEFAULT_PATIENCE, Patience, asking
from bookmarkai_assets.adapters.s3_store.proof import read_proven_head
from bookmarkai_assets.adapters.s3_store.reader import open_reader
from bookmarkai_assets.adapters.s3_store.source import Source, open_source
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
"""The size of an upload's parts and a download's ranges. With 4 threads as fast as s5cmd (0.97 of its time)."""

_PUT_ATTEMPTS = 3
_SCHEME = "s3://"
_IF_ABSENT: Mapping[str, str] = {"IfNoneMatch": "*"}

_MAX_LINK_SECONDS = 7 * 24 * 3600
"""The longest time for which a signature of version 4 can be valid."""

_TRANSFERS = frozenset({"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "GetObject"})
"""What an interrupt ends between two tries. HEADs and aborts continue, so that an ended transfer can clean up."""


class S3Store(MediaStore):
    """A bucket as a media store. It connects at the first use. Several threads may use it.

    `put` stores in `bucket` (`S3_MEDIA_BUCKET`). Reads and deletes use the bucket in the URL. Without `endpoint` the
    server is Amazon S3. Without `access_key` and `secret_key` the credentials come from AWS's own chain. `max_attempts`
    limits the tries of each request, and `patience` their silence. `part_bytes` is the size of parts and ranges in
    bytes, and S3 accepts no parts below 5 MiB. `connector` makes the client.
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
        use_accelerate: bool = False,
        max_attempts: int = MAX_ATTEMPTS,
        part_bytes: int = PART_BYTES,
        patience: Patience = DEFAULT_PATIENCE,
        connector: Callable[[Connection], S3Client] = connect,
    ) -> None:
        self._bucket = bucket
        self._max_attempts = max_attempts
        connection = Connection(
            region,
            endpoint,
            access_key,
            secret_key,
            use_path_style,
            max_attempts,
            self._before_try,
            patience,
            use_accelerate,
        )
        self._part_bytes = part_bytes
        self._client = LazyClient(connection, connector)
        self._interruption = Interruption()

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
        """Store `source` under `key`. A bucket never consumes the source, so `may_consume` has no effect."""
        url = self.url_of(key)
        self._interruption.check(f"storing {url}")
        metadata = metadata_of(expected, tags)
        count = ByteCount(expected.size_bytes, on_bytes)
        with ExitStack() as stack:
            stack.enter_context(asking(self._make_ask(f"storing {url}", count)))
            try:
                opened = stack.enter_context(open_source(source, expected, part_bytes=self._part_bytes))
            except StoreError:
                found = self._read_head(key, expected)
                if found is None or not found.has_digest(expected):
                    raise
                stored = found.stored_object
            else:
                stored = self._put_verified(url, key, opened, content_type, metadata, count, may_replace=may_replace)
        count.finish()
        return stored

    @override
    def get(
        self, url: str, destination: Path, *, expected: Digest, on_bytes: Callable[[int], object] = ignore_bytes
    ) -> None:
        bucket, key = _split(url)
        action = f"fetching {url}"
        self._interruption.check(action)
        count = ByteCount(expected.size_bytes, on_bytes)
        with asking(self._make_ask(action, count)):
            self._get_verified(bucket, key, destination, expected, count)

    def _get_verified(self, bucket: str, key: str, destination: Path, expected: Digest, count: ByteCount) -> None:
        action = f"fetching {_SCHEME}{bucket}/{key}"
        started = self._start_download(bucket, key, expected)
        with disk_errors(f"{action} to {destination}"):
            make_directories(destination.absolute().parent)
            with temporary_beside(destination) as temporary:
                preallocate(temporary.descriptor, expected.size_bytes)
                if started is not None:
                    fetch(
                        self._client(),
                        started,
                        temporary.descriptor,
                        part_bytes=self._part_bytes,
                        interruption=self._interruption,
                        count=count,
                    )
                received = digest_of_descriptor(temporary.descriptor)
                if received != expected:
                    raise StoreError(
                        StoreErrorClass.CHECKSUM,
                        f"{action}: expected SHA-256 {expected.sha256[:16]}…, found {received.sha256[:16]}… in the "
                        "bytes that arrived; they were changed on the way or in the store: try again",
                    )
                os.fsync(temporary.descriptor)
                # The directory is not synced. After a power cut the file is either whole or absent.
                temporary.path.replace(destination)

    def _start_download(self, bucket: str, key: str, expected: Digest) -> StartedDownload | None:
        """Request the expected object's first range. None for an empty object, which has no range."""
        if expected.size_bytes == 0:
            found = require_head(self._client(), bucket, key)
            _check_announced(found.url, expected, found.size_bytes, found.sha256)
            return None
        first = next(ByteRange(0, expected.size_bytes).parts(self._part_bytes))
        started = start(self._client(), self._download(bucket, key, None), first)
        try:
            _check_announced(f"{_SCHEME}{bucket}/{key}", expected, started.object_bytes, started.sha256)
        except StoreError:
            started.answer["Body"].close()
            raise
        return started

    @override
    def open(self, url: str, *, offset: int = 0, size_bytes: int | None = None) -> BinaryIO:
        """Open the object for reading forward. Raises `StoreError` (checksum) for a whole one with no recorded SHA-256.

        The reader reads one version, in ranges of `part_bytes`, and tries each again from where it broke off. It closes
        itself after a failed read.
        """
        bucket, key = _split(url)
        self._interruption.check(f"fetching {url}")
        found = require_head(self._client(), bucket, key)
        left = max(0, found.size_bytes - offset)
        wanted = ByteRange(offset, left if size_bytes is None else min(size_bytes, left))
        return open_reader(
            self._client(),
            self._download(bucket, key, found.etag),
            wanted,
            sha256=found.digest.sha256 if wanted == ByteRange(0, found.size_bytes) else None,
            part_bytes=self._part_bytes,
            interruption=self._interruption,
        )

    @override
    def head(self, url: str) -> StoredObject:
        """Return what is stored at `url`, by its recorded SHA-256. Raises `StoreError` (checksum) if there is none."""
        return require_head(self._client(), *_split(url)).stored_object

    @override
    def list(self, prefix: str = "") -> Iterator[ListedObject]:
        """List the objects whose key begins with `prefix`, in the server's order.

        On Amazon S3 that is the port's order. SeaweedFS sorts directory by directory, so `a/b` comes before `a.b`.
        Objects that somebody else has stored, with keys that this store does not accept, are listed too. The other
        methods refuse their URLs.
        """
        return list_objects(self._client(), self._bucket, prefix)

    @override
    def delete(self, url: str) -> None:
        bucket, key = _split(url)
        with suppress(ObjectNotFoundError), vendor_errors(f"deleting {url}", bucket=bucket):
            self._client().delete_object(Bucket=bucket, Key=key)

    @override
    def presign(self, url: str, *, expires_seconds: int) -> str:
        """Make a link with which anybody can read the object for that long. Does not check that the object exists.

        With temporary credentials, such as a role's, the link expires when they do, which may be earlier.
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
        """List the multipart uploads that nobody has ended, without their sizes, which would take a request each."""
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
        """End the transfers of all threads soon: in the next moment in which they wait for the server.

        May be called from a signal handler.
        """
        self._interruption.set()

    def _put_verified(
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
        """Send under a condition, then check with a HEAD what is stored, and try again if it is something else."""
        expected = source.digest
        recorded = {**metadata, CRC64NVME: source.crc64nvme}
        condition = _IF_ABSENT
        if len(source.parts) > 1 or not may_replace:
            # A retry after a crash would learn only at the end of a large upload that it was not needed. And a server
            # that ignores the condition would replace what must stay.
            found = self._read_head(key, expected)
            if found is not None:
                if found.is_copy_of(source):
                    return found.stored_object
                condition = _if_unchanged(found, url, expected, may_replace=may_replace)
        for _ in range(_PUT_ATTEMPTS):
            upload = Upload(self._bucket, key, source, content_type, recorded, condition, count)
            is_sent = self._try_send(upload)
            found = self._read_head(key, expected)
            if found is not None and found.is_copy_of(source):
                return found.stored_object
            if is_sent:
                raise StoreError(
                    StoreErrorClass.CHECKSUM,
                    f"storing {url}: expected {expected.size_bytes} bytes with SHA-256 {expected.sha256[:16]}… there "
                    f"after the upload, found {found.description if found else 'nothing'}; try again",
                )
            condition = _IF_ABSENT if found is None else _if_unchanged(found, url, expected, may_replace=may_replace)
        raise StoreError(
            StoreErrorClass.UNAVAILABLE,
            f"storing {url}: the object changed, or the server lost the upload, {_PUT_ATTEMPTS} times; is something "
            "else writing or sweeping in this bucket and prefix?",
        )

    def _try_send(self, upload: Upload) -> bool:
        """Send. Return False if the server refused because of what is stored there, or is no longer."""
        try:
            send(self._client(), upload, interruption=self._interruption)
        except (PreconditionFailedError, UploadGoneError, ObjectNotFoundError):
            return False
        return True

    def _read_head(self, key: str, expected: Digest) -> ObjectHead | None:
        return read_proven_head(
            self._client(),
            self._download(self._bucket, key, None),
            expected,
            part_bytes=self._part_bytes,
            interruption=self._interruption,
        )

    def _download(self, bucket: str, key: str, etag: str | None) -> Download:
        return Download(bucket, key, etag, min(self._max_attempts, MAX_BODY_ATTEMPTS))

    def _make_ask(self, action: str, count: ByteCount) -> Callable[[], None]:
        """Return what is called while a transfer waits: it ends the transfer by raising."""

        def ask() -> None:
            self._interruption.check(action)
            count.ask()

        return ask

    def _before_try(self, operation_name: str) -> None:
        if operation_name in _TRANSFERS:
            self._interruption.check(operation_name)


def _if_unchanged(found: ObjectHead, url: str, expected: Digest, *, may_replace: bool) -> dict[str, str]:
    """Return the condition for replacing other bytes: they must still be the ones that the HEAD described."""
    if not may_replace:
        raise ObjectConflictError(
            f"storing {url}: expected no object, or {expected.size_bytes} bytes with SHA-256 {expected.sha256[:16]}…, "
            f"found {found.description}, which the catalog acknowledges; nothing was overwritten: find out which media "
            "it belongs to"
        )
    return {"IfMatch": found.etag}


def _check_announced(url: str, expected: Digest, size_bytes: int, sha256: str | None) -> None:
    """Compare the size and the recorded SHA-256 with the expected ones, before a byte is read. Raises `StoreError`."""
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
