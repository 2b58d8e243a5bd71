"""The file that is uploaded. It is read once for its digest and checksums, then sent from the same open descriptor."""

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
class SourcePart:
    """The bytes of the source that one request sends. `number` counts from 1. The CRC is encoded as in S3's headers."""

    number: int
    offset: int
    size_bytes: int
    crc64nvme: str


@dataclass(frozen=True)
class Source:
    """An open source that has been read once. `parts` are in order and cover it. An empty file has one empty part."""

    descriptor: int
    digest: Digest
    crc64nvme: str
    parts: tuple[SourcePart, ...]

    def body(self, part: SourcePart) -> "FileSlice":
        """Return one part's bytes as a stream."""
        return FileSlice(self.descriptor, part.offset, part.size_bytes)


class FileSlice(io.RawIOBase):
    """A read-only, seekable stream over a part of an open file. Several may read one descriptor at a time.

    A file that has shrunk is padded with zeros, so that the server rejects the part's checksum at once. A body that is
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
def open_source(path: Path, expected: Digest, *, part_bytes: int) -> Iterator[Source]:
    """Open the file, read it once in blocks, and check that it has the expected digest.

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


def crc64nvme_of(data: bytes) -> str:
    """Return the CRC64NVME of bytes in memory, encoded as in S3's headers."""
    from awscrt import checksums

    return _encode_crc(checksums.crc64nvme(data))


def crc64nvme_of_range(descriptor: int, offset: int, size_bytes: int) -> str:
    """Read a range of an open file in blocks and return its CRC64NVME, encoded as in S3's headers."""
    from awscrt import checksums

    crc, end = 0, offset + size_bytes
    while offset < end and (block := os.pread(descriptor, min(BLOCK_BYTES, end - offset), offset)):
        crc = checksums.crc64nvme(block, crc)
        offset += len(block)
    return _encode_crc(crc)


def _read_through(descriptor: int, part_bytes: int) -> Source:
    from awscrt import checksums

    sha256 = hashlib.sha256()
    crc_of_all = offset = 0
    parts: list[SourcePart] = []
    while True:
        crc = size = 0
        while block := os.pread(descriptor, min(BLOCK_BYTES, part_bytes - size), offset + size):
            sha256.update(block)
            crc = checksums.crc64nvme(block, crc)
            size += len(block)
        if parts and size == 0:
            break
        parts.append(SourcePart(len(parts) + 1, offset, size, _encode_crc(crc)))
        crc_of_all = checksums.combine_crc64nvme(crc_of_all, crc, size)
        offset += size
        if size < part_bytes:
            break
    return Source(descriptor, Digest(offset, sha256.hexdigest()), _encode_crc(crc_of_all), tuple(parts))


def _encode_crc(crc: int) -> str:
    return base64.b64encode(crc.to_bytes(_CRC_BYTES)).decode()
