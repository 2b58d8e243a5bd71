"""Reads an object forward as a stream, one block in memory at a time. An object that is read whole is checked."""

import hashlib
import io
from collections.abc import Generator

from typing_extensions import Buffer, override

from bookmarkai_assets.adapters.s3_store.client import S3Client
from bookmarkai_assets.adapters.s3_store.download import ByteRange, Download, blocks_of
from bookmarkai_assets.adapters.s3_store.parallel import Interruption
from bookmarkai_assets.adapters.s3_store.patience import asking
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass


def open_reader(
    client: S3Client,
    download: Download,
    wanted: ByteRange,
    *,
    sha256: str | None,
    part_bytes: int,
    interruption: Interruption,
) -> io.BufferedReader:
    """Return a reader of the wanted bytes, which fetches them in ranges of `part_bytes` as they are read.

    With `sha256`, in hex, the bytes are checked: if it differs, the read that reaches the end raises `StoreError`
    (checksum). A reader closes itself after a failed read.
    """

    def blocks() -> Generator[bytes, None, None]:
        for part in wanted.parts(part_bytes):
            yield from blocks_of(client, download, part, interruption=interruption)

    # With buffering, `read` returns as many bytes as asked for. The buffer has one byte, so that nothing is read ahead:
    # the end is checked when the caller reaches it, and blocks are buffered in `_RawReader`.
    raw = _RawReader(blocks(), wanted.size_bytes, sha256, download.action, interruption)
    return io.BufferedReader(raw, buffer_size=1)


class _RawReader(io.RawIOBase):
    def __init__(
        self,
        blocks: Generator[bytes, None, None],
        size_bytes: int,
        sha256: str | None,
        action: str,
        interruption: Interruption,
    ) -> None:
        super().__init__()
        self._blocks = blocks
        self._block = memoryview(b"")
        self._left = size_bytes
        self._expected = sha256
        self._sha256 = hashlib.sha256()
        self._action = action
        self._interruption = interruption

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        try:
            return self._read_into(memoryview(buffer).cast("B"))
        except StoreError:
            self.close()  # the bytes of the failed read are lost, so to read on would skip them
            raise

    @override
    def close(self) -> None:
        self._blocks.close()
        super().close()

    def _read_into(self, target: memoryview) -> int:
        if not self._block and self._left:
            with asking(lambda: self._interruption.check(self._action)):
                block = next(self._blocks)
            self._sha256.update(block)
            self._block = memoryview(block)
        got = min(len(target), len(self._block))
        target[:got] = self._block[:got]
        self._block = self._block[got:]
        self._left -= got
        if self._left == 0:
            self._check()
        return got

    def _check(self) -> None:
        found = self._sha256.hexdigest()
        if self._expected not in {None, found}:
            raise StoreError(
                StoreErrorClass.CHECKSUM,
                f"{self._action}: expected SHA-256 {str(self._expected)[:16]}…, found {found[:16]}… in the bytes that "
                "arrived; they were changed on the way or in the store: try again",
            )
