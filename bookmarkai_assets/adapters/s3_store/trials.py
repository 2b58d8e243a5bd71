"""Try on a small object whether a server does what uploads rely on: conditions, checksums and encryption.

Each header is tried by itself, so that the result names the one that a server ignores or refuses. Using the store does
not show what is ignored, because puts guard themselves against it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from bookmarkai_assets.adapters.s3_store.client import S3Client
from bookmarkai_assets.adapters.s3_store.errors import (
    PreconditionFailedError,
    UploadGoneError,
    field_of,
    vendor_errors,
)
from bookmarkai_assets.adapters.s3_store.head import full_crc64nvme_of
from bookmarkai_assets.adapters.s3_store.refused_headers import DOCUMENTATION, REMEDIES, Need
from bookmarkai_assets.adapters.s3_store.source import crc64nvme_of
from bookmarkai_assets.adapters.s3_store.upload import ENCRYPTION
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.health import CheckResult, CheckStatus

_DATA = b"An object of `bookmarkai storage check`. It may be deleted."
_OTHER_DATA = b"Other bytes for the key of the first, which must not replace it."
_NO_ETAG = '"00000000000000000000000000000000"'
"""An ETag that none of these objects has."""

_NOT_ABOUT_A_HEADER = frozenset(
    {
        StoreErrorClass.ACCESS_DENIED,
        StoreErrorClass.INTERRUPTED,
        StoreErrorClass.NO_SPACE,
        StoreErrorClass.THROTTLED,
        StoreErrorClass.TIMEOUT,
        StoreErrorClass.UNAVAILABLE,
    }
)
"""Errors with which a request fails whatever its headers are."""


@dataclass(frozen=True)
class _Attempt:
    """What came of a request. `refusal` is the server's answer if it does not take the request's header."""

    is_done: bool
    refusal: str | None = None


class Trials:
    """The trials of one server, on an object at `key`. Whoever runs them deletes it. `connect` returns the client."""

    def __init__(self, connect: Callable[[], S3Client], bucket: str, key: str) -> None:
        self._connect = connect
        self._where = {"Bucket": bucket, "Key": key}
        self._action = f"trying s3://{bucket}/{key}"

    def by_name(self) -> Mapping[str, Callable[[], CheckResult]]:
        """Return the trials. They raise `StoreError` if the server does not answer, or takes no plain object."""
        return {"conditions": self._try_conditions, "checksums": self._try_checksums, "sse-s3": self._try_encryption}

    def _try_conditions(self) -> CheckResult:
        self._put(_DATA)
        requests = {
            "If-None-Match on PutObject": partial(self._put, _OTHER_DATA, IfNoneMatch="*"),
            "If-None-Match on CompleteMultipartUpload": partial(self._put_in_parts, _OTHER_DATA, {"IfNoneMatch": "*"}),
            "If-Match on PutObject": partial(self._put, _OTHER_DATA, IfMatch=_NO_ETAG),
            "If-Match on CompleteMultipartUpload": partial(self._put_in_parts, _OTHER_DATA, {"IfMatch": _NO_ETAG}),
            "If-Match on GetObject": partial(self._get, IfMatch=_NO_ETAG),
        }
        attempts = {name: self._attempt(request) for name, request in requests.items()}
        refused = _describe_refusals(attempts)
        ignored = [name for name, attempt in attempts.items() if attempt.is_done]
        if not refused and not ignored:
            return CheckResult(CheckStatus.PASS, "a request whose condition is not met does nothing")
        may_overwrite = any(name.startswith("If-None-Match") for name in ignored)
        found = [*refused, *([f"ignores {', '.join(ignored)}"] if ignored else [])]
        danger = ": with this one, two writers of one key can replace each other's bytes" if ignored else ""
        return CheckResult(
            CheckStatus.FAIL if refused or may_overwrite else CheckStatus.WARN,
            f"expected conditions to hold, but the server {'; it '.join(found)}",
            f"{REMEDIES[Need.CONDITION]}{danger}; see {DOCUMENTATION}",
        )

    def _try_checksums(self) -> CheckResult:
        self._put(_DATA)
        right, wrong = crc64nvme_of(_DATA), crc64nvme_of(_OTHER_DATA)
        attempts = {
            "x-amz-checksum-crc64nvme": self._attempt(partial(self._put, _DATA, ChecksumCRC64NVME=right)),
            "x-amz-checksum-algorithm: CRC64NVME": self._attempt(partial(self._put_in_parts, _DATA, crc64nvme=right)),
        }
        if refused := _describe_refusals(attempts):
            return CheckResult(
                CheckStatus.FAIL,
                f"expected checksums to be verified, but the server {'; it '.join(refused)}",
                f"{REMEDIES[Need.CHECKSUM]}; see {DOCUMENTATION}",
            )
        is_kept = full_crc64nvme_of(self._head(ChecksumMode="ENABLED")) == right
        is_wrong_taken = self._attempt(partial(self._put, _DATA, ChecksumCRC64NVME=wrong)).is_done
        if is_wrong_taken and full_crc64nvme_of(self._head(ChecksumMode="ENABLED")) == wrong:
            return CheckResult(
                CheckStatus.FAIL,
                "expected bytes to be compared with their CRC64NVME, but the server took other ones, and keeps the "
                "checksum that was sent as theirs: bytes that change on the way are not noticed",
                f"{REMEDIES[Need.CHECKSUM]}; see {DOCUMENTATION}",
            )
        if is_kept:
            return CheckResult(CheckStatus.PASS, "the server says what CRC64NVME an object has, also in parts")
        lacks = ["does not say what CRC64NVME an object has", *(["does not verify it"] if is_wrong_taken else [])]
        return CheckResult(
            CheckStatus.WARN,
            f"the server {' and '.join(lacks)}: each upload is read back to verify it",
            "run `bookmarkai storage verify --deep` before the first clean-up, or "
            f"{REMEDIES[Need.CHECKSUM]}; see {DOCUMENTATION}",
        )

    def _try_encryption(self) -> CheckResult:
        self._put(_DATA)
        header = f"x-amz-server-side-encryption: {ENCRYPTION}"
        requests = {
            f"{header} on PutObject": partial(self._put, _DATA, ServerSideEncryption=ENCRYPTION),
            f"{header} on CreateMultipartUpload": partial(self._put_in_parts, _DATA, ServerSideEncryption=ENCRYPTION),
        }
        algorithms = []
        for name, request in requests.items():
            if refused := _describe_refusals({name: self._attempt(request)}):
                return CheckResult(
                    CheckStatus.FAIL,
                    f"expected objects to be encrypted, but the server {refused[0]}",
                    f"{REMEDIES[Need.ENCRYPTION]}; see {DOCUMENTATION}",
                )
            algorithms.append(self._head().get("ServerSideEncryption"))
        if None in algorithms:
            return CheckResult(
                CheckStatus.WARN,
                f"the server takes {header}, but does not say that an object is encrypted",
                f"find out whether it encrypts, or encrypt its disks; see {DOCUMENTATION}",
            )
        return CheckResult(CheckStatus.PASS, f"objects are encrypted ({algorithms[0]})")

    def _attempt(self, request: Callable[[], object]) -> _Attempt:
        """Make a request whose header may be refused. Raises `StoreError` if it fails for another reason."""
        try:
            request()
        except PreconditionFailedError:
            return _Attempt(is_done=False)
        except UploadGoneError as error:
            raise StoreError(StoreErrorClass.UNAVAILABLE, f"{self._action}: {error}; try again") from error
        except StoreError as error:
            if error.error_class in _NOT_ABOUT_A_HEADER:
                raise
            return _Attempt(
                is_done=False,
                refusal=None if error.error_class is StoreErrorClass.CHECKSUM else _describe_answer(error),
            )
        return _Attempt(is_done=True)

    def _put(self, data: bytes, **headers: str) -> None:
        with self._requests():
            self._client.put_object(**self._where, Body=data, **headers)

    def _put_in_parts(
        self, data: bytes, condition: Mapping[str, str] | None = None, *, crc64nvme: str | None = None, **headers: str
    ) -> None:
        """Put the data as the only part of a multipart upload, which is aborted if it cannot be completed."""
        checksum: dict[str, Any] = {"ChecksumCRC64NVME": crc64nvme} if crc64nvme else {}
        type_of_checksum = {"ChecksumType": "FULL_OBJECT"} if crc64nvme else {}
        algorithm = {"ChecksumAlgorithm": "CRC64NVME"} if crc64nvme else {}
        with self._requests():
            created = self._client.create_multipart_upload(**self._where, **algorithm, **type_of_checksum, **headers)
            upload = {**self._where, "UploadId": field_of(created, "UploadId", self._action)}
            try:
                answer = self._client.upload_part(**upload, PartNumber=1, Body=data, **checksum)
                part = {"PartNumber": 1, "ETag": field_of(answer, "ETag", self._action), **checksum}
                self._client.complete_multipart_upload(
                    **upload,
                    MultipartUpload={"Parts": [part]},
                    **checksum,
                    **type_of_checksum,
                    **(condition or {}),
                )
            except BaseException:
                with suppress(StoreError, UploadGoneError), self._requests():
                    self._client.abort_multipart_upload(**upload)
                raise

    def _get(self, **headers: str) -> None:
        with self._requests():
            self._client.get_object(**self._where, **headers)["Body"].close()

    def _head(self, **headers: str) -> Mapping[str, Any]:
        with self._requests():
            answer: Mapping[str, Any] = self._client.head_object(**self._where, **headers)
        return answer

    @property
    def _client(self) -> S3Client:
        return self._connect()

    @contextmanager
    def _requests(self) -> Iterator[None]:
        with vendor_errors(self._action, bucket=self._where["Bucket"]):
            yield


def _describe_refusals(attempts: Mapping[str, _Attempt]) -> list[str]:
    return [f"refuses {name} ({attempt.refusal})" for name, attempt in attempts.items() if attempt.refusal is not None]


def _describe_answer(error: StoreError) -> str:
    response = getattr(error.__cause__, "response", {})
    details = response.get("Error", {})
    words = (response.get("ResponseMetadata", {}).get("HTTPStatusCode"), details.get("Code"), details.get("Message"))
    return " ".join(str(word) for word in words if word)[:200] or type(error.__cause__).__name__
