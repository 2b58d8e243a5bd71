"""Amazon S3 as a directory: the calls of boto3's client that the S3 store makes, answered from files.

Checksums, conditions, multipart uploads, paging and the lifecycle rule are as Amazon documents them, and refusals are
boto3's own exceptions. What the store does not ask for is left out. Tests on real servers check that they do the same.
"""

import base64
import hashlib
import io
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from tests.crash.s3_files import BucketFiles, ObjectFile, OpenUpload

EXPIRING_PREFIX = "temp/"

Answer = dict[str, Any]


class Fault(StrEnum):
    """What can happen to one request. Faults of a body do nothing to a request without one."""

    SLOW_DOWN = "slow_down"
    """503 before anything is done."""
    INTERNAL_ERROR = "internal_error"
    """500 before anything is done."""
    CORRUPTED = "corrupted"
    """A bit of the body is flipped on the way."""
    TRUNCATED = "truncated"
    """The body ends early."""
    ANSWER_LOST = "answer_lost"
    """It is done, and the connection breaks before the answer."""
    REPEATED = "repeated"
    """It is done, its answer is lost, and the client's own second try is answered instead."""


class _Client(Protocol):
    def __call__(self, **request: Any) -> Answer: ...


class DirectoryS3:
    """A client of one bucket that lives in `root`. Threads may share it; processes may each have one on one directory.

    `clock` stamps what is stored. `on_call` is called for each changing call, with "put_object before" and "put_object
    after" its effect, in the caller's thread. `faults` maps a call's name to what happens to its next calls, in order.
    `page` is how many keys one answer lists.
    """

    def __init__(
        self,
        root: Path,
        bucket: str,
        *,
        clock: Callable[[], datetime],
        on_call: Callable[[str], None] = lambda _: None,
        faults: Mapping[str, Sequence[Fault]] | None = None,
        lifecycle_days: int = 7,
        page: int = 2,
    ) -> None:
        self.files = BucketFiles(root)
        self._bucket = bucket
        self._clock = clock
        self._on_call = on_call
        self._faults = {name: list(kinds) for name, kinds in (faults or {}).items()}
        self._days = lifecycle_days
        self._page = page
        self._lock = threading.Lock()

    def expire(self) -> list[str]:
        """Apply the lifecycle rule as of the clock, as S3 does each day, and return the keys that it deleted."""
        objects = [found for key in self.files.listed() if (found := self.files.read(key))]
        gone = [o.key for o in objects if (end := self._end_of(o)) is not None and end <= self._clock()]
        for key in gone:
            self.files.remove(key)
        return gone

    def head_bucket(self, **request: Any) -> Answer:
        """Raise if the bucket is missing."""
        self._reading("HeadBucket", request)
        return {}

    def head_object(self, **request: Any) -> Answer:
        """Describe an object, with its checksum if that is asked for."""
        self._reading("HeadObject", request)
        found = self._found("HeadObject", request["Key"])
        return self._described(found, with_checksum=request.get("ChecksumMode") == "ENABLED")

    def get_object(self, **request: Any) -> Answer:
        """Read an object, or a range of it."""
        from botocore.response import StreamingBody

        fault = self._reading("GetObject", request)
        found = self._found("GetObject", request["Key"])
        if request.get("IfMatch", found.etag) != found.etag:
            raise _refusal("GetObject", 412, "PreconditionFailed")
        first, last = _range_of(request.get("Range"), len(found.body))
        body = found.body[first : last + 1]
        answer = self._described(found, with_checksum=request.get("ChecksumMode") == "ENABLED")
        if "Range" in request:
            answer["ContentRange"] = f"bytes {first}-{last}/{len(found.body)}"
        stream = StreamingBody(io.BytesIO(_on_the_way(body, fault)), len(body))
        return answer | {"ContentLength": len(body), "Body": stream}

    def list_objects_v2(self, **request: Any) -> Answer:
        """List objects by prefix, `page` at a time."""
        self._reading("ListObjectsV2", request)
        after = request.get("ContinuationToken") or request.get("StartAfter", "")
        keys = [key for key in self.files.listed() if key.startswith(request.get("Prefix", "")) and key > after]
        page = [found for key in keys[: self._page] if (found := self.files.read(key))]
        answer: Answer = {"IsTruncated": len(keys) > self._page, "KeyCount": len(page)}
        if page:
            answer["Contents"] = [
                {"Key": o.key, "Size": len(o.body), "ETag": o.etag, "LastModified": o.last_modified} for o in page
            ]
        if answer["IsTruncated"]:
            answer["NextContinuationToken"] = keys[self._page - 1]
        return answer

    def list_multipart_uploads(self, **request: Any) -> Answer:
        """List open uploads by prefix, `page` at a time."""
        self._reading("ListMultipartUploads", request)
        marker = (request.get("KeyMarker", ""), request.get("UploadIdMarker", ""))
        uploads = [
            upload
            for upload in sorted(self.files.uploads(), key=lambda upload: (upload.key, upload.upload_id))
            if upload.key.startswith(request.get("Prefix", "")) and (upload.key, upload.upload_id) > marker
        ]
        page = uploads[: self._page]
        answer: Answer = {"IsTruncated": len(uploads) > self._page}
        if page:
            answer["Uploads"] = [{"Key": u.key, "UploadId": u.upload_id, "Initiated": u.initiated} for u in page]
        if answer["IsTruncated"]:
            answer |= {"NextKeyMarker": page[-1].key, "NextUploadIdMarker": page[-1].upload_id}
        return answer

    def put_object(self, **request: Any) -> Answer:
        """Store an object at once."""

        def store(**request: Any) -> Answer:
            body, crc = _received("PutObject", request)
            self._check_condition("PutObject", request)
            return self._store(
                ObjectFile(
                    key=request["Key"],
                    body=body,
                    etag=f'"{_md5(body).hex()}"',
                    content_type=request.get("ContentType", "binary/octet-stream"),
                    metadata=request.get("Metadata", {}),
                    crc64nvme=crc,
                    last_modified=self._now(),
                )
            )

        return self._changing("put_object", store, request)

    def create_multipart_upload(self, **request: Any) -> Answer:
        """Open an upload."""

        def create(**request: Any) -> Answer:
            upload = OpenUpload(
                upload_id=secrets.token_hex(8),
                key=request["Key"],
                initiated=self._now(),
                content_type=request.get("ContentType", "binary/octet-stream"),
                metadata=request.get("Metadata", {}),
            )
            self.files.begin_upload(upload)
            return {"Bucket": self._bucket, "Key": upload.key, "UploadId": upload.upload_id}

        return self._changing("create_multipart_upload", create, request)

    def upload_part(self, **request: Any) -> Answer:
        """Store a part of an open upload."""

        def store(**request: Any) -> Answer:
            self._upload("UploadPart", request)
            body, crc = _received("UploadPart", request)
            self.files.write_part(request["UploadId"], request["PartNumber"], body)
            return {"ETag": f'"{_md5(body).hex()}"', "ChecksumCRC64NVME": crc}

        return self._changing("upload_part", store, request)

    def complete_multipart_upload(self, **request: Any) -> Answer:
        """Make the parts of an open upload an object."""

        def complete(**request: Any) -> Answer:
            operation = "CompleteMultipartUpload"
            upload = self._upload(operation, request)
            self._check_condition(operation, request)
            named = request["MultipartUpload"]["Parts"]
            parts = [self.files.read_part(upload.upload_id, part["PartNumber"]) or b"" for part in named]
            if any(f'"{_md5(body).hex()}"' != part["ETag"] for part, body in zip(named, parts, strict=True)):
                raise _refusal(operation, 400, "InvalidPart")
            body, crc = _received(operation, request | {"Body": b"".join(parts)})
            if request.get("MpuObjectSize", len(body)) != len(body):
                raise _refusal(operation, 400, "InvalidRequest")
            answer = self._store(
                ObjectFile(
                    key=upload.key,
                    body=body,
                    etag=f'"{_md5(b"".join(_md5(part) for part in parts)).hex()}-{len(parts)}"',
                    content_type=upload.content_type,
                    metadata=upload.metadata,
                    crc64nvme=crc,
                    last_modified=upload.initiated,
                )
            )
            self.files.end_upload(upload.upload_id)
            return answer

        return self._changing("complete_multipart_upload", complete, request)

    def abort_multipart_upload(self, **request: Any) -> Answer:
        """Discard an open upload with its parts."""

        def abort(**request: Any) -> Answer:
            self.files.end_upload(self._upload("AbortMultipartUpload", request).upload_id)
            return {}

        return self._changing("abort_multipart_upload", abort, request)

    def delete_object(self, **request: Any) -> Answer:
        """Delete an object; absence is no error."""

        def delete(**request: Any) -> Answer:
            self.files.remove(request["Key"])
            return {}

        return self._changing("delete_object", delete, request)

    def _reading(self, operation: str, request: Mapping[str, Any]) -> Fault | None:
        fault = self._next_fault(_method_of(operation))
        _fail_before(operation, fault)
        self._check_bucket(operation, request)
        return fault

    def _changing(self, method: str, act: _Client, request: Mapping[str, Any]) -> Answer:
        from botocore.exceptions import ConnectionClosedError

        operation = method.title().replace("_", "")
        fault = self._next_fault(method)
        sent = dict(request)
        if "Body" in sent:
            whole = sent["Body"].read()
            sent |= {"Body": _on_the_way(whole, fault), "announced": len(whole)}
        self._on_call(f"{method} before")
        _fail_before(operation, fault)
        with self._lock:
            self._check_bucket(operation, request)
            answer = act(**sent)
        self._on_call(f"{method} after")
        if fault is Fault.ANSWER_LOST:
            raise ConnectionClosedError(endpoint_url="https://s3.example")
        if fault is Fault.REPEATED:
            with self._lock:
                return act(**sent)
        return answer

    def _next_fault(self, method: str) -> Fault | None:
        with self._lock:
            waiting = self._faults.get(method)
            return waiting.pop(0) if waiting else None

    def _check_bucket(self, operation: str, request: Mapping[str, Any]) -> None:
        if request["Bucket"] != self._bucket or not self.files.exists():
            raise _refusal(operation, 404, "404" if operation.startswith("Head") else "NoSuchBucket")

    def _check_condition(self, operation: str, request: Mapping[str, Any]) -> None:
        there = self.files.read(request["Key"])
        if "IfMatch" in request and there is None:
            raise _refusal(operation, 404, "NoSuchKey")
        if "IfNoneMatch" in request and there is not None:
            raise _refusal(operation, 412, "PreconditionFailed")
        if "IfMatch" in request and there is not None and there.etag != request["IfMatch"]:
            raise _refusal(operation, 412, "PreconditionFailed")

    def _found(self, operation: str, key: str) -> ObjectFile:
        found = self.files.read(key)
        if found is None:
            raise _refusal(operation, 404, "404" if operation.startswith("Head") else "NoSuchKey")
        return found

    def _upload(self, operation: str, request: Mapping[str, Any]) -> OpenUpload:
        upload = self.files.upload(request["UploadId"])
        if upload is None or upload.key != request["Key"]:
            raise _refusal(operation, 404, "NoSuchUpload")
        return upload

    def _store(self, stored: ObjectFile) -> Answer:
        self.files.write(stored)
        return {"ETag": stored.etag, "ChecksumCRC64NVME": stored.crc64nvme, **self._expiration_of(stored)}

    def _described(self, found: ObjectFile, *, with_checksum: bool) -> Answer:
        answer = {
            "ContentLength": len(found.body),
            "ContentType": found.content_type,
            "ETag": found.etag,
            "LastModified": found.last_modified,
            "Metadata": dict(found.metadata),
            **self._expiration_of(found),
        }
        return answer | ({"ChecksumCRC64NVME": found.crc64nvme, "ChecksumType": "FULL_OBJECT"} if with_checksum else {})

    def _expiration_of(self, found: ObjectFile) -> Answer:
        end = self._end_of(found)
        return {"Expiration": f'expiry-date="{format_datetime(end, usegmt=True)}", rule-id="temp"'} if end else {}

    def _end_of(self, found: ObjectFile) -> datetime | None:
        """Return when the lifecycle rule applies: so many days later, at the next midnight UTC."""
        if not found.key.startswith(EXPIRING_PREFIX):
            return None
        day = (found.last_modified + timedelta(days=self._days)).astimezone(UTC)
        return (day + timedelta(days=1, microseconds=-1)).replace(hour=0, minute=0, second=0, microsecond=0)

    def _now(self) -> datetime:
        return self._clock().replace(microsecond=0)


def _received(operation: str, request: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return the body as it arrived and its checksum, as S3 writes it. Refuse a body that was announced differently."""
    from awscrt import checksums

    body: bytes = request["Body"]
    if len(body) != request.get("announced", len(body)):
        raise _refusal(operation, 400, "IncompleteBody")
    crc = base64.b64encode(checksums.crc64nvme(body).to_bytes(8)).decode()
    if request.get("ChecksumCRC64NVME", crc) != crc:
        raise _refusal(operation, 400, "BadDigest")
    return body, crc


def _on_the_way(body: bytes, fault: Fault | None) -> bytes:
    if fault is Fault.CORRUPTED and body:
        middle = len(body) // 2
        return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
    return body[: len(body) // 2] if fault is Fault.TRUNCATED else body


def _fail_before(operation: str, fault: Fault | None) -> None:
    if fault is Fault.SLOW_DOWN:
        raise _refusal(operation, 503, "SlowDown")
    if fault is Fault.INTERNAL_ERROR:
        raise _refusal(operation, 500, "InternalError")


def _refusal(operation: str, status: int, code: str) -> Exception:
    from botocore.exceptions import ClientError

    refusal: Exception = ClientError(
        {"Error": {"Code": code, "Message": f"{code} by the test"}, "ResponseMetadata": {"HTTPStatusCode": status}},
        operation,
    )
    return refusal


def _range_of(header: str | None, size_bytes: int) -> tuple[int, int]:
    """Parse `bytes=first-last`, both inclusive; the last may be left out."""
    if header is None:
        return 0, size_bytes - 1
    first, _, last = header.removeprefix("bytes=").partition("-")
    if int(first) >= size_bytes:
        raise _refusal("GetObject", 416, "InvalidRange")
    return int(first), min(int(last) if last else size_bytes, size_bytes - 1)


def _method_of(operation: str) -> str:
    return {
        "HeadBucket": "head_bucket",
        "HeadObject": "head_object",
        "GetObject": "get_object",
        "ListObjectsV2": "list_objects_v2",
        "ListMultipartUploads": "list_multipart_uploads",
    }[operation]


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()
