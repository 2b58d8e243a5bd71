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


CHECKSUM = "x-amz-checksum-crc64nvme"
ENCRYPTION = "x-amz-server-side-encryption: AES256"
CONDITION = "If-None-Match or If-Match"

REFUSALS = [
    # As real servers word it, with the header named in the message.
    (400, "InvalidArgument", "Unsupported header 'x-amz-checksum-crc64nvme' received for this API call.", CHECKSUM),
    (
        400,
        "InvalidArgument",
        "Unsupported header 'x-amz-sdk-checksum-algorithm' received",
        "x-amz-sdk-checksum-algorithm:",
    ),
    (501, "NotImplemented", "Header 'x-amz-checksum-crc64nvme' with value 'AAAA=' not implemented", CHECKSUM),
    (400, "InvalidRequest", "invalid checksum algorithm", CHECKSUM),
    (400, "InvalidRequest", "Checksum Type mismatch occurred, expected checksum Type: null", CHECKSUM),
    (501, "NotImplemented", "Server side encryption specified but KMS is not configured", ENCRYPTION),
    (400, "InvalidRequest", "Server Side Encryption with AES256 is not supported", ENCRYPTION),
    (400, "InvalidEncryptionAlgorithmError", "The encryption request is not valid", ENCRYPTION),
    (
        501,
        "NotImplemented",
        "Header 'x-amz-server-side-encryption' with value 'AES256' not implemented",
        "x-amz-server-side-encryption:",
    ),
    (501, "NotImplemented", "Conditional object PUTs are not supported.", CONDITION),
    (400, "BadRequest", "If-None-Match is not supported for PUT", "If-None-Match:"),
    (405, "MethodNotAllowed", "if-match is not allowed", "if-match:"),
]


@pytest.mark.parametrize(("status", "code", "message", "header"), REFUSALS)
def test_a_refused_header_is_named(status: int, code: str, message: str, header: str) -> None:
    """A refusal of a checksum, an encryption or a condition names that header and no other, and what to do."""
    with pytest.raises(StoreError) as caught, vendor_errors("storing s3://media/a.mp4", bucket="media"):
        raise response(code, status, message, operation="PutObject")

    said = str(caught.value)
    assert caught.value.error_class is StoreErrorClass.CONFIGURATION
    assert f"the server does not take the header {header}" in said
    assert sum(f"header {name}" in said for name in (CHECKSUM, ENCRYPTION, CONDITION)) <= 1
    assert "another server" in said
    assert "What a server must do" in said
    assert "AWS_REGION" not in said


@pytest.mark.parametrize("name", ["Header", "ArgumentName"])
def test_a_header_that_the_server_names_beside_its_message_is_named(name: str) -> None:
    """Amazon's own form has the header in a field of its own."""
    error = response("NotImplemented", 501, "A header you provided implies functionality that is not implemented")
    error.response["Error"][name] = "If-None-Match"
    error.operation_name = "PutObject"

    with (
        pytest.raises(StoreError, match="the server does not take the header If-None-Match:"),
        vendor_errors("storing"),
    ):
        raise error


@pytest.mark.parametrize(
    ("operation", "headers"),
    [
        ("PutObject", f"one of the headers {CHECKSUM}, {ENCRYPTION} and {CONDITION}"),
        ("CreateMultipartUpload", f"one of the headers x-amz-checksum-algorithm: CRC64NVME and {ENCRYPTION}"),
        ("UploadPart", f"the header {CHECKSUM}"),
        ("CompleteMultipartUpload", f"one of the headers {CHECKSUM} and {CONDITION}"),
        ("HeadObject", "the header x-amz-checksum-mode: ENABLED"),
    ],
)
@pytest.mark.parametrize(
    ("status", "code", "verb", "error_class"),
    [
        (501, "NotImplemented", "does", StoreErrorClass.CONFIGURATION),
        (501, "501", "does", StoreErrorClass.CONFIGURATION),
        (400, "InvalidRequest", "may", StoreErrorClass.OTHER),
        (400, "InvalidArgument", "may", StoreErrorClass.OTHER),
        (400, "BadRequest", "may", StoreErrorClass.OTHER),
        (400, "400", "may", StoreErrorClass.OTHER),
    ],
)
def test_a_refusal_without_a_name_names_all_that_it_can_be(
    operation: str, headers: str, status: int, code: str, verb: str, error_class: StoreErrorClass
) -> None:
    """If a server does not say which header it refuses, all that the request had are named."""
    with pytest.raises(StoreError) as caught, vendor_errors("storing", bucket="media"):
        raise response(code, status, "A header you provided implies functionality", operation=operation)

    assert f"the server {verb} not take {headers}" in str(caught.value)
    assert caught.value.error_class is error_class


@pytest.mark.parametrize(
    ("status", "code", "message", "error_class"),
    [
        (
            400,
            "BadDigest",
            "The CRC64NVME you specified did not match the calculated checksum",
            StoreErrorClass.CHECKSUM,
        ),
        (400, "InvalidDigest", "Failed to validate checksum for algorithm Crc32", StoreErrorClass.CHECKSUM),
        (400, "XAmzContentChecksumMismatch", "x-amz-checksum does not match", StoreErrorClass.CHECKSUM),
        (403, "AccessDenied", "not authorized to perform: kms:GenerateDataKey", StoreErrorClass.ACCESS_DENIED),
        (403, "QuotaExceeded", "no room for encrypted objects", StoreErrorClass.NO_SPACE),
        (500, "InternalError", "We encountered an internal error. Please try again.", StoreErrorClass.UNAVAILABLE),
        (409, "ConditionalRequestConflict", "A conflicting conditional operation", StoreErrorClass.UNAVAILABLE),
        (400, "EntityTooLarge", "too large", StoreErrorClass.OTHER),
        (400, "InvalidPart", "One or more of the specified parts could not be found.", StoreErrorClass.OTHER),
    ],
)
def test_other_refusals_of_a_put_blame_no_header(
    status: int, code: str, message: str, error_class: StoreErrorClass
) -> None:
    """A refusal with a reason of its own keeps that reason, whatever its words."""
    with pytest.raises(StoreError) as caught, vendor_errors("storing", bucket="media"):
        raise response(code, status, message, operation="PutObject")

    assert caught.value.error_class is error_class
    assert "header" not in str(caught.value)


def test_a_header_that_a_policy_forbids_is_named() -> None:
    """A denial that names a header is about the bucket's policy, and no permission is asked for."""
    with pytest.raises(StoreError) as caught, vendor_errors("storing", bucket="media"):
        raise response("AccessDenied", 403, "x-amz-server-side-encryption is not allowed", operation="PutObject")

    assert caught.value.error_class is StoreErrorClass.ACCESS_DENIED
    assert "does not allow the header x-amz-server-side-encryption: see the bucket's policy" in str(caught.value)


def test_a_signature_that_only_some_requests_fail_is_explained() -> None:
    """Headers are signed, so a proxy that drops one makes a put fail with a signature that does not match."""
    with (
        pytest.raises(StoreError, match="something before the server changes or drops headers"),
        vendor_errors("storing"),
    ):
        raise response("SignatureDoesNotMatch", 403, operation="PutObject")


def test_an_operation_that_a_server_does_not_have_is_named() -> None:
    """A server without an operation is distinguished from one that refuses a header."""
    with pytest.raises(StoreError, match="does not have this operation") as caught, vendor_errors("listing"):
        raise response("NotImplemented", 501, operation="ListMultipartUploads")

    assert caught.value.error_class is StoreErrorClass.CONFIGURATION
