"""What adapters that write files share: digests, files that appear whole or not at all, and typed disk errors.

It is not an adapter itself. It implements no port, knows no vendor, and does not decide where media go.
"""

import errno
import fcntl
import hashlib
import os
import re
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import Digest

BLOCK_BYTES = 1 << 20
"""The size of the blocks in which files are read: so large that SHA-256 dominates, and small enough for memory."""

TEMPORARY_SUFFIX = ".part"
"""A file that is being written is `.{name}.{random}.part`, beside its final name. Only a killed process leaves one."""

_TEMPORARY_NAME_CHARACTERS = 48
"""How much of the final name the hidden one repeats. In any script that is less than the 255 bytes of file systems."""

_TEMPORARY_NAME = re.compile(
    rf"\.(?P<name>.{{1,{_TEMPORARY_NAME_CHARACTERS}}})\.[0-9a-f]{{16}}{re.escape(TEMPORARY_SUFFIX)}", re.DOTALL
)

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_ACCESS_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_NO_LOCKS = frozenset({errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})


@dataclass(frozen=True)
class TemporaryFile:
    """A file being written: a descriptor for reading and writing, and the hidden name that it has until published."""

    descriptor: int
    path: Path


@contextmanager
def disk_errors(action: str) -> Iterator[None]:
    """Turn an `OSError` of the block into a `StoreError`. `action` says what was being done, with its path.

    A full disk, quota or file-size limit is `no_space`. Missing rights or a read-only mount are `access_denied`.
    Anything else is `other`. If absence means something, the caller catches it inside the block.
    """
    try:
        yield
    except StoreError:
        raise  # some are `OSError`s too, such as a `FileNotFoundError` for absence
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in _NO_SPACE:
            raise StoreError(StoreErrorClass.NO_SPACE, f"{action}: {reason}; free space or raise the limit") from error
        if error.errno in _ACCESS_DENIED:
            raise StoreError(
                StoreErrorClass.ACCESS_DENIED,
                f"{action}: {reason}; the pipeline's user needs read and write access there",
            ) from error
        raise StoreError(StoreErrorClass.OTHER, f"{action}: {reason}") from error


def digest_of_descriptor(descriptor: int, *, before_block: Callable[[], None] = lambda: None) -> Digest:
    """Return the digest of a whole open file. It neither uses nor changes the file's position.

    Raises `OSError`, and what `before_block` raises to end it early. It reads about 1 GB a second from the page cache.
    """
    sha256 = hashlib.sha256()
    size = 0
    while True:
        before_block()
        block = os.pread(descriptor, BLOCK_BYTES, size)
        if not block:
            break
        sha256.update(block)
        size += len(block)
    return Digest(size, sha256.hexdigest())


def write_all_at(descriptor: int, data: bytes, offset: int) -> None:
    """Write all of `data` at `offset`, because one system call may write less. Raises `OSError`."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest = rest[written:]
        offset += written


def preallocate(descriptor: int, size_bytes: int) -> None:
    """Reserve the space for a file before it is written, so that a full disk shows at once. Raises `OSError`."""
    if size_bytes == 0:
        return
    if sys.platform == "darwin":
        os.ftruncate(descriptor, size_bytes)  # macOS has no posix_fallocate, so there a full disk shows later
    else:
        os.posix_fallocate(descriptor, 0, size_bytes)


@contextmanager
def temporary_beside(destination: Path) -> Iterator[TemporaryFile]:
    """Open a hidden file in the destination's directory. It is removed at the end, unless it was published.

    Raises `OSError`. The directory must exist.
    """
    beginning = destination.name[:_TEMPORARY_NAME_CHARACTERS]
    path = destination.with_name(f".{beginning}.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        yield TemporaryFile(descriptor, path)
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)


def destination_of_temporary(name: str) -> str | None:
    """Return the beginning of the final name that a temporary file of this name is for. None for any other name."""
    match = _TEMPORARY_NAME.fullmatch(name)
    return match["name"] if match else None


@contextmanager
def directory_lock(directory: Path) -> Iterator[None]:
    """Lock a directory against other threads and processes that take this lock, for the length of the block.

    Raises `OSError`. The lock ends with the process. On a file system without locks there is no such protection, and
    only the lease keeps two workers apart.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)


def publish(source: Path, destination: Path, *, replace: bool) -> None:
    """Move a file that is already synced to its final name, and sync the directory, so that it survives a crash.

    Raises `OSError`: `FileExistsError` if something has the name and `replace` is false, and EXDEV if the two are on
    different file systems.
    """
    if replace:
        source.replace(destination)
    else:
        _move_without_replacing(source, destination)
    sync_directory(destination.parent)


def _move_without_replacing(source: Path, destination: Path) -> None:
    # A rename would silently overwrite what a worker that lost its lease has just put there. A link never does.
    try:
        os.link(source, destination, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # exFAT and some network mounts have no hard links. There only the lease keeps two workers apart.
        if os.path.lexists(destination):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(destination)) from error
        source.rename(destination)
    else:
        source.unlink()


def make_directories(directory: Path) -> None:
    """Make a directory and its missing parents, and sync each into the one above. Raises `OSError`."""
    missing = []
    while not directory.is_dir():
        missing.append(directory)
        directory = directory.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        sync_directory(new.parent)


def sync_file(path: Path) -> None:
    """Sync a file's bytes to the disk. Raises `OSError`."""
    _sync(path, os.O_RDONLY)


def sync_directory(directory: Path) -> None:
    """Sync a directory's entries to the disk. Raises `OSError`."""
    _sync(directory, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
