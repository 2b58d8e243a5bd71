"""Media in a local directory: `MediaStore` over one file tree. Keys are relative paths in it, URLs absolute paths.

The directory belongs to the pipeline: nobody else plants symbolic links in it while a transfer runs.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from typing_extensions import override

from bookmarkai_assets.adapters.durable_files import (
    BLOCK_BYTES,
    digest_of,
    digest_of_descriptor,
    disk_errors,
    make_directories,
    preallocate,
    publish,
    sync_directory,
    sync_file,
    temporary_beside,
    write_all_at,
)
from bookmarkai_assets.core.errors import ObjectConflictError, ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.key_safety import check_key
from bookmarkai_assets.core.media import Digest
from bookmarkai_assets.core.placement import Backend
from bookmarkai_assets.core.ports import MediaStore, StoredObject

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
"""A file carries no content type, so its extension says it. A table of our own: `mimetypes` reads the machine's."""

UNKNOWN_CONTENT_TYPE = "application/octet-stream"


class LocalStore(MediaStore):
    """A directory tree as a media store. `root` is made with the first `put`; tags have no place here and are dropped.

    Its setting is `YTDLP_DOWNLOAD_DIR`.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    @property
    @override
    def backend(self) -> Backend:
        return Backend.LOCAL

    @override
    def url_of(self, key: str) -> str:
        check_key(key)
        return str(self._root / key)

    @override
    def put(
        self, source: Path, key: str, *, expected: Digest, content_type: str, tags: Mapping[str, str], may_replace: bool
    ) -> StoredObject:
        target = self._path_of(self.url_of(key))
        stored = StoredObject(str(target), expected, _content_type_of(target))
        with disk_errors(f"storing {target}"):
            found = _digest_if_there(target)
            if found == expected:
                # An earlier put may have been killed between the rename and the sync.
                sync_file(target)
                sync_directory(target.parent)
                return stored
            _check_source(source, expected)
            if found is not None and not may_replace:
                raise _conflict(target, expected, found)
            make_directories(target.parent)
            try:
                _move_in(source, target, expected, replace=found is not None)
            except FileExistsError:
                # Somebody stored under this name in between; they are left alone.
                found = digest_of(target)
                if found != expected:
                    raise _conflict(target, expected, found) from None
        return stored

    @override
    def get(self, url: str, destination: Path, *, expected: Digest) -> None:
        path = self._path_of(url)
        with disk_errors(f"fetching {path} to {destination}"):
            source = _open_if_there(path)
            if source is None:
                raise _not_found(path)
            try:
                make_directories(destination.absolute().parent)
                with temporary_beside(destination) as temporary:
                    preallocate(temporary.descriptor, expected.size_bytes)
                    _copy_verified(source, temporary.descriptor, expected, path)
                    publish(temporary.path, destination, replace=True)
            finally:
                os.close(source)

    @override
    def head(self, url: str) -> StoredObject:
        """Say what is stored at `url`. Reads the whole file for its SHA-256: about a second per GB."""
        path = self._path_of(url)
        with disk_errors(f"reading {path}"):
            digest = _digest_if_there(path)
        if digest is None:
            raise _not_found(path)
        return StoredObject(str(path), digest, _content_type_of(path))

    @override
    def delete(self, url: str) -> None:
        path = self._path_of(url)
        with disk_errors(f"removing {path}"):
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return
            sync_directory(path.parent)

    def _path_of(self, url: str) -> Path:
        """Give the path behind a URL. Raises `StoreError` (configuration) if it is not one of ours below the root."""
        prefix = f"{self._root}{os.sep}"
        if not url.startswith(prefix):
            raise StoreError(
                StoreErrorClass.CONFIGURATION,
                f"expected a file below {self._root}, found {url[:500]!r}; if the media directory was moved, "
                "set YTDLP_DOWNLOAD_DIR to where the recorded files are",
            )
        check_key(url.removeprefix(prefix))
        path = Path(url)
        real = os.path.realpath(path)
        if not Path(real).is_relative_to(os.path.realpath(self._root)):
            raise StoreError(
                StoreErrorClass.CONFIGURATION,
                f"expected {path} to lie below {self._root}, found a symbolic link to {real}; remove the link",
            )
        return path


def _content_type_of(path: Path) -> str:
    return CONTENT_TYPES.get(path.suffix.lower(), UNKNOWN_CONTENT_TYPE)


def _open_if_there(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _digest_if_there(path: Path) -> Digest | None:
    try:
        return digest_of(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _check_source(source: Path, expected: Digest) -> None:
    """Read the source against its digest and sync it: after the move its name must not outlive its bytes."""
    try:
        mode = source.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise ObjectNotFoundError(f"expected a file to store at {source}, found none; fetch it again") from None
    if not stat.S_ISREG(mode):
        raise StoreError(StoreErrorClass.OTHER, f"expected a regular file at {source}, found another kind of entry")
    with source.open("rb", buffering=0) as file:
        found = digest_of_descriptor(file.fileno())
        if found != expected:
            raise _mismatch(source, expected, found)
        os.fsync(file.fileno())


def _move_in(source: Path, target: Path, expected: Digest, *, replace: bool) -> None:
    try:
        publish(source, target, replace=replace)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_in(source, target, expected, replace=replace)


def _copy_in(source: Path, target: Path, expected: Digest, *, replace: bool) -> None:
    """Move across file systems: copy beside the target, then publish the copy, then let the source go."""
    with source.open("rb", buffering=0) as file, temporary_beside(target) as temporary:
        os.fchmod(temporary.descriptor, stat.S_IMODE(os.fstat(file.fileno()).st_mode))
        preallocate(temporary.descriptor, expected.size_bytes)
        _copy_verified(file.fileno(), temporary.descriptor, expected, source)
        publish(temporary.path, target, replace=replace)
    source.unlink(missing_ok=True)


def _copy_verified(source: int, destination: int, expected: Digest, path: Path) -> None:
    """Copy from descriptor to descriptor, hashing what is read, and sync. Raises `StoreError` (checksum)."""
    sha256 = hashlib.sha256()
    size = 0
    while block := os.pread(source, BLOCK_BYTES, size):
        sha256.update(block)
        write_all_at(destination, block, size)
        size += len(block)
    found = Digest(size, sha256.hexdigest())
    if found != expected:
        raise _mismatch(path, expected, found)
    os.fsync(destination)


def _mismatch(path: Path, expected: Digest, found: Digest) -> StoreError:
    return StoreError(
        StoreErrorClass.CHECKSUM,
        f"expected {_words(expected)} at {path}, found {_words(found)}; it was changed or damaged: fetch it again",
    )


def _conflict(target: Path, expected: Digest, found: Digest) -> ObjectConflictError:
    return ObjectConflictError(
        f"expected {target} to be free or to hold {_words(expected)}, found {_words(found)}, which the catalog "
        "acknowledges; nothing was overwritten: find out which media that file belongs to"
    )


def _not_found(path: Path) -> ObjectNotFoundError:
    return ObjectNotFoundError(f"expected a file at {path}, found none")


def _words(digest: Digest) -> str:
    return f"{digest.size_bytes} bytes with SHA-256 {digest.sha256[:16]}…"
