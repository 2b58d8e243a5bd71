"""The SHA-256 of large files that rarely change. Each file is read once per process, and again if it changes."""

import hashlib
from functools import lru_cache
from pathlib import Path


def sha256_of(file: Path) -> str | None:
    """Return the file's SHA-256 in hex, or None if there is no such file."""
    if not file.is_file():
        return None
    status = file.stat()
    return _digest(file.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest(file: Path, _size_bytes: int, _modified_ns: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
