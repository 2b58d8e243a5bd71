"""The secrets that this process has read, so that its log can leave them out. Nothing else may ask for them."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

from pydantic import BaseModel, SecretStr

from bookmarkai_assets.settings.secret_files import OTHERS

_PASSWORD = re.compile(r"://[^/?#\s]*?:([^/?#\s]*)@")
_SEPARATORS = re.compile(r"[,\s]+")
_ADDRESSES = frozenset(
    {"CATALOG_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "YTDLP_PROXY", "DAGSTER_POSTGRES_URL"}
)
"""URLs of which only the password is a secret. A log must be able to say which server it is about."""

_known: set[str] = set()


def remember_secrets(settings: BaseModel, environment: Mapping[str, str]) -> None:
    """Keep the values of secret settings, and of those secrets that others read from the environment."""
    values = {name.upper(): value.get_secret_value() for name, value in settings if isinstance(value, SecretStr)}
    values |= {name: environment[name] for name in OTHERS if environment.get(name)}
    for name, value in values.items():
        if name in _ADDRESSES:
            passwords = [one[1] for one in _PASSWORD.finditer(value)]
            _known.update((*passwords, *map(unquote, passwords)))
        else:
            # Stored tokens are listed in one setting. A line that shows one of them does not show the list.
            _known.update((value, *_SEPARATORS.split(value)))


def known_secrets() -> frozenset[str]:
    """Return every secret that this process has read."""
    return frozenset(_known)
