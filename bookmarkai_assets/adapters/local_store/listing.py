"""Walk the media directory: its files in the order of their keys, and what killed transfers left among them.

Symbolic links are never followed. Hidden directories, such as staging, are never entered.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from bookmarkai_assets.adapters.common.durable_files import destination_of_temporary, disk_errors
from bookmarkai_assets.adapters.local_store.sidecars import file_of, read_sidecar
from bookmarkai_assets.core.media.key_safety import is_safe_key


@dataclass(frozen=True)
class LocalFile:
    """A regular file below the root. `key` is its path from there, even if it could not be an object's key."""

    key: str
    path: Path
    size_bytes: int
    modified_seconds: float


def stored_files(root: Path, prefix: str) -> Iterator[LocalFile]:
    """Find the files whose keys begin with `prefix`, in the order of the keys' code points.

    Files whose names could not be in a key are left out. Raises `StoreError` for a directory that cannot be read.
    """
    for key, entry in _walk(root, prefix):
        if key.startswith(prefix) and is_safe_key(key) and (found := _regular_file(key, entry)) is not None:
            yield found


def leftover_files(root: Path, prefix: str) -> Iterator[LocalFile]:
    """Find the temporary files, and the sidecars without their file, for keys that begin with `prefix`.

    Raises `StoreError` for a directory that cannot be read.
    """
    for key, entry in _walk(root, prefix):
        path = Path(entry.path)
        if (destination := destination_of_leftover(path)) is None:
            continue
        # Only the beginning of the destination's name is known for a temporary file.
        destination_key = key.removesuffix(entry.name) + destination
        if not destination_key.startswith(prefix) and not prefix.startswith(destination_key):
            continue
        if (found := _regular_file(key, entry)) is not None:
            yield found


def destination_of_leftover(path: Path) -> str | None:
    """Return the name of the file that a leftover belongs to, or its beginning. None for a file that is no leftover.

    The file's name and its content decide. Raises `StoreError` if it cannot be read.
    """
    beginning = destination_of_temporary(path.name)
    if beginning is not None:
        return beginning.removeprefix(".")  # for a sidecar's temporary file: a sidecar's own name is hidden
    file = file_of(path)
    if file is None or os.path.lexists(file):
        return None
    with disk_errors(f"reading {path}"):
        return file.name if read_sidecar(path) is not None else None


def _walk(root: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield every entry that is not a directory. Directories whose keys cannot begin with `prefix` are skipped."""
    if not os.path.lexists(root):
        return  # nothing was stored yet (a link to a disk that is not mounted exists, and raises)
    pending = _entries(str(root), "")
    while pending:
        key, entry = pending.pop()
        if not key.endswith("/"):
            yield key, entry
        elif is_safe_key(key[:-1]) and (key.startswith(prefix) or prefix.startswith(key)):
            pending += _entries(entry.path, key)


def _entries(directory: str, key: str) -> list[tuple[str, os.DirEntry[str]]]:
    """Read a directory, last entry first.

    A directory's name is sorted with its `/`, as in the keys below it, so `a.b` comes before `a/b`.
    """
    with disk_errors(f"listing {directory}"), os.scandir(directory) as entries:
        found = [
            (f"{key}{entry.name}/" if entry.is_dir(follow_symlinks=False) else f"{key}{entry.name}", entry)
            for entry in entries
        ]
    return sorted(found, key=itemgetter(0), reverse=True)


def _regular_file(key: str, entry: os.DirEntry[str]) -> LocalFile | None:
    with disk_errors(f"listing {entry.path}"):
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None  # removed since its directory was read
    if not stat.S_ISREG(found.st_mode):
        return None
    return LocalFile(key, Path(entry.path), found.st_size, found.st_mtime)
