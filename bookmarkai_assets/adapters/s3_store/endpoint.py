"""Whether an S3 server answers where it is said to be: resolved, connected, and S3. Says nothing of credentials.

Asks without a signature, so that no credential, and no right, can be the reason of a failure.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from shlex import quote
from typing import Any
from urllib.parse import urlsplit

from bookmarkai_assets.adapters.s3_store.client import (
    CONNECT_TIMEOUT_SECONDS,
    READ_TIMEOUT_SECONDS,
    Connection,
    connect,
)

_NOBODY = "unsigned"
"""Stands for a credential that is never used: with one given, the chain of AWS's own is not looked through."""


@dataclass(frozen=True)
class Reached:
    """What is at the endpoint. `remedy` is None where an S3 server answers."""

    found: str
    remedy: str | None = None


def reach(connection: Connection, bucket: str) -> Reached:
    """Ask the endpoint about the bucket, as nobody in particular. Raises `StoreError` for a connection that is none."""
    from botocore import UNSIGNED
    from botocore import exceptions as vendor
    from botocore.parsers import ResponseParserError

    client = connect(replace(connection, access_key=_NOBODY, secret_key=_NOBODY))
    client.meta.events.register("choose-signer.s3", lambda **_: UNSIGNED)
    url: str = client.meta.endpoint_url
    try:
        answer = client.list_objects_v2(Bucket=bucket, MaxKeys=1)
    except vendor.ClientError as error:
        return _of_refusal(error.response, url, connection)
    except (ResponseParserError, ValueError):
        return _not_s3("an answer that is not S3's", url, connection)
    except vendor.BotoCoreError as error:
        return _unreached(error, url, connection)
    if "IsTruncated" not in answer:
        return _not_s3("a page that is not S3's", url, connection)
    return _answers(url)


def _answers(url: str) -> Reached:
    return Reached(f"an S3 server answers at {url}")


def _of_refusal(response: Mapping[str, Any], url: str, connection: Connection) -> Reached:
    """Tell S3's own refusal, which has a code in words, from a web server's, which has none."""
    code = str(response.get("Error", {}).get("Code", ""))
    details = response.get("ResponseMetadata", {})
    if (code and not code.isdigit()) or "x-amz-request-id" in details.get("HTTPHeaders", {}):
        return _answers(url)
    return _not_s3(f"a bare {details.get('HTTPStatusCode', 'answer')}", url, connection)


def _not_s3(found: str, url: str, connection: Connection) -> Reached:
    return Reached(
        f"expected an S3 server at {url}, found {found}",
        f"{_setting(connection)}; the S3 API often has a port of its own, beside that of a web page. If it is S3 "
        "behind a proxy, see what the proxy answers",
    )


def _unreached(error: Exception, url: str, connection: Connection) -> Reached:
    from botocore import exceptions as vendor

    host = urlsplit(url).hostname or url
    setting = _setting(connection)
    match error:
        case vendor.ConnectTimeoutError():
            found = f"no connection within {CONNECT_TIMEOUT_SECONDS} s"
            remedy = f"see whether a firewall is between here and {host}; or {setting}"
        case vendor.ReadTimeoutError():
            found = f"a connection, but no answer within {READ_TIMEOUT_SECONDS} s"
            remedy = f"see whether the server is well; or {setting}"
        case vendor.ProxyConnectionError():
            found = "a proxy that could not be reached"
            remedy = "correct HTTPS_PROXY or HTTP_PROXY, or name the endpoint's host in NO_PROXY"
        case vendor.SSLError():
            found = "no TLS connection that can be trusted"
            remedy = f"{setting} (http or https?), or set AWS_CA_BUNDLE to the certificate of the server's authority"
        case vendor.EndpointConnectionError():
            found, remedy = _of_host(host), f"see whether the server is up; or {setting}"
        case _:
            found, remedy = type(error).__name__, f"see whether the server is up; or {setting}"
    return Reached(f"expected an S3 server at {url}, found {found}", remedy)


def _of_host(host: str) -> str:
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        return f"that the name {host} does not resolve ({error.strerror})"
    return "nobody who takes the connection"


def _setting(connection: Connection) -> str:
    if connection.endpoint is not None:
        return "correct S3_ENDPOINT"
    return "correct AWS_REGION, or set S3_ENDPOINT for a server other than Amazon's"


def endpoint_option(connection: Connection) -> str:
    """Give what AWS's own command line needs to be told of an endpoint, with a space before it; empty for Amazon's."""
    return f" --endpoint-url {quote(connection.endpoint)}" if connection.endpoint is not None else ""
