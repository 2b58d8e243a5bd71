"""Reads a stored file forward, and checks it against its recorded digest."""

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from typing_extensions import Buffer, override

from bookmarkai_assets.adapters.common.durable_files import BLOCK_BYTES, disk_errors
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import Digest


def open_reader(
    descriptor: int,
    path: Path,
    *,
    offset: int,
    size_bytes: int | None,
    recorded: Digest | None,
    before_block: Callable[[], None],
) -> BinaryIO:
    """Return a reader for a part of a file. It owns `descriptor`, which is `path` opened.

    A read of the whole file is checked against `recorded`, unless that is None. `before_block` may raise to end it.
    """
    raw = _FileReader(
        descriptor, path, offset=offset, size_bytes=size_bytes, recorded=recorded, before_block=before_block
    )
    return io.BufferedReader(raw, BLOCK_BYTES)


class _FileReader(io.RawIOBase):
    def __init__(
        self,
        descriptor: int,
        path: Path,
        *,
        offset: int,
        size_bytes: int | None,
        recorded: Digest | None,
        before_block: Callable[[], None],
    ) -> None:
        self._descriptor = descriptor
        self._path = path
        self._before_block = before_block
        size = os.fstat(descriptor).st_size
        self._end = size if size_bytes is None else min(size, offset + size_bytes)
        self._position = min(offset, self._end)
        is_whole = offset == 0 and self._end == size
        self._recorded = recorded if is_whole else None
        self._sha256 = hashlib.sha256()

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        try:
            return self._read_into(memoryview(buffer))
        except StoreError:
            self.close()  # the bytes of the failed read are lost, so to read on would skip them
            raise

    def _read_into(self, buffer: memoryview) -> int:
        self._before_block()
        wanted = buffer[: self._end - self._position]
        with disk_errors(f"reading {self._path}"):
            count = os.preadv(self._descriptor, [wanted], self._position)
        if count == 0 and len(wanted) > 0:
            raise StoreError(
                StoreErrorClass.CHECKSUM,
                f"expected {self._end} bytes in {self._path}, found its end after {self._position}; it was cut while "
                "it was read",
            )
        if self._recorded is not None:
            self._sha256.update(wanted[:count])
        self._position += count
        if self._position == self._end:
            # Before these last bytes are returned. A caller that reads exactly so many would not ask for more.
            self._check()
        return count

    def _check(self) -> None:
        if self._recorded is None:
            return
        found = Digest(self._end, self._sha256.hexdigest())
        if found != self._recorded:
            raise StoreError(
                StoreErrorClass.CHECKSUM,
                f"expected {self._recorded.size_bytes} bytes with SHA-256 {self._recorded.sha256[:16]}… at "
                f"{self._path}, as recorded beside it, found {found.size_bytes} bytes with {found.sha256[:16]}…; it "
                "was changed or damaged",
            )

    @override
    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()
