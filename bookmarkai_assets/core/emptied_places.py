"""Which directories a system empties by itself, so that nothing that is to stay may be there.

The environment comes in as parameters. Symbolic links have been followed by whoever asks.
"""

# ruff: noqa: S108 - these places are warned of, and not used

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath

_OLD = "where systems remove what is old, or everything at a start"
_MEMORY = "which is in memory and gone after a restart"
_CACHE = "which anything may empty to free space"
_SESSION = "which goes when its user logs out"


@dataclass(frozen=True)
class EmptiedPlace:
    """A directory that is emptied, and why: words that go on after its name."""

    directory: PurePath
    why: str


_EVERYWHERE = tuple(
    EmptiedPlace(PurePosixPath(directory), why)
    for directory, why in (
        ("/tmp", _OLD),
        ("/var/tmp", _OLD),
        ("/usr/tmp", _OLD),
        ("/private/tmp", _OLD),  # macOS, as the next two
        ("/private/var/tmp", _OLD),
        ("/private/var/folders", _OLD),
        ("/var/folders", _OLD),
        ("/run", _MEMORY),
        ("/var/run", _MEMORY),
        ("/var/lock", _MEMORY),
        ("/dev/shm", _MEMORY),
        ("/var/cache", _CACHE),
    )
)

_DISKS = (PurePosixPath("/run/media"), PurePosixPath("/var/run/media"))
"""Where desktops mount disks."""


def emptied_places(
    *, home: PurePath | None, temporary: PurePath | None, runtime: PurePath | None, cache: PurePath | None
) -> tuple[EmptiedPlace, ...]:
    """Return the places of a machine and of a user with this home.

    `temporary` is where programs put temporary files, `runtime` the user's directory of a session (`XDG_RUNTIME_DIR`)
    and `cache` the one for caches (`XDG_CACHE_HOME`). One that the home is in is not emptied, whatever it is used for.
    """
    of_user = [(temporary, _OLD), (runtime, _SESSION), (cache, _CACHE)]
    if home is not None:
        of_user += [(home / ".cache", _CACHE), (home / "Library" / "Caches", _CACHE)]
    return (
        *(
            EmptiedPlace(directory, why)
            for directory, why in of_user
            if directory is not None and not (home is not None and home.is_relative_to(directory))
        ),
        *_EVERYWHERE,
    )


def find_emptied_place(path: PurePath, places: Iterable[EmptiedPlace]) -> EmptiedPlace | None:
    """Return the place that a path is in, the innermost if there are several; None if nobody empties it."""
    if any(path.is_relative_to(disks) for disks in _DISKS):
        return None
    around = [place for place in places if path.is_relative_to(place.directory)]
    return max(around, key=lambda place: len(place.directory.parts), default=None)
