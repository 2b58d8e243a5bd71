"""Check the webhook's settings, and whether its host takes connections. Posts nothing and shows no URL."""

import ipaddress
import socket
from urllib.parse import urlsplit

from bookmarkai_assets.core.health import CheckResult, CheckStatus

CONNECT_SECONDS = 5.0
_PORTS = {"http": 80, "https": 443}


def check_webhook(url: str, *, is_signed: bool) -> CheckResult:
    """Check where alerts are posted to. The settings have validated the URL. Only its host and port are shown."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    location = f"{host}, port {port}"
    try:
        with socket.create_connection((host, port), timeout=CONNECT_SECONDS):
            pass
    except OSError as error:
        why = "no such name is known" if isinstance(error, socket.gaierror) else f"{error.strerror or 'no answer'}"
        return CheckResult(
            CheckStatus.WARN,
            f"expected to connect to {location}, found: {why}",
            "check ALERT_WEBHOOK_URL and the network; behind a proxy this check proves nothing. Alerts stay in the log",
        )
    if parts.scheme == "http" and not _is_near(host):
        return CheckResult(
            CheckStatus.WARN,
            f"{location} answers, but over plain http anybody on the way can read what is posted",
            "set ALERT_WEBHOOK_URL to an https URL",
        )
    if not is_signed:
        return CheckResult(
            CheckStatus.WARN,
            f"{location} answers; what is posted is not signed",
            "set ALERT_WEBHOOK_SECRET here and at the receiver, unless it cannot check signatures",
        )
    return CheckResult(CheckStatus.PASS, f"{location} answers; what is posted is signed")


def _is_near(host: str) -> bool:
    """Whether a host is this machine, or in a private network."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or "." not in host
