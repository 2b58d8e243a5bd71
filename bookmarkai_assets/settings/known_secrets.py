"""The secrets that this process has read, so that its log can leave them out. Nothing else may ask for them."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

from pydantic import BaseModel, SecretStr

from bookmarkai_assets.settings.secret_files import OTHERS

_PASSWORD = re.compile(r"://[^/?#\s]*?:([^/?#\s]*)@")
_PARTS = re.compile(r"[,\s]+")

_known: set[str] = set()


def remember_secrets(settings: BaseModel, environment: Mapping[str, str]) -> None:
    """Keep the values of secret settings, and of those secrets that others read from the environment."""
    values = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    for value in filter(None, (*values, *(environment.get(name) for name in OTHERS))):
        passwords = [one[1] for one in _PASSWORD.finditer(value)]
        _known.update((value, *passwords, *map(unquote, passwords)))
        # Stored tokens are listed in one setting. A line that shows one of them does not show the list.
        _known.update(_PARTS.split(value))


def known_secrets() -> frozenset[str]:
    """Return every secret that this process has read."""
    return frozenset(_known)
