"""Fetching one object's bytes by ranges into an open file, each range checked for its length and tried again."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from bookmarkai_assets.adapters.durable_files import BLOCK_BYTES, write_all_at
from bookmarkai_assets.adapters.s3_store.client import S3Client
from bookmarkai_assets.adapters.s3_store.errors import field_of, vendor_errors
from bookmarkai_assets.adapters.s3_store.parallel import run_all
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass

MAX_BODY_ATTEMPTS = 5
"""Tries per range whose body breaks off. The client's own retries end when an answer's head has arrived."""

_FIRST_PAUSE_SECONDS = 0.1
_BODY_FAILURES = frozenset({StoreErrorClass.UNAVAILABLE, StoreErrorClass.TIMEOUT, StoreErrorClass.CHECKSUM})


@dataclass(frozen=True)
class Download:
    """What is fetched: one version of one object, by its ETag. `attempts` bounds the tries per range."""

    bucket: str
    key: str
    etag: str
    size_bytes: int
    attempts: int

    @property
    def action(self) -> str:
        """The download in words, for messages."""
        return f"fetching s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class _Range:
    offset: int
    size_bytes: int

    @property
    def header(self) -> str:
        return f"bytes={self.offset}-{self.offset + self.size_bytes - 1}"


def fetch(client: S3Client, download: Download, descriptor: int, *, part_bytes: int) -> None:
    """Fill the file with the object's bytes. That they are the right ones is the caller's to check.

    Raises `StoreError`, `PreconditionFailedError` when the object has been replaced since its ETag was read, and
    `OSError` of the file.
    """

    def fetch_range(wanted: _Range) -> None:
        _fetch_range(client, download, wanted, descriptor)

    run_all(fetch_range, _ranges(download.size_bytes, part_bytes))


def _ranges(size_bytes: int, part_bytes: int) -> Iterator[_Range]:
    for offset in range(0, size_bytes, part_bytes):
        yield _Range(offset, min(part_bytes, size_bytes - offset))


def _fetch_range(client: S3Client, download: Download, wanted: _Range, descriptor: int) -> None:
    for attempt in range(1, download.attempts + 1):
        with vendor_errors(download.action, bucket=download.bucket):
            answer = client.get_object(
                Bucket=download.bucket, Key=download.key, Range=wanted.header, IfMatch=download.etag
            )
        try:
            _read_body(answer, download, wanted, descriptor)
        except StoreError as error:
            if error.error_class not in _BODY_FAILURES or attempt == download.attempts:
                raise
            time.sleep(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
        else:
            return


def _read_body(answer: Mapping[str, Any], download: Download, wanted: _Range, descriptor: int) -> None:
    with closing(answer["Body"]) as body, vendor_errors(download.action, bucket=download.bucket):
        announced = field_of(answer, "ContentLength", download.action)
        if announced != wanted.size_bytes:
            raise StoreError(
                StoreErrorClass.CHECKSUM,
                f"{download.action}: expected {wanted.size_bytes} bytes for {wanted.header}, found {announced}; "
                "something between here and the server cuts answers: try again",
            )
        offset = wanted.offset
        # The vendor's stream raises when it ends before the announced length.
        while block := body.read(BLOCK_BYTES):
            write_all_at(descriptor, block, offset)
            offset += len(block)
