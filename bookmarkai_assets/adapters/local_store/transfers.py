"""The steps of a put: check the source, get the bytes onto the target's file system, then give them the final name."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from bookmarkai_assets.adapters.common.durable_files import (
    BLOCK_BYTES,
    digest_of_descriptor,
    directory_lock,
    preallocate,
    publish,
    temporary_beside,
    write_all_at,
)
from bookmarkai_assets.adapters.local_store.sidecars import Sidecar, sidecar_of, write_sidecar
from bookmarkai_assets.core.errors import ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.media.ports import ignore_bytes


def open_regular(path: Path) -> int | None:
    """Open a stored file for reading. None if there is none.

    Raises `OSError`, and `StoreError` (other) for anything but a regular file.
    """
    try:
        # O_NONBLOCK, so that a pipe of that name does not block until somebody writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise _not_regular(path)


def check_source(source: Path, expected: Digest, *, before_block: Callable[[], None]) -> None:
    """Read the source and compare its digest. Raises `OSError` and `StoreError`: not found, checksum or other."""
    try:
        mode = source.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise ObjectNotFoundError(f"expected a file to store at {source}, found none; fetch it again") from None
    if not stat.S_ISREG(mode):
        raise _not_regular(source)
    with source.open("rb", buffering=0) as file:
        found = digest_of_descriptor(file.fileno(), before_block=before_block)
    if found != expected:
        raise mismatch(source, expected, found)


def move_in(
    source: Path,
    target: Path,
    sidecar: Sidecar,
    *,
    may_replace: bool,
    before_block: Callable[[], None],
    on_bytes: Callable[[int], object] = ignore_bytes,
) -> None:
    """Move a checked source to its final name. Raises what `copy_in` raises."""
    with source.open("rb", buffering=0) as file:
        os.utime(file.fileno())  # a stored file's time is when it was stored, as in a bucket
        os.fsync(file.fileno())  # after the move, a crash must not keep the name and lose the bytes
    try:
        _publish_with_sidecar(source, target, sidecar, may_replace=may_replace)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy_in(source, target, sidecar, may_replace=may_replace, before_block=before_block, on_bytes=on_bytes)
        source.unlink(missing_ok=True)


def copy_in(
    source: Path,
    target: Path,
    sidecar: Sidecar,
    *,
    may_replace: bool,
    before_block: Callable[[], None],
    on_bytes: Callable[[int], object] = ignore_bytes,
) -> None:
    """Copy to a file beside the target, then give the copy the final name. The source stays.

    Raises `OSError`, such as `FileExistsError` if the target exists by now and must not be replaced. Raises
    `StoreError` (checksum) if the source has changed.
    """
    with source.open("rb", buffering=0) as file, temporary_beside(target) as temporary:
        os.fchmod(temporary.descriptor, stat.S_IMODE(os.fstat(file.fileno()).st_mode))
        copy_verified(
            file.fileno(),
            temporary.descriptor,
            sidecar.digest,
            source,
            before_block=before_block,
            on_bytes=on_bytes,
        )
        _publish_with_sidecar(temporary.path, target, sidecar, may_replace=may_replace)


def copy_verified(
    source: int,
    destination: int,
    expected: Digest,
    path: Path,
    *,
    before_block: Callable[[], None],
    on_bytes: Callable[[int], object] = ignore_bytes,
) -> None:
    """Copy between descriptors, check the digest of what was read, and sync. Raises `StoreError` and `OSError`."""
    preallocate(destination, expected.size_bytes)
    sha256 = hashlib.sha256()
    size = 0
    while True:
        before_block()
        block = os.pread(source, BLOCK_BYTES, size)
        if not block:
            break
        sha256.update(block)
        write_all_at(destination, block, size)
        size += len(block)
        on_bytes(len(block))
    found = Digest(size, sha256.hexdigest())
    if found != expected:
        raise mismatch(path, expected, found)
    os.fsync(destination)


def mismatch(path: Path, expected: Digest, found: Digest) -> StoreError:
    """Return the error for bytes that are not the expected ones."""
    return StoreError(
        StoreErrorClass.CHECKSUM,
        f"expected {describe(expected)} at {path}, found {describe(found)}; it was changed or damaged: fetch it again",
    )


def describe(digest: Digest) -> str:
    """Describe a digest in words, for messages."""
    return f"{digest.size_bytes} bytes with SHA-256 {digest.sha256[:16]}…"


def _publish_with_sidecar(source: Path, target: Path, sidecar: Sidecar, *, may_replace: bool) -> None:
    """Write the sidecar, then name the file. So a file with its final name has one, whenever the process dies."""
    sidecar_path = sidecar_of(target)
    with directory_lock(target.parent):
        if not may_replace and os.path.lexists(target):
            # Its sidecar belongs to somebody else.
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        try:
            write_sidecar(sidecar_path, sidecar)
            publish(source, target, replace=may_replace)
        except BaseException:
            if not os.path.lexists(target):
                sidecar_path.unlink(missing_ok=True)
            raise


def _not_regular(path: Path) -> StoreError:
    return StoreError(StoreErrorClass.OTHER, f"expected a regular file at {path}, found another kind of entry")
