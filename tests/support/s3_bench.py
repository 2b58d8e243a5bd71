"""A store on the test server, with a proxy in front that breaks things, and a client that bypasses both."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.core.media.ports import StoredObject, ignore_bytes
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.fakes.stores import digest_of_bytes
from tests.support.fault_proxy import FaultProxy

MEBIBYTE = 1 << 20
PART = 5 * MEBIBYTE  # S3's smallest part
SMALL = b"video bytes " * 3000
"""One part."""

LARGE = b"0123456789abcdef" * (PART // 16) + b"the second part"
PARTS = 2
"""Of `LARGE`."""

RANGE = len(SMALL) // 3
RANGES = 3
"""Of `SMALL`, read by a store with such small ranges; S3 sets no minimum for these."""

ATTEMPTS = 2
"""Of each request, so that lasting faults end soon."""


def make_store(seaweed: SeaweedServer, endpoint: str | None = None, **changes: Any) -> S3Store:
    """Return a store over the test server, or another endpoint of it, with few attempts and small parts."""
    options: dict[str, Any] = {
        "region": seaweed.region,
        "endpoint": endpoint or seaweed.endpoint,
        "access_key": seaweed.access_key,
        "secret_key": seaweed.secret_key,
        "use_path_style": True,
        "max_attempts": ATTEMPTS,
        "part_bytes": PART,
    }
    bucket = changes.pop("bucket", seaweed.bucket)
    return S3Store(bucket, **(options | changes))


@dataclass(frozen=True)
class Bench:
    """A store behind a fault proxy, one key, a directory, and a client that bypasses the proxy.

    `ranged` is another store there, which reads in ranges of `RANGE` bytes.
    """

    proxy: FaultProxy
    store: S3Store
    ranged: S3Store
    client: Any
    bucket: str
    key: str
    directory: Path

    @property
    def url(self) -> str:
        """Where the object is."""
        return f"s3://{self.bucket}/{self.key}"

    def source(self, data: bytes) -> Path:
        """Write a file to put."""
        path = self.directory / "source.mp4"
        path.write_bytes(data)
        return path

    def put(
        self, data: bytes, *, may_replace: bool = False, on_bytes: Callable[[int], object] = ignore_bytes
    ) -> StoredObject:
        """Put the bytes under the key."""
        return self.store.put(
            self.source(data),
            self.key,
            expected=digest_of_bytes(data),
            content_type="video/mp4",
            tags={"share-id": "0b5f6a7e"},
            may_replace=may_replace,
            may_consume=False,
            on_bytes=on_bytes,
        )

    def get(self, data: bytes, *, in_ranges: bool = False, on_bytes: Callable[[int], object] = ignore_bytes) -> bytes:
        """Fetch the object, which should be `data`."""
        destination = self.directory / "fetched" / "video.mp4"
        store = self.ranged if in_ranges else self.store
        store.get(self.url, destination, expected=digest_of_bytes(data), on_bytes=on_bytes)
        return destination.read_bytes()

    def read(self, *, offset: int = 0, size_bytes: int | None = None, in_ranges: bool = False) -> bytes:
        """Read the object, or a range of it, through the store's reader."""
        store = self.ranged if in_ranges else self.store
        with store.open(self.url, offset=offset, size_bytes=size_bytes) as reader:
            return reader.read()

    def begin_upload(self, key: str | None = None) -> str:
        """Begin a multipart upload and leave it, as a killed process does, and return its id."""
        answer = self.client.create_multipart_upload(Bucket=self.bucket, Key=key or self.key)
        return str(answer["UploadId"])

    def fetched_files(self) -> list[Path]:
        """List the files at and beside the destination."""
        return list((self.directory / "fetched").glob("*"))

    def stored(self) -> bytes | None:
        """Read the object, bypassing the proxy and the store."""
        try:
            return bytes(self.client.get_object(Bucket=self.bucket, Key=self.key)["Body"].read())
        except self.client.exceptions.NoSuchKey:
            return None

    def store_directly(self, data: bytes, **more: Any) -> None:
        """Put an object as somebody else would."""
        self.client.put_object(Bucket=self.bucket, Key=self.key, Body=data, **more)

    def open_uploads(self) -> list[str]:
        """List the multipart uploads of the key that nobody has completed or aborted."""
        answer = self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=self.key)
        return [upload["UploadId"] for upload in answer.get("Uploads", [])]
