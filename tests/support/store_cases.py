"""What the contract suites of `MediaStore` run over: a store, and helpers that their tests use often."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import MediaStore, StoredObject, ignore_bytes
from tests.fakes.stores import digest_of_bytes

VIDEO = b"video bytes " * 1000
OTHER = b"other bytes " * 1000
TAGS: Mapping[str, str] = {"share-id": "0b5f6a7e", "note": "naïve  ✓ 100%"}


@dataclass(frozen=True)
class StoreCase:
    """A store under test, a prefix for the test's keys, and a directory for its files.

    `make_another` returns a second store over the same location. `is_listed_in_order` is the one deviation of a server:
    SeaweedFS sorts directory by directory, so `a/b` comes before `a.b`.
    """

    store: MediaStore
    prefix: str
    directory: Path
    make_another: Callable[[], MediaStore]
    is_listed_in_order: bool = True

    @property
    def is_local(self) -> bool:
        """Whether it stores files, which a put may consume and which have no links."""
        return self.store.backend is Backend.LOCAL

    def key(self, name: str = "video.mp4") -> str:
        """Return a key of the test's own."""
        return f"{self.prefix}2026/01/31/{name}"

    def file(self, data: bytes, name: str = "source.mp4") -> Path:
        """Write a file to put."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def put(
        self,
        data: bytes,
        key: str | None = None,
        *,
        source: Path | None = None,
        tags: Mapping[str, str] = TAGS,
        may_replace: bool = False,
        may_consume: bool = True,
        on_bytes: Callable[[int], object] = ignore_bytes,
    ) -> StoredObject:
        """Put `data`, or claim to, under a key, or the usual one."""
        return self.store.put(
            source or self.file(data),
            key or self.key(),
            expected=digest_of_bytes(data),
            content_type="video/mp4",
            tags=tags,
            may_replace=may_replace,
            may_consume=may_consume,
            on_bytes=on_bytes,
        )

    def fetched(self, url: str, expected: Digest) -> bytes:
        """Fetch the object and read it."""
        destination = self.directory / "fetched.mp4"
        self.store.get(url, destination, expected=expected)
        return destination.read_bytes()

    def read(self, url: str, *, offset: int = 0, size_bytes: int | None = None) -> bytes:
        """Open the object and read what the reader returns."""
        with self.store.open(url, offset=offset, size_bytes=size_bytes) as reader:
            return reader.read()

    def listed(self, prefix: str) -> list[str]:
        """List keys."""
        return [found.key for found in self.store.list(prefix)]
