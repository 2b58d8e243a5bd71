"""Walking the media directory: its files in the order of their keys, and what killed transfers left between them.

Symbolic links are never followed, and hidden directories (staging is one) never entered.
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
class FoundFile:
    """A regular file below the root. `key` is its path from there, whether or not it is fit to be an object's."""

    key: str
    path: Path
    size_bytes: int
    modified_seconds: float


def stored_files(root: Path, prefix: str) -> Iterator[FoundFile]:
    """Find the files whose keys begin with `prefix`, in the order of the keys' code points.

    A file whose name no key could have is not found. Raises `StoreError` for a directory that cannot be read.
    """
    for key, entry in _walk(root, prefix):
        if key.startswith(prefix) and is_safe_key(key) and (found := _regular(key, entry)) is not None:
            yield found


def left_files(root: Path, prefix: str) -> Iterator[FoundFile]:
    """Find the temporary files, and the sidecars without their file, of keys that begin with `prefix`.

    Raises `StoreError` for a directory that cannot be read.
    """
    for key, entry in _walk(root, prefix):
        path = Path(entry.path)
        if (destination := destination_of_leftover(path)) is None:
            continue
        # Of a temporary file's destination only the beginning of the name is known.
        destination_key = key.removesuffix(entry.name) + destination
        if not destination_key.startswith(prefix) and not prefix.startswith(destination_key):
            continue
        if (found := _regular(key, entry)) is not None:
            yield found


def destination_of_leftover(path: Path) -> str | None:
    """Give the name, or its beginning, that a leftover was to have; None for what is none, going by name and content.

    Raises `StoreError` when it cannot be read.
    """
    beginning = destination_of_temporary(path.name)
    if beginning is not None:
        return beginning.removeprefix(".")  # a sidecar's temporary file: the name of the sidecar is hidden itself
    file = file_of(path)
    if file is None or os.path.lexists(file):
        return None
    with disk_errors(f"reading {path}"):
        return file.name if read_sidecar(path) is not None else None


def _walk(root: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Give every entry that is no directory, as far as keys below its directory can begin with `prefix`."""
    if not os.path.lexists(root):
        return  # nothing was stored yet; a link to a disk that is not mounted is another matter
    pending = _entries(str(root), "")
    while pending:
        key, entry = pending.pop()
        if not key.endswith("/"):
            yield key, entry
        elif is_safe_key(key[:-1]) and (key.startswith(prefix) or prefix.startswith(key)):
            pending += _entries(entry.path, key)


def _entries(directory: str, key: str) -> list[tuple[str, os.DirEntry[str]]]:
    """Read a directory, last entry first.

    A directory's name sorts with its `/`, as it does in the keys below it: so `a.b` comes before `a/b`.
    """
    with disk_errors(f"listing {directory}"), os.scandir(directory) as entries:
        found = [
            (f"{key}{entry.name}/" if entry.is_dir(follow_symlinks=False) else f"{key}{entry.name}", entry)
            for entry in entries
        ]
    return sorted(found, key=itemgetter(0), reverse=True)


def _regular(key: str, entry: os.DirEntry[str]) -> FoundFile | None:
    with disk_errors(f"listing {entry.path}"):
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None  # removed since its directory was read
    if not stat.S_ISREG(found.st_mode):
        return None
    return FoundFile(key, Path(entry.path), found.st_size, found.st_mtime)
