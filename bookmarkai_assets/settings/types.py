"""What several settings share: absolute paths, contradictions, and the host of a URL."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict


def _must_be_absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("expected an absolute path")
    return path


AbsolutePath = Annotated[Path, AfterValidator(_must_be_absolute)]
"""A path that means the same whichever directory a process is started in."""


class SettingsPart(BaseModel):
    """The settings of one subject, a base of `Settings`. Its own validator is never built: it is never made alone."""

    model_config = ConfigDict(defer_build=True)


Problem = tuple[str, str]
"""A setting that contradicts another: the setting's name, and what is wrong."""


def host_of(url: str) -> str | None:
    """Return the host of an http(s) URL, or None for anything else."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError for a port that is not a number
    except ValueError:
        return None
    return parts.hostname if parts.scheme in {"http", "https"} else None


def address_of_pages(text: str, *, example: str) -> str:
    """Return an address that paths can be added to. Raises `ValueError`, naming an example, if it is none."""
    if host_of(text) is None or any(character in text for character in "?#@"):
        raise ValueError(f"expected an http(s) URL without a query, such as {example}")
    return text.rstrip("/")
