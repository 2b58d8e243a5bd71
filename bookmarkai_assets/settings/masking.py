"""Settings as text that an operator may see. Secrets are masked, passwords within URLs too."""

import re
from collections.abc import Mapping

from bookmarkai_assets.core.links.urls import HostPort

MASK = "********"
_SECRETS = frozenset(
    {
        "S3_ACCESS_KEY",
        "S3_SECRET_KEY",
        "YTDLP_PROXY",
        "ALERT_WEBHOOK_URL",
        "ALERT_WEBHOOK_SECRET",
        "DOOR_TOKENS",
        "DOOR_SESSION_KEY",
    }
)


def shown_value(variable: str, value: object) -> str | None:
    """Return a setting's value as text, or None if it is not set."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if variable in _SECRETS:
        return MASK
    if variable in {"CATALOG_URL", "DAGSTER_UI_URL", "S3_ENDPOINT"}:
        return _without_password(str(value))
    if isinstance(value, frozenset):
        return ",".join(sorted(f"{v.host}:{v.port}" if isinstance(v, HostPort) else str(v) for v in value))
    if isinstance(value, Mapping):
        return ",".join(f"{name}={number:g}" for name, number in value.items())
    if isinstance(value, tuple):
        return ",".join(str(v).removesuffix("%") for v in value)
    return str(value)


def _without_password(url: str) -> str:
    """Mask what may be a secret in text that is meant to be a URL, even if it is none.

    Everything between the scheme (and user name) and the last @ is masked, and every value in the query.
    """
    head, at, tail = url.rpartition("@")
    if at:
        scheme, slashes, credentials = head.rpartition("://")
        user, colon, _ = credentials.partition(":")
        url = f"{scheme}{slashes}{f'{user}:{MASK}' if colon and slashes else MASK}@{tail}"
    address, question, query = url.partition("?")
    return address + question + re.sub(r"=[^&]*", f"={MASK}", query)
