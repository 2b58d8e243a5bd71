"""Whether an HTTP server of ours or Dagster's answers a request, from the machine that it runs on."""

from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from bookmarkai_assets.core.health import CheckResult, CheckStatus

_OK = 200


def check_answer(url: str, *, timeout_seconds: float) -> CheckResult:
    """Check that a GET of this http URL is answered with 200. No proxy is asked, and no redirect followed."""
    parts = urlsplit(url)
    if parts.hostname is None:
        raise ValueError(f"expected an http URL with a host, found {url!r}")
    connection = HTTPConnection(parts.hostname, parts.port, timeout=timeout_seconds)
    try:
        connection.request("GET", parts.path or "/", headers={"Connection": "close"})
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return CheckResult(CheckStatus.FAIL, f"expected {url} to answer, found: {reason}")
    finally:
        connection.close()
    if status != _OK:
        return CheckResult(CheckStatus.FAIL, f"expected {url} to answer with {_OK}, found {status}")
    return CheckResult(CheckStatus.PASS, f"{url} answers")
