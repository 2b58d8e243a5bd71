"""Room on the disk of the local media: how much is free, and that copies to it keep the operator's reserve."""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bookmarkai_assets.core.errors import ReserveError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import ignore_bytes
from bookmarkai_assets.operations.shares.hold import Hold

FreeBytes = Callable[[Path], int]

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
_ACCESS_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def free_bytes(directory: Path) -> int:
    """Return how many bytes we may still write to the file system of a directory, which need not exist yet."""
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    return shutil.disk_usage(existing).free


@contextmanager
def room_for(
    hold: Hold, size_bytes: int, on_bytes: Callable[[int], object] = ignore_bytes, *, free: FreeBytes = free_bytes
) -> Iterator[Callable[[int], object]]:
    """Keep room for a copy to the local disk during the block. Yield the `on_bytes` for its transfer.

    The copies of this worker that have not begun to write count as written. A store reserves a file's space with its
    first bytes. Raises `ReserveError` if less than `DOWNLOAD_MIN_FREE_BYTES` would be left.
    """
    directory, reserve = hold.rules.staging_dir, hold.rules.min_free_bytes
    with hold.planned.lock:
        available = free(directory) - hold.planned.size_bytes
        if available - size_bytes < reserve:
            raise ReserveError(
                f"expected room for {size_bytes} bytes on the disk of {directory} beside the {reserve} bytes of "
                f"DOWNLOAD_MIN_FREE_BYTES, found {available}; free space there, or lower the setting"
            )
        hold.planned.size_bytes += size_bytes
    planned = size_bytes

    def release() -> None:
        nonlocal planned
        with hold.planned.lock:
            hold.planned.size_bytes -= planned
            planned = 0

    def on_moved(moved_bytes: int) -> None:
        if moved_bytes and planned:
            release()
        on_bytes(moved_bytes)

    try:
        yield on_moved
    finally:
        release()


def unwritable(directory: Path, error: OSError) -> StoreError:
    """Return the error of the local disk for a directory below the local media that cannot be made."""
    if error.errno in _NO_SPACE:
        error_class = StoreErrorClass.NO_SPACE
    else:
        error_class = StoreErrorClass.ACCESS_DENIED if error.errno in _ACCESS_DENIED else StoreErrorClass.OTHER
    failure = StoreError(error_class, f"expected to make the directory {directory}, found: {error}")
    failure.backend = Backend.LOCAL
    return failure
