"""Uploads straight into the bucket: links that let others send one file, and the objects that arrive.

What a link allows is in its signature: key, exact size, content type, metadata, encryption and time. The server holds
to it. A condition looks at what a form says and never at the bytes, so what arrives is as hostile as any download.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import override

from bookmarkai_assets.adapters.common.durable_files import disk_errors
from bookmarkai_assets.adapters.s3_store.client import MAX_ATTEMPTS, Connection, LazyClient, S3Client, connect
from bookmarkai_assets.adapters.s3_store.errors import UploadGoneError, field_of, not_of_s3, vendor_errors
from bookmarkai_assets.adapters.s3_store.head import require_head
from bookmarkai_assets.adapters.s3_store.listing import list_objects
from bookmarkai_assets.adapters.s3_store.metadata import SHA256
from bookmarkai_assets.adapters.s3_store.source import FileSlice, crc64nvme_of_range
from bookmarkai_assets.adapters.s3_store.upload import ENCRYPTION
from bookmarkai_assets.core.errors import ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.ports import ListedObject
from bookmarkai_assets.core.uploads.parts import PlannedPart
from bookmarkai_assets.core.uploads.ports import (
    ArrivedPart,
    PartLink,
    UploadBucket,
    UploadedObject,
    UploadForm,
)
from bookmarkai_assets.core.uploads.upload import Upload

UPLOAD_ID = "upload-id"
"""The metadata that says by which upload's link an object was sent."""

_METADATA = "x-amz-meta-"
_CREATED = "201"


class S3Uploads(UploadBucket):
    """A bucket as the place where uploads arrive. It connects at the first use. Several threads may use it.

    The parameters are those of `S3Store`; `prefix` is what all keys of uploads begin with.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str,
        *,
        region: str | None,
        endpoint: str | None,
        access_key: str | None,
        secret_key: str | None,
        use_path_style: bool,
        use_accelerate: bool = False,
        max_attempts: int = MAX_ATTEMPTS,
        connector: Callable[[Connection], S3Client] = connect,
    ) -> None:
        self._bucket = bucket
        self._prefix = prefix
        connection = Connection(
            region, endpoint, access_key, secret_key, use_path_style, max_attempts, use_accelerate=use_accelerate
        )
        self._client = LazyClient(connection, connector)

    @property
    @override
    def prefix(self) -> str:
        return self._prefix

    @property
    @override
    def origin(self) -> str:
        with self._requests("making a link"):
            url = self._client().generate_presigned_post(self._bucket, f"{self._prefix}origin")["url"]
        parts = urlsplit(str(url))
        return f"{parts.scheme}://{parts.netloc}"

    @override
    def url_of(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    @override
    def make_form(self, upload: Upload, *, now: datetime, seconds: int) -> UploadForm:
        size = upload.digest.size_bytes
        fields = {
            "Content-Type": upload.declared.content_type,
            "x-amz-server-side-encryption": ENCRYPTION,
            "success_action_status": _CREATED,
            **{f"{_METADATA}{name}": value for name, value in _metadata_of(upload).items()},
        }
        conditions = [*({name: value} for name, value in fields.items()), ["content-length-range", size, size]]
        with self._requests(f"making a form for {self.url_of(upload.key)}"):
            form = self._client().generate_presigned_post(
                self._bucket, upload.key, Fields=dict(fields), Conditions=conditions, ExpiresIn=seconds
            )
        return UploadForm(str(form["url"]), form["fields"], now + timedelta(seconds=seconds))

    @override
    def begin_parts(self, upload: Upload) -> str:
        action = f"beginning an upload to {self.url_of(upload.key)}"
        with self._requests(action):
            answer = self._client().create_multipart_upload(
                **self._where(upload),
                ChecksumAlgorithm="CRC64NVME",
                ChecksumType="FULL_OBJECT",
                ContentType=upload.declared.content_type,
                Metadata=_metadata_of(upload),
                ServerSideEncryption=ENCRYPTION,
            )
            return str(field_of(answer, "UploadId", action))

    @override
    def make_part_links(
        self, upload: Upload, parts: Sequence[PlannedPart], *, now: datetime, seconds: int
    ) -> Sequence[PartLink]:
        with self._requests(f"making links to parts of {self.url_of(upload.key)}"):
            return [
                PartLink(
                    number=part.number,
                    size_bytes=part.size_bytes,
                    url=str(
                        self._client().generate_presigned_url(
                            "upload_part",
                            Params=self._part(upload, part) | {"ContentLength": part.size_bytes},
                            ExpiresIn=seconds,
                        )
                    ),
                    headers={"Content-Length": str(part.size_bytes)},
                    expires_at=now + timedelta(seconds=seconds),
                )
                for part in parts
            ]

    @override
    def arrived_parts(self, upload: Upload) -> Sequence[ArrivedPart] | None:
        action = f"listing the parts of {self.url_of(upload.key)}"
        found: list[ArrivedPart] = []
        marker = 0
        try:
            while True:
                with self._requests(action):
                    page = self._client().list_parts(
                        **self._where(upload), UploadId=upload.multipart_id or "", PartNumberMarker=marker
                    )
                for entry in page.get("Parts", []):
                    number = int(field_of(entry, "PartNumber", action))
                    found.append(ArrivedPart(number, field_of(entry, "Size", action), field_of(entry, "ETag", action)))
                if not field_of(page, "IsTruncated", action):
                    return found
                following = int(page.get("NextPartNumberMarker", 0))
                if following <= marker:
                    raise not_of_s3(action)
                marker = following
        except (UploadGoneError, ObjectNotFoundError):
            return None

    @override
    def send_at_once(self, upload: Upload, file: Path) -> None:
        size = upload.digest.size_bytes
        with _opened(file) as descriptor:
            checksum = _checksum_of(descriptor, file, 0, size)
            with self._requests(f"sending {self.url_of(upload.key)}"):
                self._client().put_object(
                    **self._where(upload),
                    Body=FileSlice(descriptor, 0, size),
                    ChecksumCRC64NVME=checksum,
                    ContentType=upload.declared.content_type,
                    Metadata=_metadata_of(upload),
                    ServerSideEncryption=ENCRYPTION,
                )

    @override
    def send_part(self, upload: Upload, part: PlannedPart, file: Path) -> ArrivedPart:
        action = f"sending part {part.number} of {self.url_of(upload.key)}"
        try:
            with _opened(file) as descriptor:
                checksum = _checksum_of(descriptor, file, part.offset, part.size_bytes)
                with self._requests(action):
                    answer = self._client().upload_part(
                        **self._part(upload, part),
                        Body=FileSlice(descriptor, part.offset, part.size_bytes),
                        ChecksumCRC64NVME=checksum,
                    )
            return ArrivedPart(part.number, part.size_bytes, field_of(answer, "ETag", action))
        except UploadGoneError as error:
            raise StoreError(
                StoreErrorClass.NOT_FOUND, f"{action}: the server has dropped this upload; begin it again"
            ) from error

    @override
    def complete_parts(self, upload: Upload, parts: Sequence[ArrivedPart]) -> bool:
        try:
            with self._requests(f"completing {self.url_of(upload.key)}"):
                self._client().complete_multipart_upload(
                    **self._where(upload),
                    UploadId=upload.multipart_id,
                    MultipartUpload={"Parts": [{"PartNumber": part.number, "ETag": part.etag} for part in parts]},
                    ChecksumType="FULL_OBJECT",
                    MpuObjectSize=upload.digest.size_bytes,
                )
        except (UploadGoneError, ObjectNotFoundError):
            return False
        return True

    @override
    def abort_parts(self, upload: Upload, multipart_id: str) -> None:
        with (
            suppress(UploadGoneError, ObjectNotFoundError),
            self._requests(f"aborting the upload to {self.url_of(upload.key)}"),
        ):
            self._client().abort_multipart_upload(**self._where(upload), UploadId=multipart_id)

    @override
    def head(self, key: str) -> UploadedObject | None:
        try:
            found = require_head(self._client(), self._bucket, key)
        except ObjectNotFoundError:
            return None
        return UploadedObject(found.size_bytes, found.sha256, found.tags.get(UPLOAD_ID), found.modified_at)

    @override
    def list(self) -> Iterator[ListedObject]:
        return list_objects(self._client(), self._bucket, self._prefix)

    @override
    def delete(self, key: str) -> None:
        with suppress(ObjectNotFoundError), self._requests(f"deleting {self.url_of(key)}"):
            self._client().delete_object(Bucket=self._bucket, Key=key)

    def _where(self, upload: Upload) -> Mapping[str, Any]:
        return {"Bucket": self._bucket, "Key": upload.key}

    def _part(self, upload: Upload, part: PlannedPart) -> dict[str, Any]:
        return {**self._where(upload), "UploadId": upload.multipart_id, "PartNumber": part.number}

    @contextmanager
    def _requests(self, action: str) -> Iterator[None]:
        with vendor_errors(action, bucket=self._bucket):
            yield


@contextmanager
def _opened(file: Path) -> Iterator[int]:
    with disk_errors(f"reading {file}"):
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _checksum_of(descriptor: int, file: Path, offset: int, size_bytes: int) -> str:
    with disk_errors(f"reading {file}"):
        return crc64nvme_of_range(descriptor, offset, size_bytes)


def _metadata_of(upload: Upload) -> dict[str, str]:
    return {SHA256: upload.digest.sha256, UPLOAD_ID: upload.upload_id}
