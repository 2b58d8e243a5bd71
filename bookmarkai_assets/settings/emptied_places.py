"""Read from the environment which directories this machine empties by itself."""

import tempfile
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from bookmarkai_assets.core.emptied_places import EmptiedPlace, emptied_places


class _UserDirectories(BaseSettings):
    """Variables of the XDG base directory specification, by which a relative path is to be ignored."""

    model_config = SettingsConfigDict(extra="ignore")

    xdg_runtime_dir: str = ""
    xdg_cache_home: str = ""


def read_emptied_places() -> tuple[EmptiedPlace, ...]:
    """Return the places of this machine and of the user who runs this."""
    directories = _UserDirectories()
    return emptied_places(
        home=_find_home(),
        temporary=_find_temporary(),
        runtime=_absolute(directories.xdg_runtime_dir),
        cache=_absolute(directories.xdg_cache_home),
    )


def _find_home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # a user id without an entry, as in many containers
        return None


def _find_temporary() -> Path | None:
    """Return where programs put temporary files. Python falls back on the current directory, which nobody empties."""
    directory = Path(tempfile.gettempdir())
    return None if directory == Path.cwd() else directory


def _absolute(value: str) -> Path | None:
    return Path(value) if value.startswith("/") else None
