"""The ports of media: stores, their inspectors, the ledger of media, the event log and the tombstones."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from bookmarkai_assets.core.errors import StoreError
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.core.media.media import Digest, Media
from bookmarkai_assets.core.media.placement import Backend, Decider
from bookmarkai_assets.core.media.storage_events import StorageEvent


@dataclass(frozen=True)
class StoredObject:
    """What a store says of one object. `tags` are those it was put with.

    `modified_at` is when the backend took the bytes, by its own clock. `expires_at` is when it will delete them by
    itself; None also where it does not say so.
    """

    url: str
    digest: Digest
    content_type: str
    modified_at: datetime = field(compare=False)
    expires_at: datetime | None = field(default=None, compare=False)
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class ListedObject:
    """One line of a store's listing."""

    key: str
    url: str
    size_bytes: int
    modified_at: datetime


class LeftoverKind(StrEnum):
    """What a transfer that was killed can leave in a store. None of it is ever visible as an object."""

    TEMPORARY_FILE = "temporary file"
    MULTIPART_UPLOAD = "multipart upload"


@dataclass(frozen=True)
class Leftover:
    """Something that a killed transfer left: `name` is a path, or the object's URL with the upload's id behind `#`."""

    kind: LeftoverKind
    name: str
    begun_at: datetime
    size_bytes: int | None


def ignore_bytes(_size_bytes: int) -> None:
    """Tell nobody of bytes that were transferred."""


class MediaStore(ABC):
    """One backend for media: the local directory, or a bucket.

    Every method raises `StoreError` with its class; absence is `ObjectNotFoundError`. Nothing partial is ever visible
    at a final name, and no method holds a whole file in memory. Several threads may use one store.
    """

    @property
    @abstractmethod
    def backend(self) -> Backend:
        """Which backend this is."""

    @abstractmethod
    def url_of(self, key: str) -> str:
        """Give the URL that `key` has here: an absolute path, or `s3://bucket/key`."""

    @abstractmethod
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
        """Store `source` under `key` and return what is stored.

        With `may_consume` the source itself may be taken (a rename), else it is left as it is. Bytes with the expected
        digest already under `key` count as done, also when `source` is gone. Other bytes there are replaced only if
        `may_replace`, else `ObjectConflictError`. A source that does not have the expected digest is a `StoreError` of
        class `checksum`; a source that is missing, with nothing stored, is `ObjectNotFoundError`. `tags` (names of
        a-z, 0-9 and -, any text as values) stay with the object, 2 KB of them at most.

        `on_bytes` is told how many bytes more have been transferred, from any thread but by one at a time: each byte
        once, however often a part is repeated, so that the amounts of a put that succeeds add up to the size.
        """

    @abstractmethod
    def get(
        self, url: str, destination: Path, *, expected: Digest, on_bytes: Callable[[int], object] = ignore_bytes
    ) -> None:
        """Fetch the object to `destination`, verified against `expected`, appearing there whole or not at all.

        `on_bytes` is told as by `put`.
        """

    @abstractmethod
    def open(self, url: str, *, offset: int = 0, size_bytes: int | None = None) -> BinaryIO:
        """Open the object for reading forward, from `offset` for at most `size_bytes`, to its end when None.

        An object that is read whole is checked against its recorded SHA-256: the read that reaches the end raises
        `StoreError` (checksum) if it differs. A part has nothing to be checked against but its length. The caller
        closes the reader.
        """

    @abstractmethod
    def head(self, url: str) -> StoredObject:
        """Say what is stored at `url`.

        The digest is evidence and no hearsay: a file is read for it, an object carries what the server verified.
        """

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[ListedObject]:
        """List the objects whose key begins with `prefix`, in the order of their keys' code points.

        Only final names are listed. A failure on the way raises: a listing that ends is whole.
        """

    @abstractmethod
    def delete(self, url: str) -> None:
        """Remove the object. Absence is success: the operation can be repeated."""

    @abstractmethod
    def presign(self, url: str, *, expires_seconds: int) -> str:
        """Make a link by which anybody may read the object for that long: 1 second to 7 days.

        The link is a secret: it is not to be stored or logged. A backend that has no such links raises `StoreError`
        (configuration).
        """

    @abstractmethod
    def leftovers(self, prefix: str = "", *, begun_before: datetime) -> Sequence[Leftover]:
        """List what killed transfers to keys with this prefix left behind, as far as it was begun before that moment.

        A transfer under way looks the same, so the moment must be further back than any transfer takes.
        """

    @abstractmethod
    def remove_leftover(self, leftover: Leftover) -> None:
        """Remove one of `leftovers`. Absence is success."""

    @abstractmethod
    def interrupt(self) -> None:
        """End the transfers of all threads soon: each aborts what it began and raises `StoreError` (interrupted).

        For a process that was told to stop: the store takes no further transfer.
        """


class StoreInspector(ABC):
    """Checks how a backend is set up, for an operator who is about to trust it. Changes nothing."""

    @property
    @abstractmethod
    def backend(self) -> Backend:
        """The backend that is checked."""

    @property
    @abstractmethod
    def checks(self) -> Mapping[str, Callable[[], CheckResult]]:
        """The checks by name, in a sensible order. What they raise is `StoreError`."""

    def run_check(self, name: str) -> CheckResult:
        """Run one check. A `StoreError` that it raises becomes a failed result."""
        try:
            return self.checks[name]()
        except StoreError as error:
            return CheckResult(CheckStatus.FAIL, str(error))


@dataclass(frozen=True)
class InventoryLine:
    """The stored media of one backend, bucket of the placement rule (0 to 99) and decider: how many, how big."""

    backend: Backend
    bucket: int | None
    decided_by: Decider
    media: int
    size_bytes: int


class MediaLedger(ABC):
    """Which media exist and where their bytes are: the pointers that reads follow."""

    @abstractmethod
    def get(self, media_id: str) -> Media | None:
        """Read one media; None when none is recorded."""

    @abstractmethod
    def record_staged(self, media: Media, *, owner: str, now: datetime) -> None:
        """Record a finished download (state staged), replacing an earlier record of the media.

        What is fetched anew has no transcript's files yet. Raises `LeaseLostError` unless `owner` holds the media's
        lease: the check and the write are one transaction.
        """

    @abstractmethod
    def record_stored(self, media: Media, *, owner: str, now: datetime) -> None:
        """Flip the pointer to the verified, stored bytes (state stored), for the first time or because they moved.

        `media.stored_at`, `media.expires_at` and `media.transcript_files` are recorded as given. `shares.media_url` of
        the shares that are done follows in the same transaction. Raises `LeaseLostError` as above.
        """

    @abstractmethod
    def record_transcript_files(self, media: Media, *, owner: str, now: datetime) -> None:
        """Record where a stored media's transcript's files are, in place of those before, and its `expires_at`.

        Nothing else of the media is changed. Raises `LeaseLostError` as above, and ValueError for a media that is not
        stored.
        """

    @abstractmethod
    def record_expired(self, media_id: str, tombstones: Sequence["Tombstone"], *, owner: str, now: datetime) -> None:
        """Record that a stored media's bytes are gone or about to be removed by rule (state expired).

        In one transaction with the tombstones; `shares.media_url` of its shares is cleared, their status and
        transcripts stay. Raises `LeaseLostError` as above.
        """

    @abstractmethod
    def restore(self, media: Media, *, now: datetime) -> bool:
        """Record a stored media that was found in a store, unless the media is on record; tells whether it did so."""

    @abstractmethod
    def page(self, *, after: str = "", limit: int) -> Sequence[Media]:
        """Read the media whose id comes after that one, by ascending id, at most `limit`."""

    @abstractmethod
    def is_settled(self, media_id: str) -> bool:
        """Tell whether nobody needs the bytes any more.

        At least one share of the media has its transcript, or was parked because there is no sound, and every other one
        is done or parked.
        """

    @abstractmethod
    def stored_count(self, backend: Backend, *, unexpired_at: datetime) -> int:
        """Count the media that are stored on a backend and have not passed their `expires_at`."""

    @abstractmethod
    def inventory(self) -> Sequence[InventoryLine]:
        """Count the stored media and their bytes, by backend, bucket and decider.

        The bytes are those of videos and audio tracks; transcripts' files, some kilobytes each, are left out.
        A media from before buckets were recorded has bucket None.
        """

    @abstractmethod
    def acknowledges(self, url: str) -> bool:
        """Tell whether some stored media's video, audio track or transcript's file is recorded at this URL."""


class EventLog(ABC):
    """`storage_events`: append-only; every metric comes from here."""

    @abstractmethod
    def record(self, event: StorageEvent) -> None:
        """Append one event."""

    @abstractmethod
    def for_share(self, share_id: str) -> Sequence[StorageEvent]:
        """Read a share's events, oldest first."""

    @abstractmethod
    def after(self, position: int, *, limit: int) -> tuple[Sequence[StorageEvent], int]:
        """Read the next events in the order of recording, and the position after them.

        Positions are opaque and rise; 0 is before the first. Every event is given once: none is recorded later at an
        earlier position, however many processes record at once.
        """


@dataclass(frozen=True)
class Tombstone:
    """One deletion: what was removed, why that was right, and by what evidence.

    `kind` is video, audio, the form of a transcript's file, staging, or a `LeftoverKind`. `proof` is a JSON object.
    `removed_at` is None from the moment the deletion was decided until it was done, and stays so when the process died
    in between.
    """

    url: str
    kind: str
    media_id: str | None
    share_id: str | None
    size_bytes: int | None
    sha256: str | None
    reason: str
    proof: Mapping[str, Any]
    written_at: datetime
    removed_at: datetime | None = None

    @property
    def is_done(self) -> bool:
        """Whether the deletion is known to be done."""
        return self.removed_at is not None

    @property
    def at(self) -> datetime:
        """When it was done; when it was decided, as long as that is not known."""
        return self.removed_at or self.written_at


class TombstoneTable(ABC):
    """`tombstones`: what clean-up removed. Written before a deletion and confirmed after it."""

    @abstractmethod
    def write(self, tombstones: Sequence[Tombstone]) -> None:
        """Record deletions that are about to be done. An unconfirmed one of the same URL gives way to the new one."""

    @abstractmethod
    def confirm(self, urls: Collection[str], *, now: datetime) -> None:
        """Record that what the unconfirmed tombstones of these URLs name is gone."""

    @abstractmethod
    def list(self, *, media_id: str | None = None, limit: int | None = None) -> Sequence[Tombstone]:
        """Read tombstones, newest first; only a media's, if one is named."""
