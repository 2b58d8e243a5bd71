"""Turn what boto3 and S3 servers report into errors that an operator can act on. Only this module knows their codes.

Messages name the location, the server's code and what to do. They contain no credential and no signed URL. Of the
vendor's own text only the short message of an error response is passed on, never a request.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from bookmarkai_assets.adapters.s3_store.patience import GivenUpError
from bookmarkai_assets.adapters.s3_store.refused_headers import DOCUMENTATION, explain_refusal
from bookmarkai_assets.core.errors import ObjectNotFoundError, StoreError, StoreErrorClass

_MAX_MESSAGE_CHARACTERS = 200

_CODES: dict[str, StoreErrorClass] = {
    **dict.fromkeys(
        (
            "RequestLimitExceeded",
            "RequestThrottled",
            "SlowDown",
            "Throttling",
            "ThrottlingException",
            "TooManyRequests",
        ),
        StoreErrorClass.THROTTLED,
    ),
    **dict.fromkeys(
        (
            "AccessDenied",
            "ExpiredToken",
            "InvalidAccessKeyId",
            "InvalidToken",
            "RequestTimeTooSkewed",
            "SignatureDoesNotMatch",
        ),
        StoreErrorClass.ACCESS_DENIED,
    ),
    "RequestTimeout": StoreErrorClass.TIMEOUT,
    **dict.fromkeys(
        # `InvalidRange` is a range beyond the object's end, so it is not the object that was expected.
        ("BadDigest", "InvalidDigest", "InvalidRange", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"),
        StoreErrorClass.CHECKSUM,
    ),
    # Two writers of one key collided inside the server, or a body was cut off. The next attempt sees the final state.
    **dict.fromkeys(("ConditionalRequestConflict", "IncompleteBody"), StoreErrorClass.UNAVAILABLE),
    **dict.fromkeys(("QuotaExceeded", "XMinioStorageFull"), StoreErrorClass.NO_SPACE),
    **dict.fromkeys(
        (
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException",
            "InvalidBucketName",
            "NoSuchBucket",
            "NotImplemented",
            "PermanentRedirect",
        ),
        StoreErrorClass.CONFIGURATION,
    ),
}

_STATUSES: dict[int, StoreErrorClass] = {
    HTTPStatus.MOVED_PERMANENTLY: StoreErrorClass.CONFIGURATION,
    HTTPStatus.UNAUTHORIZED: StoreErrorClass.ACCESS_DENIED,
    HTTPStatus.FORBIDDEN: StoreErrorClass.ACCESS_DENIED,
    HTTPStatus.REQUEST_TIMEOUT: StoreErrorClass.TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS: StoreErrorClass.THROTTLED,
    HTTPStatus.NOT_IMPLEMENTED: StoreErrorClass.CONFIGURATION,
    HTTPStatus.SERVICE_UNAVAILABLE: StoreErrorClass.THROTTLED,
    HTTPStatus.INSUFFICIENT_STORAGE: StoreErrorClass.NO_SPACE,
}

_REMEDIES: dict[StoreErrorClass, str] = {
    StoreErrorClass.THROTTLED: "the server asks for fewer requests; lower the number of concurrent runs if it stays so",
    StoreErrorClass.ACCESS_DENIED: (
        "check the credentials (S3_ACCESS_KEY and S3_SECRET_KEY, or AWS's own chain), their rights on the bucket, "
        "and this machine's clock"
    ),
    StoreErrorClass.TIMEOUT: "check the network between here and the endpoint (S3_ENDPOINT)",
    StoreErrorClass.CHECKSUM: "the bytes were changed on the way, or the file while it was sent; try again",
    StoreErrorClass.UNAVAILABLE: "check that the endpoint (S3_ENDPOINT) is up and reachable; try again",
    StoreErrorClass.NO_SPACE: "free space on the server or raise its quota",
    StoreErrorClass.CONFIGURATION: "check S3_MEDIA_BUCKET, AWS_REGION, S3_ENDPOINT and S3_USE_PATH_STYLE",
    StoreErrorClass.OTHER: "see the server's own log for this request",
}

_CLOCK_CODE = "RequestTimeTooSkewed"
_CLOCK_REMEDY = "set this machine's clock (by NTP): a server takes no request whose time is more than 15 minutes off"

_IDENTITY_CODES = frozenset({"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch"})
"""The server rejects the credentials themselves, so the cause is not a missing permission."""

_PERMISSIONS: dict[str, str] = {
    **dict.fromkeys(
        ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"),
        "s3:PutObject",
    ),
    **dict.fromkeys(
        ("HeadObject", "GetObject"), "s3:GetObject (and s3:ListBucket, without which absence looks like refusal)"
    ),
    **dict.fromkeys(("HeadBucket", "ListObjectsV2"), "s3:ListBucket"),
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "ListParts": "s3:ListMultipartUploadParts",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "DeleteObject": "s3:DeleteObject",
    "GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "GetBucketLocation": "s3:GetBucketLocation",
}
"""The IAM permission that each of boto3's operations needs."""

_PRECONDITION_CODES = frozenset({"PreconditionFailed", "412", "NotModified", "304"})
"""A server that follows the rules for reading answers a conditional write with 304."""

_ABSENCE_CODES = frozenset({"NoSuchKey", "NotFound", "404"})


class PreconditionFailedError(Exception):
    """The server refused because `If-Match` or `If-None-Match` is not met. Never leaves this package."""


class UploadGoneError(Exception):
    """The server has no such multipart upload: it was completed, aborted or swept. Never leaves this package."""


@contextmanager
def vendor_errors(action: str, *, bucket: str | None = None) -> Iterator[None]:
    """Turn what boto3 raises in the block into `StoreError`. `action` is text such as `storing s3://bucket/key`.

    Absence is `ObjectNotFoundError`. A missing bucket is a `StoreError` (configuration). A request that was given up on
    somebody's word raises what they raised.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except GivenUpError as given_up:
        raise given_up.error from given_up
    except ClientError as error:
        raise _error_of_response(error.response, error.operation_name, action, bucket) from error
    except ResponseParserError as error:
        raise not_of_s3(action) from error
    except BotoCoreError as error:
        raise _error_of_client(error, action) from error
    except ValueError as error:  # what boto3's parsers raise for an invalid number or date
        raise not_of_s3(action) from error


def missing_bucket(action: str, bucket: str | None) -> StoreError:
    """Return the error for a bucket that does not exist."""
    return StoreError(
        StoreErrorClass.CONFIGURATION,
        f"{action}: expected a bucket named {bucket}, found none; create it or correct S3_MEDIA_BUCKET",
    )


def field_of(answer: Mapping[str, Any], name: str, action: str) -> Any:  # noqa: ANN401 - as the vendor's answers are
    """Read a field that every S3 answer of its kind has. Raises `StoreError` (unavailable) if it is missing."""
    if name not in answer:
        raise not_of_s3(action)
    return answer[name]


def not_of_s3(action: str) -> StoreError:
    """Return the error for an answer that an S3 server cannot have sent."""
    return _error(StoreErrorClass.UNAVAILABLE, action, "an answer that is not S3's, or was damaged on the way")


def _error_of_response(response: Mapping[str, Any], operation: str, action: str, bucket: str | None) -> Exception:
    details = response.get("Error", {})
    code = str(details.get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    found = f"{operation} answered {status} {code}"
    message = str(details.get("Message", ""))[:_MAX_MESSAGE_CHARACTERS]
    if message:
        found += f" ({message})"
    if code in _PRECONDITION_CODES:
        return PreconditionFailedError(found)
    if code == "NoSuchUpload":
        return UploadGoneError(found)
    if code == "NoSuchBucket":
        return missing_bucket(action, bucket)
    if code in _ABSENCE_CODES:
        return ObjectNotFoundError(f"{action}: expected an object, found none ({operation} answered 404)")
    error_class = _class_of_response(code, status)
    refusal = explain_refusal(operation, status, code, details) if _is_unexplained(code) else None
    if refusal is None:
        return _error(error_class, action, found, _refusal_remedy(error_class, operation, code, status))
    if refusal.is_certain and error_class is not StoreErrorClass.ACCESS_DENIED:
        error_class = StoreErrorClass.CONFIGURATION
    return _error(error_class, action, found, refusal.remedy)


def _is_unexplained(code: str) -> bool:
    """Whether the code leaves open what is wrong, so that it may be one of our headers."""
    return code not in _CODES or code in {"AccessDenied", "NotImplemented"}


def _refusal_remedy(error_class: StoreErrorClass, operation: str, code: str, status: int) -> str:
    """Name the permission where a missing one can be the cause. Answers to a HEAD have no code to decide it by."""
    remedy = _REMEDIES[error_class]
    if code == _CLOCK_CODE:
        return _CLOCK_REMEDY
    if status == HTTPStatus.NOT_IMPLEMENTED:
        return f"the server does not have this operation: update it, or use another; see {DOCUMENTATION}"
    if code == "SignatureDoesNotMatch":
        return f"{remedy}; if other requests pass, something before the server changes or drops headers"
    if error_class is not StoreErrorClass.ACCESS_DENIED or code in _IDENTITY_CODES or operation not in _PERMISSIONS:
        return remedy
    return f"the operation needs {_PERMISSIONS[operation]}; {remedy}"


def _class_of_response(code: str, status: int) -> StoreErrorClass:
    by_status = _STATUSES.get(status)
    if by_status is None and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        by_status = StoreErrorClass.UNAVAILABLE
    return _CODES.get(code) or by_status or StoreErrorClass.OTHER


def _error_of_client(error: Exception, action: str) -> StoreError:
    from botocore import exceptions as vendor

    found = type(error).__name__
    match error:
        case vendor.ConnectTimeoutError() | vendor.ReadTimeoutError():
            error_class = StoreErrorClass.TIMEOUT
        case vendor.ConnectionError() | vendor.HTTPClientError() | vendor.IncompleteReadError():
            error_class = StoreErrorClass.UNAVAILABLE
        case (
            vendor.NoCredentialsError()
            | vendor.PartialCredentialsError()
            | vendor.CredentialRetrievalError()
            | vendor.TokenRetrievalError()
            | vendor.SSOError()
        ):
            error_class = StoreErrorClass.ACCESS_DENIED
        case (
            vendor.NoRegionError()
            | vendor.ParamValidationError()
            | vendor.ProfileNotFound()
            | vendor.EndpointProviderError()
            | vendor.ValidationError()
        ):
            error_class = StoreErrorClass.CONFIGURATION
            found = f"{found} ({str(error)[:_MAX_MESSAGE_CHARACTERS]})"
        case _:
            error_class = StoreErrorClass.OTHER
    return _error(error_class, action, found)


def _error(error_class: StoreErrorClass, action: str, found: str, remedy: str | None = None) -> StoreError:
    return StoreError(error_class, f"{action}: {found}; {remedy or _REMEDIES[error_class]}")
