"""Fetch one version of one object in ranges, each of which is tried again from where it broke off.

The caller checks whether the bytes that arrive are the right ones.
"""

import re
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from bookmarkai_assets.adapters.common.byte_count import ByteCount
from bookmarkai_assets.adapters.common.durable_files import BLOCK_BYTES, write_all_at
from bookmarkai_assets.adapters.s3_store.client import S3Client
from bookmarkai_assets.adapters.s3_store.errors import PreconditionFailedError, field_of, vendor_errors
from bookmarkai_assets.adapters.s3_store.metadata import SHA256
from bookmarkai_assets.adapters.s3_store.parallel import Interruption, run_all
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass

MAX_BODY_ATTEMPTS = 5
"""Tries for a range whose body breaks off. The client's own retries end once an answer's headers have arrived."""

_OBJECT_BYTES = re.compile(r"/(\d+)$")
"""The object's size in a Content-Range, such as `bytes 0-999/5000`."""

_FIRST_PAUSE_SECONDS = 0.1
_BODY_FAILURES = frozenset({StoreErrorClass.UNAVAILABLE, StoreErrorClass.TIMEOUT, StoreErrorClass.CHECKSUM})


@dataclass(frozen=True)
class Download:
    """What is fetched: one version of an object, by its ETag once that is known. `attempts` limits tries per range."""

    bucket: str
    key: str
    etag: str | None
    attempts: int

    @property
    def action(self) -> str:
        """The download in words, for messages."""
        return f"fetching s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class ByteRange:
    """Consecutive bytes of an object."""

    offset: int
    size_bytes: int

    @property
    def header(self) -> str:
        """The value of the Range header. The range must not be empty."""
        return f"bytes={self.offset}-{self.offset + self.size_bytes - 1}"

    def parts(self, part_bytes: int) -> Iterator["ByteRange"]:
        """Divide the range into ranges of that size. The last one may be smaller."""
        end = self.offset + self.size_bytes
        for offset in range(self.offset, end, part_bytes):
            yield ByteRange(offset, min(part_bytes, end - offset))


@dataclass(frozen=True)
class StartedDownload:
    """A download whose first range has been requested. Its body has not been read yet.

    The answer makes a HEAD unnecessary: `object_bytes` is the size of the whole object, `sha256` the recorded one.
    """

    download: Download
    first: ByteRange
    answer: Mapping[str, Any]
    object_bytes: int
    sha256: str | None


def start(client: S3Client, download: Download, wanted: ByteRange) -> StartedDownload:
    """Request the first range of the current version. `download` has no ETag yet.

    This halves the requests for a small file. Raises `StoreError`, and `ObjectNotFoundError` for absence.
    """
    answer = _request(client, download, wanted)
    size = _OBJECT_BYTES.search(answer.get("ContentRange", ""))
    return StartedDownload(
        replace(download, etag=field_of(answer, "ETag", download.action)),
        wanted,
        answer,
        int(size[1]) if size else field_of(answer, "ContentLength", download.action),
        answer.get("Metadata", {}).get(SHA256),
    )


def fetch(
    client: S3Client,
    started: StartedDownload,
    descriptor: int,
    *,
    part_bytes: int,
    interruption: Interruption,
    count: ByteCount,
) -> None:
    """Write the object's bytes to the file, several ranges at a time. Raises `StoreError`, and `OSError` for the file.

    `count` counts each block.
    """

    def fetch_part(wanted: ByteRange) -> None:
        offset = wanted.offset
        answer = started.answer if wanted == started.first else None
        for block in blocks_of(client, started.download, wanted, answer=answer, interruption=interruption):
            write_all_at(descriptor, block, offset)
            offset += len(block)
            count.add(len(block))

    # If the transfer is interrupted early, the first answer is never read.
    with closing(started.answer["Body"]):
        run_all(
            fetch_part,
            ByteRange(0, started.object_bytes).parts(part_bytes),
            before_each=lambda: interruption.check(started.download.action),
        )


def blocks_of(
    client: S3Client,
    download: Download,
    wanted: ByteRange,
    *,
    interruption: Interruption,
    answer: Mapping[str, Any] | None = None,
) -> Generator[bytes, None, None]:
    """Yield the bytes of one range in order, in blocks of at most a megabyte, each byte once.

    `answer` is the answer to an earlier request for the range, if its body has not been read yet.

    Raises `StoreError`: checksum if the object has been replaced since its ETag was read, interrupted if the
    interruption is set, and the error of the last try.
    """
    position, end = wanted.offset, wanted.offset + wanted.size_bytes
    for attempt in range(1, download.attempts + 1):
        interruption.check(download.action)
        rest = ByteRange(position, end - position)
        if answer is None:
            answer = _request(client, download, rest)
        try:
            # Closed here and not by the garbage collector, because an error's traceback keeps this frame alive.
            with closing(_read_body(answer, download, rest)) as blocks:
                for block in blocks:
                    position += len(block)
                    yield block
                    interruption.check(download.action)
        except StoreError as error:
            answer = None
            if error.error_class not in _BODY_FAILURES or attempt == download.attempts:
                raise
            time.sleep(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
        else:
            return


def _request(client: S3Client, download: Download, wanted: ByteRange) -> Mapping[str, Any]:
    try:
        with vendor_errors(download.action, bucket=download.bucket):
            condition = {"IfMatch": download.etag} if download.etag is not None else {}
            answer: Mapping[str, Any] = client.get_object(
                Bucket=download.bucket, Key=download.key, Range=wanted.header, **condition
            )
            return answer
    except PreconditionFailedError as error:
        raise StoreError(
            StoreErrorClass.CHECKSUM, f"{download.action}: the object was replaced while it was read; try again"
        ) from error


def _read_body(answer: Mapping[str, Any], download: Download, wanted: ByteRange) -> Generator[bytes, None, None]:
    with closing(answer["Body"]) as body:
        announced = field_of(answer, "ContentLength", download.action)
        if announced != wanted.size_bytes:
            raise StoreError(
                StoreErrorClass.CHECKSUM,
                f"{download.action}: expected {wanted.size_bytes} bytes for {wanted.header}, found {announced}; "
                "something between here and the server cuts answers: try again",
            )
        # The vendor's stream never returns more than was announced, and raises if it ends before that.
        while True:
            with vendor_errors(download.action, bucket=download.bucket):
                block = body.read(BLOCK_BYTES)
            if not block:
                return
            yield block
