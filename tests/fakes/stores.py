"""An in-memory `MediaStore`, for tests of its users. It passes the port's contract suite."""

import hashlib
import io
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

from typing_extensions import Buffer, override

from bookmarkai_assets.core.errors import ObjectConflictError, ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.key_safety import check_key
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import Leftover, ListedObject, MediaStore, StoredObject, ignore_bytes
from bookmarkai_assets.core.media.tag_safety import check_tags
from tests.support.deadlines import HANG_SECONDS

OPERATIONS = frozenset({"put", "get", "open", "head", "list", "delete", "presign", "leftovers", "remove_leftover"})
"""The operations that `fail_next` can make fail."""

_WEEK_SECONDS = 7 * 24 * 3600


def digest_of_bytes(data: bytes) -> Digest:
    """Return the digest of bytes in memory."""
    return Digest(len(data), hashlib.sha256(data).hexdigest())


def now_utc() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class FakeObject:
    """One stored object. `recorded` is the digest from the put, from which bytes that have rotted since differ."""

    data: bytes
    content_type: str
    tags: Mapping[str, str] = field(default_factory=dict)
    modified_at: datetime = field(default_factory=now_utc)
    expires_at: datetime | None = None
    recorded: Digest | None = None

    @property
    def digest(self) -> Digest:
        """The digest of the current bytes."""
        return digest_of_bytes(self.data)


class FakeMediaStore(MediaStore):
    """Holds objects by URL in `objects`, and leftovers in `planted`. Tests may read and change both.

    Like the real ones, a local fake takes the source that it may consume, reads bytes for their digest and stores the
    tags of a repeated put. A remote one trusts what was recorded, keeps the first tags and makes links.

    While `outage` is set, every use raises it. While it `is_silent`, transfers wait until `on_bytes` ends them, and
    fail as `timeout` in the end.
    """

    def __init__(self, backend: Backend, *, clock: Callable[[], datetime] = now_utc) -> None:
        self._backend = backend
        self._root = f"{backend.facts.scheme}://fake-bucket/" if backend.is_remote else "/fake-media/"
        self._lock = threading.Lock()
        self._failures: dict[str, list[StoreError | None]] = defaultdict(list)
        self._is_interrupted = False
        self.clock = clock
        self.outage: StoreError | None = None
        self.is_silent = False
        self.objects: dict[str, FakeObject] = {}
        self.planted: list[Leftover] = []

    def fail_next(self, operation: str, error: StoreError, *, times: int = 1, after: int = 0) -> None:
        """Have the next `times` calls of an operation, after `after` good ones, raise this error before they begin.

        A listing fails after its first object.
        """
        assert operation in OPERATIONS
        self._failures[operation] += [None] * after + [error] * times

    def rot(self, url: str, data: bytes) -> None:
        """Change the bytes of an object behind the store's back, without changing its record."""
        self.objects[url] = replace(self.objects[url], data=data)

    def expire(self, url: str, at: datetime) -> None:
        """Set when the backend will delete an object."""
        self.objects[url] = replace(self.objects[url], expires_at=at)

    @property
    @override
    def backend(self) -> Backend:
        return self._backend

    @override
    def url_of(self, key: str) -> str:
        check_key(key)
        return self._root + key

    @override
    def put(
        self,
        source: Path,
        key: str,
        *,
        expected: Digest,
        content_type: str,
        tags: Mapping[str, str],
        may_replace: bool,
        may_consume: bool,
        on_bytes: Callable[[int], object] = ignore_bytes,
    ) -> StoredObject:
        self._begin_transfer("put", on_bytes)
        url = self.url_of(key)
        check_tags(tags)
        with self._lock:
            there = self.objects.get(url)
            if there is not None and self._digest_of(there) == expected:
                if self._backend is Backend.LOCAL:
                    self.objects[url] = replace(
                        there, content_type=content_type, tags=dict(tags), recorded=there.digest
                    )
                _report_in_halves(expected.size_bytes, on_bytes)
                return self._stored(url)
            if not source.is_file():
                raise ObjectNotFoundError(f"no file at {source}")
            data = source.read_bytes()
            if digest_of_bytes(data) != expected:
                raise StoreError(StoreErrorClass.CHECKSUM, f"{source} is not what was expected")
            if there is not None and not may_replace:
                raise ObjectConflictError(f"other bytes are at {url}")
            self.objects[url] = FakeObject(data, content_type, dict(tags), self.clock(), recorded=expected)
            if may_consume and self._backend is Backend.LOCAL:
                source.unlink()
            _report_in_halves(expected.size_bytes, on_bytes)
            return self._stored(url)

    @override
    def get(
        self, url: str, destination: Path, *, expected: Digest, on_bytes: Callable[[int], object] = ignore_bytes
    ) -> None:
        self._begin_transfer("get", on_bytes)
        found = self._object(url)
        if found.digest != expected:
            raise StoreError(StoreErrorClass.CHECKSUM, f"{url} is not what was expected")
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_bytes(found.data)
        _report_in_halves(expected.size_bytes, on_bytes)

    @override
    def open(self, url: str, *, offset: int = 0, size_bytes: int | None = None) -> BinaryIO:
        self._begin_transfer("open")
        found = self._object(url)
        end = len(found.data) if size_bytes is None else min(len(found.data), offset + size_bytes)
        is_whole = offset == 0 and end == len(found.data)
        is_damaged = is_whole and found.recorded not in {None, found.digest}
        return io.BufferedReader(_Reader(url, found.data[offset:end], is_damaged=is_damaged))

    @override
    def head(self, url: str) -> StoredObject:
        self._raise_if_planned("head")
        return self._stored(url)

    @override
    def list(self, prefix: str = "") -> Iterator[ListedObject]:
        root = self._root
        with self._lock:
            found = sorted(
                (
                    (url.removeprefix(root), stored)
                    for url, stored in self.objects.items()
                    if url.startswith(root + prefix)
                ),
                key=itemgetter(0),
            )
        for key, stored in found[:1]:
            yield ListedObject(key, root + key, len(stored.data), stored.modified_at)
        self._raise_if_planned("list")
        for key, stored in found[1:]:
            yield ListedObject(key, root + key, len(stored.data), stored.modified_at)

    @override
    def delete(self, url: str) -> None:
        self._raise_if_planned("delete")
        self._check(url)
        self.objects.pop(url, None)

    @override
    def presign(self, url: str, *, expires_seconds: int) -> str:
        self._raise_if_planned("presign")
        self._check(url)
        if self._backend is Backend.LOCAL:
            raise StoreError(StoreErrorClass.CONFIGURATION, f"local files have no links; read {url}")
        if not 1 <= expires_seconds <= _WEEK_SECONDS:
            raise StoreError(StoreErrorClass.CONFIGURATION, f"no link is good for {expires_seconds} seconds")
        key = url.removeprefix(self._root)
        return f"https://fake-bucket.example/{key}?expires={expires_seconds}&signature=fake"

    @override
    def leftovers(self, prefix: str = "", *, begun_before: datetime) -> Sequence[Leftover]:
        self._raise_if_planned("leftovers")
        start = self._root + prefix
        return [left for left in self.planted if left.name.startswith(start) and left.begun_at < begun_before]

    @override
    def remove_leftover(self, leftover: Leftover) -> None:
        self._raise_if_planned("remove_leftover")
        if not leftover.name.startswith(self._root) or leftover.name in self.objects:
            raise StoreError(StoreErrorClass.CONFIGURATION, f"{leftover.name} is no leftover of this store")
        self.planted = [left for left in self.planted if left.name != leftover.name]

    @override
    def interrupt(self) -> None:
        self._is_interrupted = True

    def _begin_transfer(self, operation: str, on_bytes: Callable[[int], object] = ignore_bytes) -> None:
        end = time.monotonic() + HANG_SECONDS
        while self.is_silent:
            on_bytes(0)
            time.sleep(0.005)
            if time.monotonic() > end:
                raise StoreError(StoreErrorClass.TIMEOUT, f"{operation}: no answer")
        if self._is_interrupted:
            raise StoreError(StoreErrorClass.INTERRUPTED, f"{operation}: this process was told to stop")
        self._raise_if_planned(operation)

    def _raise_if_planned(self, operation: str) -> None:
        if self.outage is not None:
            raise type(self.outage)(self.outage.error_class, str(self.outage))
        if self._failures[operation] and (error := self._failures[operation].pop(0)) is not None:
            raise error

    def _object(self, url: str) -> FakeObject:
        self._check(url)
        if url not in self.objects:
            raise ObjectNotFoundError(f"nothing at {url}")
        return self.objects[url]

    def _digest_of(self, found: FakeObject) -> Digest:
        if self._backend.is_remote and found.recorded is not None:
            return found.recorded
        return found.digest

    def _stored(self, url: str) -> StoredObject:
        found = self._object(url)
        digest = self._digest_of(found)
        tags = found.tags if found.recorded in {None, digest} else {}
        return StoredObject(
            url, digest, found.content_type, modified_at=found.modified_at, expires_at=found.expires_at, tags=tags
        )

    def _check(self, url: str) -> None:
        root = self._root
        if not url.startswith(root):
            raise StoreError(StoreErrorClass.CONFIGURATION, f"{url} is not one of {root}")
        check_key(url.removeprefix(root))


def _report_in_halves(size_bytes: int, on_bytes: Callable[[int], object]) -> None:
    for half in (size_bytes // 2, size_bytes - size_bytes // 2):
        if half:
            on_bytes(half)


class _Reader(io.RawIOBase):
    def __init__(self, url: str, data: bytes, *, is_damaged: bool) -> None:
        self._url = url
        self._data = io.BytesIO(data)
        self._size = len(data)
        self._is_damaged = is_damaged

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        count = self._data.readinto(buffer)
        if self._is_damaged and self._data.tell() == self._size:
            raise StoreError(StoreErrorClass.CHECKSUM, f"{self._url} is not what was recorded")
        return count
