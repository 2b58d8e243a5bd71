"""Send one source to one key, under a condition, with checksums that the server verifies."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from bookmarkai_assets.adapters.common.byte_count import ByteCount
from bookmarkai_assets.adapters.s3_store.client import S3Client
from bookmarkai_assets.adapters.s3_store.errors import UploadGoneError, field_of, vendor_errors
from bookmarkai_assets.adapters.s3_store.parallel import Interruption, run_all
from bookmarkai_assets.adapters.s3_store.patience import Patience, hurrying
from bookmarkai_assets.adapters.s3_store.source import Source, SourcePart
from bookmarkai_assets.core.errors import StoreError

_ABORT_PATIENCE = Patience(silent_seconds=2, request_seconds=2)
"""For the abort of an upload that was given up, perhaps because its server is silent. Clean-up finds what is left."""

ENCRYPTION = "AES256"
"""Server-side encryption with the server's own keys."""


@dataclass(frozen=True)
class Upload:
    """What is sent where. `metadata` is the user metadata. `count` counts each part that has arrived.

    `condition` is the If-Match or If-None-Match of the request.
    """

    bucket: str
    key: str
    source: Source
    content_type: str
    metadata: Mapping[str, str]
    condition: Mapping[str, str]
    count: ByteCount

    @property
    def action(self) -> str:
        """The upload in words, for messages."""
        return f"storing s3://{self.bucket}/{self.key}"


def send(client: S3Client, upload: Upload, *, interruption: Interruption) -> None:
    """Send the source: one request if it is one part, else a multipart upload that is aborted on any failure.

    If the answer with the upload's id is lost, the upload stays behind as a leftover.

    Raises `StoreError`, `PreconditionFailedError` if the condition is not met, and `UploadGoneError` if the server has
    lost the upload. A completion whose answer was lost looks the same.
    """
    interruption.check(upload.action)
    upload.count.begin_attempt()
    with vendor_errors(upload.action, bucket=upload.bucket):
        if len(upload.source.parts) == 1:
            _send_at_once(client, upload)
        else:
            _send_in_parts(client, upload, interruption)


def _send_at_once(client: S3Client, upload: Upload) -> None:
    [part] = upload.source.parts
    client.put_object(
        Bucket=upload.bucket,
        Key=upload.key,
        Body=upload.source.body(part),
        ChecksumCRC64NVME=part.crc64nvme,
        ContentType=upload.content_type,
        Metadata=dict(upload.metadata),
        ServerSideEncryption=ENCRYPTION,
        **upload.condition,
    )
    upload.count.add(part.size_bytes)


def _send_in_parts(client: S3Client, upload: Upload, interruption: Interruption) -> None:
    created = client.create_multipart_upload(
        Bucket=upload.bucket,
        Key=upload.key,
        ChecksumAlgorithm="CRC64NVME",
        ChecksumType="FULL_OBJECT",
        ContentType=upload.content_type,
        Metadata=dict(upload.metadata),
        ServerSideEncryption=ENCRYPTION,
    )
    upload_id = field_of(created, "UploadId", upload.action)

    def send_part(part: SourcePart) -> dict[str, object]:
        answer = client.upload_part(
            Bucket=upload.bucket,
            Key=upload.key,
            UploadId=upload_id,
            PartNumber=part.number,
            Body=upload.source.body(part),
            ChecksumCRC64NVME=part.crc64nvme,
        )
        etag = field_of(answer, "ETag", upload.action)
        upload.count.add(part.size_bytes)
        return {"PartNumber": part.number, "ETag": etag, "ChecksumCRC64NVME": part.crc64nvme}

    try:
        parts = run_all(send_part, upload.source.parts, before_each=lambda: interruption.check(upload.action))
        interruption.check(upload.action)
        client.complete_multipart_upload(
            Bucket=upload.bucket,
            Key=upload.key,
            UploadId=upload_id,
            MultipartUpload={"Parts": parts},
            ChecksumCRC64NVME=upload.source.crc64nvme,
            ChecksumType="FULL_OBJECT",
            MpuObjectSize=upload.source.digest.size_bytes,
            **upload.condition,
        )
    except BaseException as error:  # also if the process is told to stop: stored parts cost money until aborted
        _abort(client, upload, upload_id, error)
        raise


def _abort(client: S3Client, upload: Upload, upload_id: str, cause: BaseException) -> None:
    try:
        with (
            hurrying(_ABORT_PATIENCE),
            suppress(UploadGoneError),
            vendor_errors(f"aborting {upload.action}", bucket=upload.bucket),
        ):
            client.abort_multipart_upload(Bucket=upload.bucket, Key=upload.key, UploadId=upload_id)
    except StoreError as error:
        # The error that ended the upload matters more. The bucket's lifecycle rule removes what is left.
        cause.add_note(f"the multipart upload {upload_id} is left behind: {error}")
