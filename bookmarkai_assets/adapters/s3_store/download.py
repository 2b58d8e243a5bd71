"""Fetching one version of one object by ranges, each tried again from where its bytes broke off.

Whether the bytes that arrive are the right ones is for the caller to check.
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
"""Tries per range whose body breaks off. The client's own retries end when an answer's head has arrived."""

_OBJECT_BYTES = re.compile(r"/(\d+)$")
"""In a Content-Range, such as `bytes 0-999/5000`."""

_FIRST_PAUSE_SECONDS = 0.1
_BODY_FAILURES = frozenset({StoreErrorClass.UNAVAILABLE, StoreErrorClass.TIMEOUT, StoreErrorClass.CHECKSUM})


@dataclass(frozen=True)
class Download:
    """What is fetched: one version of one object, by its ETag, once it is known. `attempts` bounds tries per range."""

    bucket: str
    key: str
    etag: str | None
    attempts: int

    @property
    def action(self) -> str:
        """The download in words, for messages."""
        return f"fetching s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Span:
    """A run of an object's bytes."""

    offset: int
    size_bytes: int

    @property
    def header(self) -> str:
        """The span as HTTP names it. It must not be empty."""
        return f"bytes={self.offset}-{self.offset + self.size_bytes - 1}"

    def parts(self, part_bytes: int) -> Iterator["Span"]:
        """Cut the span into pieces of that size and a last one that may be smaller."""
        end = self.offset + self.size_bytes
        for offset in range(self.offset, end, part_bytes):
            yield Span(offset, min(part_bytes, end - offset))


@dataclass(frozen=True)
class Begun:
    """A download whose first range has been asked for; its body is still to be read.

    The answer tells what else a HEAD would have been for: `object_bytes` is the whole object's size, `sha256` the
    recorded one.
    """

    download: Download
    first: Span
    answer: Mapping[str, Any]
    object_bytes: int
    sha256: str | None


def begin(client: S3Client, download: Download, wanted: Span) -> Begun:
    """Ask for the first range of whatever version is there; `download` knows no ETag yet.

    Saves a small file half of its requests. Raises `StoreError`, absence as `ObjectNotFoundError`.
    """
    answer = _ask(client, download, wanted)
    size = _OBJECT_BYTES.search(answer.get("ContentRange", ""))
    return Begun(
        replace(download, etag=field_of(answer, "ETag", download.action)),
        wanted,
        answer,
        int(size[1]) if size else field_of(answer, "ContentLength", download.action),
        answer.get("Metadata", {}).get(SHA256),
    )


def fetch(
    client: S3Client,
    begun: Begun,
    descriptor: int,
    *,
    part_bytes: int,
    interruption: Interruption,
    count: ByteCount,
) -> None:
    """Fill the file with the object's bytes, several ranges at a time. Raises `StoreError`, `OSError` of the file.

    `count` is told of each block.
    """

    def fetch_part(wanted: Span) -> None:
        offset = wanted.offset
        answer = begun.answer if wanted == begun.first else None
        for block in blocks_of(client, begun.download, wanted, answer=answer, interruption=interruption):
            write_all_at(descriptor, block, offset)
            offset += len(block)
            count.add(len(block))

    # The first answer may never be read, when the transfer is interrupted before.
    with closing(begun.answer["Body"]):
        run_all(
            fetch_part,
            Span(0, begun.object_bytes).parts(part_bytes),
            before_each=lambda: interruption.check(begun.download.action),
        )


def blocks_of(
    client: S3Client,
    download: Download,
    wanted: Span,
    *,
    interruption: Interruption,
    answer: Mapping[str, Any] | None = None,
) -> Generator[bytes, None, None]:
    """Give the bytes of one range in order, in blocks of a megabyte at most, each byte once.

    `answer` is one that was asked for already and not read yet.

    Raises `StoreError`: checksum when the object has been replaced since its ETag was read, interrupted when that is
    set, and what kept the last try from its end.
    """
    position, end = wanted.offset, wanted.offset + wanted.size_bytes
    for attempt in range(1, download.attempts + 1):
        interruption.check(download.action)
        rest = Span(position, end - position)
        if answer is None:
            answer = _ask(client, download, rest)
        try:
            # Closed here and not when the garbage collector comes by: an error's traceback keeps this frame.
            with closing(_body(answer, download, rest)) as blocks:
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


def _ask(client: S3Client, download: Download, wanted: Span) -> Mapping[str, Any]:
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


def _body(answer: Mapping[str, Any], download: Download, wanted: Span) -> Generator[bytes, None, None]:
    with closing(answer["Body"]) as body:
        announced = field_of(answer, "ContentLength", download.action)
        if announced != wanted.size_bytes:
            raise StoreError(
                StoreErrorClass.CHECKSUM,
                f"{download.action}: expected {wanted.size_bytes} bytes for {wanted.header}, found {announced}; "
                "something between here and the server cuts answers: try again",
            )
        # Never more than what is announced, and the vendor's stream raises when it ends before that.
        while True:
            with vendor_errors(download.action, bucket=download.bucket):
                block = body.read(BLOCK_BYTES)
            if not block:
                return
            yield block
