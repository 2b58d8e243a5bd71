"""Read a presigned link as its receiver would: over plain HTTP, without credentials. The link is never shown.

Only the storage check uses this. Videos are fetched by `downloader`, behind its guard.
"""

import re
import urllib.error
import urllib.request
from http.client import HTTPException

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass

TIMEOUT_SECONDS = 30

_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,100})</Code>")
_MAX_ERROR_BYTES = 10_000


def read_link(link: str, *, max_bytes: int) -> bytes:
    """Read at most `max_bytes` from an http(s) link. Raises `StoreError`, whose message does not name the link.

    A refusal is `access_denied` (403), `not_found` (404) or `other`. No answer is `unavailable`.
    """
    if not link.startswith(("http://", "https://")):
        raise StoreError(StoreErrorClass.CONFIGURATION, "reading the link: expected an http(s) link; check S3_ENDPOINT")
    try:
        with urllib.request.urlopen(link, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - its scheme was checked
            body: bytes = answer.read(max_bytes)
    except urllib.error.HTTPError as error:
        raise _refusal_error(error) from None  # the error contains the link
    except (OSError, HTTPException) as error:
        raise StoreError(
            StoreErrorClass.UNAVAILABLE,
            f"reading the link: no whole answer ({type(error).__name__}); check that the endpoint (S3_ENDPOINT) is "
            "reachable under this name",
        ) from None
    return body


def _refusal_error(error: urllib.error.HTTPError) -> StoreError:
    # Only the code of the body is passed on. The rest may quote what was signed.
    with error:
        code = _CODE.search(error.read(_MAX_ERROR_BYTES))
    answered = f"reading the link: the server answered {error.code}{' ' + code[1].decode() if code else ''}"
    match error.code:
        case 403:
            return StoreError(
                StoreErrorClass.ACCESS_DENIED,
                f"{answered}; allow s3:GetObject to the credentials that sign the link, and check AWS_REGION and "
                "S3_USE_PATH_STYLE",
            )
        case 404:
            return StoreError(StoreErrorClass.NOT_FOUND, f"{answered}; check S3_ENDPOINT and S3_USE_PATH_STYLE")
        case _:
            return StoreError(StoreErrorClass.OTHER, f"{answered}; check S3_ENDPOINT, AWS_REGION and S3_USE_PATH_STYLE")
