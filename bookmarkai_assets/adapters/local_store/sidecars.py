"""What a file itself cannot record, in a hidden JSON file beside it: content type and tags, and the bytes' digest.

A sidecar is written before its file gets its name, and removed after it. It counts only for bytes with its digest.
"""

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bookmarkai_assets.adapters.common.durable_files import publish, temporary_beside, write_all_at
from bookmarkai_assets.core.media.media import Digest

CONTENT_TYPES: Mapping[str, str] = {
    ".3gp": "video/3gpp",
    ".aac": "audio/aac",
    ".avi": "video/x-msvideo",
    ".flac": "audio/flac",
    ".flv": "video/x-flv",
    ".json": "application/json",
    ".m4a": "audio/mp4",
    ".m4v": "video/x-m4v",
    ".mka": "audio/x-matroska",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".srt": "application/x-subrip",
    ".ts": "video/mp2t",
    ".txt": "text/plain",
    ".vtt": "text/vtt",
    ".wav": "audio/x-wav",
    ".weba": "audio/webm",
    ".webm": "video/webm",
}
"""Content types by extension, for files without a sidecar. `mimetypes` would read the machine's own table."""

UNKNOWN_CONTENT_TYPE = "application/octet-stream"

_PREFIX = "."
_SUFFIX = ".json"
_MAX_BYTES = 64 << 10
"""Far more than 2 KB of tags can take. A larger file is not a sidecar."""


@dataclass(frozen=True)
class Sidecar:
    """What is recorded of one file."""

    sha256: str
    size_bytes: int
    content_type: str
    tags: Mapping[str, str]

    @property
    def digest(self) -> Digest:
        """The digest of the bytes that it describes."""
        return Digest(self.size_bytes, self.sha256)


def sidecar_of(file: Path) -> Path:
    """Return the path of a file's sidecar."""
    return file.with_name(f"{_PREFIX}{file.name}{_SUFFIX}")


def file_of(sidecar: Path) -> Path | None:
    """Return the path of the file that a sidecar of this name belongs to. None for a name that is not a sidecar's."""
    name = sidecar.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
    if not name or name.startswith(".") or sidecar.name != f"{_PREFIX}{name}{_SUFFIX}":
        return None
    return sidecar.with_name(name)


def default_sidecar(file: Path, digest: Digest) -> Sidecar:
    """Return what is known of bytes that no sidecar describes."""
    content_type = CONTENT_TYPES.get(file.suffix.lower(), UNKNOWN_CONTENT_TYPE)
    return Sidecar(digest.sha256, digest.size_bytes, content_type, {})


def read_sidecar(path: Path) -> Sidecar | None:
    """Read a sidecar. None if there is none, or something that this package did not write. Raises `OSError`."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MAX_BYTES:
            return None
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return _parse(json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return None


def write_sidecar(path: Path, sidecar: Sidecar) -> None:
    """Write a sidecar durably, replacing an earlier one. Raises `OSError`."""
    if read_sidecar(path) == sidecar:
        return
    data = json.dumps(asdict(sidecar), sort_keys=True).encode("ascii")
    with temporary_beside(path) as temporary:
        write_all_at(temporary.descriptor, data, 0)
        os.fsync(temporary.descriptor)
        publish(temporary.path, path, replace=True)


def _parse(fields: Any) -> Sidecar:  # noqa: ANN401 - whatever a JSON file can hold
    sidecar = Sidecar(**fields)
    if not isinstance(sidecar.tags, dict) or not isinstance(sidecar.size_bytes, int):
        raise TypeError
    if not all(isinstance(text, str) for text in (sidecar.sha256, sidecar.content_type, *sidecar.tags.values())):
        raise TypeError
    return sidecar
