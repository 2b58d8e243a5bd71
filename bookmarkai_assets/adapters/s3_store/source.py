"""The file being uploaded: read once for its digest and checksums, then sent from the same open descriptor."""

import base64
import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import Buffer, override

from bookmarkai_assets.adapters.common.durable_files import BLOCK_BYTES, disk_errors
from bookmarkai_assets.core.errors import ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import Digest

_CRC_BYTES = 8


@dataclass(frozen=True)
class Part:
    """A run of the source's bytes that goes in one request. `number` counts from 1; the CRC is as S3 writes it."""

    number: int
    offset: int
    size_bytes: int
    crc64nvme: str


@dataclass(frozen=True)
class Source:
    """An open, read-through source. `parts` are in order and cover it; an empty file is one empty part."""

    descriptor: int
    digest: Digest
    crc64nvme: str
    parts: tuple[Part, ...]

    def body(self, part: Part) -> "FileSlice":
        """Give one part's bytes as a stream of its own."""
        return FileSlice(self.descriptor, part.offset, part.size_bytes)


class FileSlice(io.RawIOBase):
    """A read-only, seekable stream over a part of an open file. Several may read one descriptor at a time.

    A file that has shrunk is padded with zeros: the part's checksum then fails at the server at once, where a body
    shorter than announced would hang the connection until its timeout, and again on each retry.
    """

    def __init__(self, descriptor: int, start: int, size_bytes: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._start = start
        self._size = size_bytes
        self._position = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def tell(self) -> int:
        return self._position

    @override
    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        target = memoryview(buffer).cast("B")[: max(0, self._size - self._position)]
        got = os.preadv(self._descriptor, [target], self._start + self._position)
        if got == 0:
            target[:] = bytes(len(target))
            got = len(target)
        self._position += got
        return got


@contextmanager
def opened(path: Path, expected: Digest, *, part_bytes: int) -> Iterator[Source]:
    """Open the file, read it once in blocks, and refuse it unless it has the expected digest.

    Raises `ObjectNotFoundError`, and `StoreError` (checksum, or the disk's).
    """
    with disk_errors(f"reading {path}"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise ObjectNotFoundError(f"expected a file to store at {path}, found none; fetch it again") from None
    try:
        with disk_errors(f"reading {path}"):
            source = _read_through(descriptor, part_bytes)
        if source.digest != expected:
            raise StoreError(
                StoreErrorClass.CHECKSUM,
                f"expected {expected.size_bytes} bytes with SHA-256 {expected.sha256[:16]}… at {path}, found "
                f"{source.digest.size_bytes} with {source.digest.sha256[:16]}…; it was changed or damaged: "
                "fetch it again",
            )
        yield source
    finally:
        os.close(descriptor)


def _read_through(descriptor: int, part_bytes: int) -> Source:
    from awscrt import checksums

    sha256 = hashlib.sha256()
    crc_of_all = offset = 0
    parts: list[Part] = []
    while True:
        crc = size = 0
        while block := os.pread(descriptor, min(BLOCK_BYTES, part_bytes - size), offset + size):
            sha256.update(block)
            crc = checksums.crc64nvme(block, crc)
            size += len(block)
        if parts and size == 0:
            break
        parts.append(Part(len(parts) + 1, offset, size, _as_s3_writes(crc)))
        crc_of_all = checksums.combine_crc64nvme(crc_of_all, crc, size)
        offset += size
        if size < part_bytes:
            break
    return Source(descriptor, Digest(offset, sha256.hexdigest()), _as_s3_writes(crc_of_all), tuple(parts))


def _as_s3_writes(crc: int) -> str:
    return base64.b64encode(crc.to_bytes(_CRC_BYTES)).decode()
