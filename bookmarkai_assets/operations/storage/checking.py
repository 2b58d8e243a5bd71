"""The operators' test of a storage configuration: check how a backend is set up, then use it as the pipeline would.

Written over the ports alone. What there is to check is up to the inspectors; printing is up to the command line.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol

from bookmarkai_assets.core.errors import ObjectConflictError, ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.health import CheckResult, CheckStatus, TimedResult
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import MediaStore, StoreInspector

SMALL_BYTES = 64 << 10
MULTIPART_BYTES = 17 << 20
"""A file just over one part of the S3 store, so that it goes in two."""

LINK_SECONDS = 60

_BLOCK_BYTES = 1 << 20
_RANGE_OFFSET, _RANGE_BYTES = 4096, 8192
_NAME = "storage-check-"
_CONTENT_TYPE = "application/octet-stream"

_USABLE = ("credentials", "bucket", "directory")

NEEDS: Mapping[str, Sequence[str]] = {
    "credentials": ("endpoint",),
    "clock": ("endpoint",),
    "bucket": ("credentials",),
    "region": ("bucket",),
    "encryption": ("bucket",),
    "lifecycle": ("bucket",),
    "free space": ("directory",),
    "staging": ("directory",),
    "put": _USABLE,
    "head": ("put",),
    "read range": ("put",),
    "multipart": ("put",),
    "presign": ("put",),
    "download": ("put",),
    "conflict": ("put",),
    "conditions": _USABLE,
    "checksums": _USABLE,
    "sse-s3": _USABLE,
    "delete": _USABLE,
    "gone": ("delete",),
}
"""Which steps are pointless once others have failed. A name that a backend has no step for does not count.

Deleting does not need a put that succeeded: one that failed may have left something behind all the same.
"""


@dataclass(frozen=True)
class BackendCheck:
    """The result of each step on one backend, in order: first the inspector's checks, then the probes."""

    backend: Backend
    steps: tuple[TimedResult, ...]

    @property
    def is_ok(self) -> bool:
        """Whether nothing failed. Warnings are allowed."""
        return all(step.result.status is not CheckStatus.FAIL for step in self.steps)


class LinkReader(Protocol):
    """Reads what a presigned link gives."""

    def __call__(self, link: str, *, max_bytes: int) -> bytes:
        """Read at most `max_bytes`. Raises `StoreError`, whose message does not name the link."""


@dataclass(frozen=True)
class Probing:
    """How stores are probed, below `video_prefix`.

    `multipart_bytes` is the size of a file that goes in more than one part. `random_bytes` gives
    so many, that no object has had before. `timer` counts seconds.
    """

    video_prefix: str
    read_link: LinkReader
    multipart_bytes: int = MULTIPART_BYTES
    random_bytes: Callable[[int], bytes] = os.urandom
    timer: Callable[[], float] = time.perf_counter


def check_backend(
    inspector: StoreInspector,
    store: MediaStore,
    probing: Probing,
    *,
    on_step: Callable[[TimedResult], None] = lambda _: None,
) -> BackendCheck:
    """Run all checks of the inspector, then put, read and delete probe objects named `storage-check-…`.

    The inspector's trials are part of that: they have a probe object of their own. `on_step` gets the result of each
    step as it ends. Steps that depend on a failed one are skipped. The probe objects are deleted at the end whatever
    failed, also when the check is interrupted; if that fails, a step says so. What the stores raise becomes a result.
    """
    course = _Course(probing.timer, on_step)
    for name in inspector.checks:
        course.take(name, partial(inspector.run_check, name))
    with tempfile.TemporaryDirectory(prefix="storage-check-") as directory:
        probe = _Probe(store, inspector, probing, Path(directory))
        try:
            for name, action in probe.steps().items():
                course.take(name, action)
        finally:
            probe.clean()
    return BackendCheck(store.backend, tuple(course.steps))


@dataclass
class _Course:
    """Takes the steps one by one: times them, and skips those that a failed one makes pointless."""

    timer: Callable[[], float]
    on_step: Callable[[TimedResult], None]
    steps: list[TimedResult] = field(default_factory=list)
    blame: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, action: Callable[[], CheckResult]) -> None:
        cause = next((self.blame[needed] for needed in NEEDS.get(name, ()) if needed in self.blame), None)
        if cause is not None:
            self.blame[name] = cause
            skipped = CheckResult(CheckStatus.SKIP, f"not tried, because {cause!r} failed")
            self._note(TimedResult(name, skipped, 0.0))
            return
        start = self.timer()
        try:
            result = action()
        except StoreError as error:
            result = CheckResult(CheckStatus.FAIL, str(error))
        if result.status is CheckStatus.FAIL:
            self.blame[name] = name
        self._note(TimedResult(name, result, self.timer() - start))

    def _note(self, step: TimedResult) -> None:
        self.steps.append(step)
        self.on_step(step)


@dataclass(frozen=True)
class _ProbeFile:
    """A file of random bytes that goes to the store: where it is, what it holds and where it goes."""

    path: Path
    digest: Digest
    key: str
    url: str


class _Probe:
    """The probe objects of one check, and the steps in which a store is used on them."""

    def __init__(self, store: MediaStore, inspector: StoreInspector, probing: Probing, directory: Path) -> None:
        self._store = store
        self._inspector = inspector
        self._probing = probing
        self._directory = directory
        self._stem = f"{probing.video_prefix}{_NAME}{probing.random_bytes(16).hex()}"
        self._tried: list[str] = []
        self._left: list[str] = []
        self._large: _ProbeFile | None = None

    @cached_property
    def _small(self) -> _ProbeFile:
        return self._file("small", SMALL_BYTES)

    def steps(self) -> Mapping[str, Callable[[], CheckResult]]:
        """Return the steps by name, in order."""
        key = f"{self._stem}-trial.bin"
        trials = self._inspector.trials(key)
        return {
            "put": self._put_small,
            "head": self._head,
            "read range": self._read_range,
            "multipart": self._put_large,
            "presign": self._follow_link,
            "download": self._download,
            "conflict": self._put_other_bytes,
            **{name: partial(self._run_trial, self._store.url_of(key), trial) for name, trial in trials.items()},
            "delete": self._delete,
            "gone": self._check_gone,
        }

    def clean(self) -> None:
        """Delete what an interrupted check has left behind, as far as the store lets us."""
        for url in self._left:
            with suppress(StoreError):
                self._store.delete(url)

    def _put_small(self) -> CheckResult:
        self._put(self._small)
        return _ok(f"{self._small.digest.size_bytes} bytes at {self._small.url}")

    def _head(self) -> CheckResult:
        found = self._store.head(self._small.url).digest
        _expect(found == self._small.digest, f"{_words(self._small.digest)}", f"{_words(found)}")
        return _ok("size and SHA-256 are those of the file")

    def _read_range(self) -> CheckResult:
        with self._store.open(self._small.url, offset=_RANGE_OFFSET, size_bytes=_RANGE_BYTES) as reader:
            found = reader.read()
        wanted = self._small.path.read_bytes()[_RANGE_OFFSET : _RANGE_OFFSET + _RANGE_BYTES]
        _expect(found == wanted, f"the file's {_RANGE_BYTES} bytes from {_RANGE_OFFSET}", f"{len(found)} other bytes")
        return _ok(f"{_RANGE_BYTES} bytes from {_RANGE_OFFSET} are the file's")

    def _put_large(self) -> CheckResult:
        if not self._store.backend.is_remote:
            return CheckResult(CheckStatus.SKIP, "a directory has no multipart uploads")
        large = self._file("large", self._probing.multipart_bytes)
        begun = self._probing.timer()
        self._put(large)
        self._large = large
        return _ok(self._speed(large, begun))

    def _follow_link(self) -> CheckResult:
        if not self._store.backend.is_remote:
            return CheckResult(CheckStatus.SKIP, "a local file has no links")
        link = self._store.presign(self._small.url, expires_seconds=LINK_SECONDS)
        wanted = self._small.path.read_bytes()
        found = self._probing.read_link(link, max_bytes=len(wanted) + 1)
        _expect(found == wanted, f"the file's {len(wanted)} bytes behind the link", f"{len(found)} other bytes")
        return _ok("the link gives the file's bytes to somebody without credentials")

    def _download(self) -> CheckResult:
        file = self._large or self._small
        begun = self._probing.timer()
        self._store.get(file.url, self._directory / "fetched", expected=file.digest)
        return _ok(f"{self._speed(file, begun)}, SHA-256 verified")

    def _put_other_bytes(self) -> CheckResult:
        small = self._small
        other = replace(self._file("other", SMALL_BYTES), key=small.key, url=small.url)
        try:
            self._put(other)
        except ObjectConflictError:
            found = self._store.head(small.url).digest
            _expect(found == small.digest, f"{_words(small.digest)} after the conflict", _words(found))
            return _ok("other bytes under a key in use are refused")
        return CheckResult(
            CheckStatus.FAIL,
            f"expected other bytes for {small.url} to be refused, found that they replaced what was there",
            "do not trust this store with media",
        )

    def _run_trial(self, url: str, trial: Callable[[], CheckResult]) -> CheckResult:
        self._note(url)
        return trial()

    def _delete(self) -> CheckResult:
        failures = {}
        for url in self._left:
            try:
                self._store.delete(url)
            except StoreError as error:
                failures[url] = error
        count = len(self._left)
        self._left = []
        if failures:
            return CheckResult(
                CheckStatus.FAIL,
                str(next(iter(failures.values()))),
                f"then delete by hand what this check may have left: {', '.join(failures)}",
            )
        return _ok(f"{count} probe {'object' if count == 1 else 'objects'}")

    def _check_gone(self) -> CheckResult:
        for url in self._tried:
            try:
                self._store.head(url)
            except ObjectNotFoundError:
                continue
            _expect(False, f"nothing at {url} after its deletion", "an object")
        return _ok("the store says that nothing is there")

    def _note(self, url: str) -> None:
        """Remember an object that is about to be stored, to delete it and to see that it is gone."""
        if url not in self._left:
            self._tried.append(url)
            self._left.append(url)

    def _put(self, file: _ProbeFile) -> None:
        self._note(file.url)
        self._store.put(
            file.path,
            file.key,
            expected=file.digest,
            content_type=_CONTENT_TYPE,
            tags={"kind": "storage-check"},
            may_replace=False,
            may_consume=False,
        )

    def _file(self, name: str, size_bytes: int) -> _ProbeFile:
        path = self._directory / name
        sha256 = hashlib.sha256()
        try:
            with path.open("wb") as file:
                for begin in range(0, size_bytes, _BLOCK_BYTES):
                    block = self._probing.random_bytes(min(_BLOCK_BYTES, size_bytes - begin))
                    sha256.update(block)
                    file.write(block)
        except OSError as error:
            raise StoreError(
                StoreErrorClass.OTHER,
                f"writing {size_bytes} bytes to {path}: {error.strerror}; free space there, or set TMPDIR to another "
                "directory",
            ) from error
        key = f"{self._stem}-{name}.bin"
        return _ProbeFile(path, Digest(size_bytes, sha256.hexdigest()), key, self._store.url_of(key))

    def _speed(self, file: _ProbeFile, begun: float) -> str:
        size = file.digest.size_bytes
        seconds = self._probing.timer() - begun
        return f"{size} bytes" + (f" at {size / seconds / 1e6:.1f} MB/s" if seconds > 0 else "")


def _ok(words: str) -> CheckResult:
    return CheckResult(CheckStatus.PASS, words)


def _expect(is_so: bool, expected: str, found: str) -> None:
    """Raise `StoreError` (checksum) where a store gave something else than was put."""
    if not is_so:
        raise StoreError(
            StoreErrorClass.CHECKSUM,
            f"expected {expected}, found {found}; the store or something before it changes what it holds: do not "
            "trust it with media",
        )


def _words(digest: Digest) -> str:
    return f"{digest.size_bytes} bytes with SHA-256 {digest.sha256[:16]}…"
