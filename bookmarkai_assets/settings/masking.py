"""Settings as text that an operator may see. Secrets are masked, passwords within URLs too."""

import re
from collections.abc import Mapping

from pydantic import SecretStr

from bookmarkai_assets.core.links.urls import HostPort

MASK = "********"
_URLS = frozenset({"CATALOG_URL", "DAGSTER_UI_URL", "S3_ENDPOINT"})


def shown_value(variable: str, value: object, *, is_secret: bool) -> str | None:
    """Return a setting's value as text, or None if it is not set. Of a URL only what is secret in it is masked."""
    if value is None:
        return None
    if variable in _URLS:
        return _without_password(value.get_secret_value() if isinstance(value, SecretStr) else str(value))
    if is_secret:
        return MASK
    if isinstance(value, bool):
        return str(value).lower()
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
