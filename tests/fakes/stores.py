"""An in-memory `MediaStore`, for tests of what uses one. Passes the port's contract suite."""

import hashlib
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from typing_extensions import override

from bookmarkai_assets.core.errors import ObjectConflictError, ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.key_safety import check_key
from bookmarkai_assets.core.media import Digest
from bookmarkai_assets.core.placement import Backend
from bookmarkai_assets.core.ports import MediaStore, StoredObject

_ROOTS = {Backend.LOCAL: "/fake-media/", Backend.S3: "s3://fake-bucket/"}


def digest_of_bytes(data: bytes) -> Digest:
    """Give the digest of bytes in memory."""
    return Digest(len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True)
class FakeObject:
    """One stored object."""

    data: bytes
    content_type: str
    tags: Mapping[str, str] = field(default_factory=dict)


class FakeMediaStore(MediaStore):
    """Holds objects by URL in `objects`, which tests may read and change. A local one consumes what it is given."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._failures: dict[str, list[StoreError]] = defaultdict(list)
        self.objects: dict[str, FakeObject] = {}

    def fail_next(self, operation: str, error: StoreError, *, times: int = 1) -> None:
        """Make the next `times` calls of `put`, `get`, `head` or `delete` raise this error, before they do anything."""
        assert operation in {"put", "get", "head", "delete"}
        self._failures[operation] += [error] * times

    @property
    @override
    def backend(self) -> Backend:
        return self._backend

    @override
    def url_of(self, key: str) -> str:
        check_key(key)
        return _ROOTS[self._backend] + key

    @override
    def put(
        self, source: Path, key: str, *, expected: Digest, content_type: str, tags: Mapping[str, str], may_replace: bool
    ) -> StoredObject:
        self._fail_if_told("put")
        url = self.url_of(key)
        with self._lock:
            there = self.objects.get(url)
            if there is not None and digest_of_bytes(there.data) == expected:
                return self._stored(url)
            if not source.is_file():
                raise ObjectNotFoundError(f"no file at {source}")
            data = source.read_bytes()
            if digest_of_bytes(data) != expected:
                raise StoreError(StoreErrorClass.CHECKSUM, f"{source} is not what was expected")
            if there is not None and not may_replace:
                raise ObjectConflictError(f"other bytes are at {url}")
            self.objects[url] = FakeObject(data, content_type, dict(tags))
            if self._backend is Backend.LOCAL:
                source.unlink()
            return self._stored(url)

    @override
    def get(self, url: str, destination: Path, *, expected: Digest) -> None:
        self._fail_if_told("get")
        data = self._object(url).data
        if digest_of_bytes(data) != expected:
            raise StoreError(StoreErrorClass.CHECKSUM, f"{url} is not what was expected")
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_bytes(data)

    @override
    def head(self, url: str) -> StoredObject:
        self._fail_if_told("head")
        return self._stored(url)

    @override
    def delete(self, url: str) -> None:
        self._fail_if_told("delete")
        self._check(url)
        self.objects.pop(url, None)

    def _fail_if_told(self, operation: str) -> None:
        if self._failures[operation]:
            raise self._failures[operation].pop(0)

    def _object(self, url: str) -> FakeObject:
        self._check(url)
        if url not in self.objects:
            raise ObjectNotFoundError(f"nothing at {url}")
        return self.objects[url]

    def _stored(self, url: str) -> StoredObject:
        found = self._object(url)
        return StoredObject(url, digest_of_bytes(found.data), found.content_type)

    def _check(self, url: str) -> None:
        root = _ROOTS[self._backend]
        if not url.startswith(root):
            raise StoreError(StoreErrorClass.CONFIGURATION, f"{url} is not one of {root}")
        check_key(url.removeprefix(root))
