"""Check that an S3 server answers where the settings say: its name resolves, it takes connections, and it speaks S3.

Requests are not signed, so that neither credentials nor permissions can be the cause of a failure.
"""

import socket
from collections.abc import Mapping
from dataclasses import replace
from shlex import quote
from typing import Any
from urllib.parse import urlsplit

from bookmarkai_assets.adapters.s3_store.client import CONNECT_TIMEOUT_SECONDS, Connection, connect
from bookmarkai_assets.core.health import CheckResult, CheckStatus

_NOBODY = "unsigned"
"""Stands in for credentials that are never used: given any, botocore does not search AWS's own chain for some."""


def check_endpoint(connection: Connection, bucket: str) -> CheckResult:
    """Check that an S3 server answers at the endpoint, asking about the bucket without a signature.

    Raises `StoreError` when no client can be made for the connection.
    """
    from botocore import UNSIGNED
    from botocore import exceptions as vendor
    from botocore.parsers import ResponseParserError

    client = connect(replace(connection, access_key=_NOBODY, secret_key=_NOBODY))
    client.meta.events.register("choose-signer.s3", lambda **_: UNSIGNED)
    url: str = client.meta.endpoint_url
    try:
        answer = client.list_objects_v2(Bucket=bucket, MaxKeys=1)
    except vendor.ClientError as error:
        return _explain_refusal(error.response, url, connection)
    except (ResponseParserError, ValueError):
        return _fail_as_not_s3("an answer that is not S3's", url, connection)
    except vendor.BotoCoreError as error:
        return _explain_silence(error, url, connection)
    if "IsTruncated" not in answer:
        return _fail_as_not_s3("a page that is not S3's", url, connection)
    return _pass(url)


def _pass(url: str) -> CheckResult:
    return CheckResult(CheckStatus.PASS, f"an S3 server answers at {url}")


def _explain_refusal(response: Mapping[str, Any], url: str, connection: Connection) -> CheckResult:
    """Pass if the refusal is S3's own, whose code is a word. A web server's refusal has no such code, and fails."""
    code = str(response.get("Error", {}).get("Code", ""))
    details = response.get("ResponseMetadata", {})
    if (code and not code.isdigit()) or "x-amz-request-id" in details.get("HTTPHeaders", {}):
        return _pass(url)
    return _fail_as_not_s3(f"a bare {details.get('HTTPStatusCode', 'answer')}", url, connection)


def _fail_as_not_s3(found: str, url: str, connection: Connection) -> CheckResult:
    return CheckResult(
        CheckStatus.FAIL,
        f"expected an S3 server at {url}, found {found}",
        f"{_name_setting(connection)}; the S3 API often has a port of its own, beside that of a web page. If it is S3 "
        "behind a proxy, see what the proxy answers",
    )


def _explain_silence(error: Exception, url: str, connection: Connection) -> CheckResult:
    from botocore import exceptions as vendor

    host = urlsplit(url).hostname or url
    setting = _name_setting(connection)
    match error:
        case vendor.ConnectTimeoutError():
            found = f"no connection within {CONNECT_TIMEOUT_SECONDS} s"
            remedy = f"see whether a firewall is between here and {host}; or {setting}"
        case vendor.ReadTimeoutError():
            found = f"a connection, but no answer within {connection.patience.request_seconds:g} s"
            remedy = f"see whether the server is well; or {setting}"
        case vendor.ProxyConnectionError():
            found = "a proxy that could not be reached"
            remedy = "correct HTTPS_PROXY or HTTP_PROXY, or name the endpoint's host in NO_PROXY"
        case vendor.SSLError():
            found = "no TLS connection that can be trusted"
            remedy = f"{setting} (http or https?), or set AWS_CA_BUNDLE to the certificate of the server's authority"
        case vendor.EndpointConnectionError():
            found, remedy = _explain_no_connection(host), f"see whether the server is up; or {setting}"
        case _:
            found, remedy = type(error).__name__, f"see whether the server is up; or {setting}"
    return CheckResult(CheckStatus.FAIL, f"expected an S3 server at {url}, found {found}", remedy)


def _explain_no_connection(host: str) -> str:
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        return f"that the name {host} does not resolve ({error.strerror})"
    return "nobody who takes the connection"


def _name_setting(connection: Connection) -> str:
    if connection.endpoint is not None:
        return "correct S3_ENDPOINT"
    return "correct AWS_REGION, or set S3_ENDPOINT for a server other than Amazon's"


def endpoint_option(connection: Connection) -> str:
    """Return the endpoint as an option of AWS's own command line, with a space before it; empty for Amazon's."""
    return f" --endpoint-url {quote(connection.endpoint)}" if connection.endpoint is not None else ""
