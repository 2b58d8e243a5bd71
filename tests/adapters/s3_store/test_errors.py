"""What boto3 and S3 servers report, in an operator's terms."""

import pytest
from botocore import exceptions as vendor  # noqa: TID253 - the errors under test are the vendor's
from botocore.parsers import ResponseParserError  # noqa: TID253 - as above

from bookmarkai_assets.adapters.s3_store.errors import vendor_errors
from bookmarkai_assets.core.errors import ObjectNotFoundError, StoreError, StoreErrorClass

SIGNED_URL = "https://media.example.com/a.mp4?X-Amz-Signature=5ec4e7"


def response(
    code: str, status: int, message: str = "words of the server", operation: str = "GetObject"
) -> vendor.ClientError:
    """Return the error that boto3 makes of a server's answer."""
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return vendor.ClientError(answer, operation)


@pytest.mark.parametrize(
    ("error", "error_class"),
    [
        (response("SlowDown", 503), StoreErrorClass.THROTTLED),
        (response("503", 503), StoreErrorClass.THROTTLED),
        (response("TooManyRequests", 429), StoreErrorClass.THROTTLED),
        (response("RequestLimitExceeded", 400), StoreErrorClass.THROTTLED),
        (response("AccessDenied", 403), StoreErrorClass.ACCESS_DENIED),
        (response("403", 403), StoreErrorClass.ACCESS_DENIED),
        (response("ExpiredToken", 400), StoreErrorClass.ACCESS_DENIED),
        (response("InvalidAccessKeyId", 403), StoreErrorClass.ACCESS_DENIED),
        (response("SignatureDoesNotMatch", 403), StoreErrorClass.ACCESS_DENIED),
        (response("RequestTimeout", 400), StoreErrorClass.TIMEOUT),
        (response("NoSuchKey", 404), StoreErrorClass.NOT_FOUND),
        (response("404", 404), StoreErrorClass.NOT_FOUND),
        (response("NoSuchBucket", 404), StoreErrorClass.CONFIGURATION),
        (response("PermanentRedirect", 301), StoreErrorClass.CONFIGURATION),
        (response("BadDigest", 400), StoreErrorClass.CHECKSUM),
        (response("XAmzContentChecksumMismatch", 400), StoreErrorClass.CHECKSUM),
        (response("QuotaExceeded", 403), StoreErrorClass.NO_SPACE),
        (response("InternalError", 500), StoreErrorClass.UNAVAILABLE),
        (response("502", 502), StoreErrorClass.UNAVAILABLE),
        (response("ConditionalRequestConflict", 409), StoreErrorClass.UNAVAILABLE),
        (response("EntityTooLarge", 400), StoreErrorClass.OTHER),
        (vendor.NoCredentialsError(), StoreErrorClass.ACCESS_DENIED),
        (vendor.PartialCredentialsError(provider="env", cred_var="AWS_SECRET"), StoreErrorClass.ACCESS_DENIED),
        (vendor.UnauthorizedSSOTokenError(), StoreErrorClass.ACCESS_DENIED),
        (vendor.ConnectTimeoutError(endpoint_url=SIGNED_URL), StoreErrorClass.TIMEOUT),
        (vendor.ReadTimeoutError(endpoint_url=SIGNED_URL), StoreErrorClass.TIMEOUT),
        (vendor.EndpointConnectionError(endpoint_url=SIGNED_URL), StoreErrorClass.UNAVAILABLE),
        (vendor.ConnectionClosedError(endpoint_url=SIGNED_URL), StoreErrorClass.UNAVAILABLE),
        (vendor.SSLError(endpoint_url=SIGNED_URL, error="bad"), StoreErrorClass.UNAVAILABLE),
        (vendor.IncompleteReadError(actual_bytes=1, expected_bytes=2), StoreErrorClass.UNAVAILABLE),
        (ResponseParserError(f"invalid XML from {SIGNED_URL}"), StoreErrorClass.UNAVAILABLE),
        (ValueError("invalid literal for int() with base 10: '1x'"), StoreErrorClass.UNAVAILABLE),
        (vendor.NoRegionError(), StoreErrorClass.CONFIGURATION),
        (vendor.ParamValidationError(report="Invalid bucket name"), StoreErrorClass.CONFIGURATION),
        (vendor.ProfileNotFound(profile="p"), StoreErrorClass.CONFIGURATION),
        (vendor.BotoCoreError(), StoreErrorClass.OTHER),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{type(value).__name__} {value}"[:60],
)
def test_each_report_has_its_class(error: Exception, error_class: StoreErrorClass) -> None:
    """Each of the vendor's errors becomes a store error of its class that names the operation and no URL."""
    with pytest.raises(StoreError) as caught, vendor_errors("fetching s3://media/a.mp4", bucket="media"):
        raise error

    assert caught.value.error_class is error_class
    assert isinstance(caught.value, ObjectNotFoundError) == (error_class is StoreErrorClass.NOT_FOUND)
    assert str(caught.value).startswith("fetching s3://media/a.mp4: ")
    assert "X-Amz-Signature" not in str(caught.value)
    assert caught.value.__cause__ is error


def test_a_long_message_is_cut() -> None:
    """A server that answers with pages of text does not fill the log."""
    with pytest.raises(StoreError) as caught, vendor_errors("fetching", bucket="media"):
        raise response("InternalError", 500, "x" * 100_000)

    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("operation", "permission"),
    [
        ("PutObject", "s3:PutObject;"),
        ("CreateMultipartUpload", "s3:PutObject;"),
        ("UploadPart", "s3:PutObject;"),
        ("CompleteMultipartUpload", "s3:PutObject;"),
        ("AbortMultipartUpload", "s3:AbortMultipartUpload;"),
        ("HeadObject", "s3:GetObject (and s3:ListBucket,"),
        ("GetObject", "s3:GetObject (and s3:ListBucket,"),
        ("HeadBucket", "s3:ListBucket;"),
        ("ListObjectsV2", "s3:ListBucket;"),
        ("ListMultipartUploads", "s3:ListBucketMultipartUploads;"),
        ("DeleteObject", "s3:DeleteObject;"),
        ("GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration;"),
        ("GetBucketEncryption", "s3:GetEncryptionConfiguration;"),
        ("GetBucketLocation", "s3:GetBucketLocation;"),
        ("RestoreObject", None),
    ],
)
@pytest.mark.parametrize("code", ["AccessDenied", "403", "SignatureDoesNotMatch"])
def test_a_refusal_names_the_permission(operation: str, permission: str | None, code: str) -> None:
    """A refusal names the permission that the operation needs, unless the credentials themselves were rejected."""
    with pytest.raises(StoreError, match="S3_SECRET_KEY") as caught, vendor_errors("looking", bucket="media"):
        raise response(code, 403, operation=operation)

    is_named = permission is not None and code != "SignatureDoesNotMatch"
    assert ("the operation needs" in str(caught.value)) == is_named
    if is_named:
        assert f"the operation needs {permission}" in str(caught.value)
