"""The ports of media: stores, their inspectors, the ledger of media, the event log and the tombstones."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from bookmarkai_assets.core.errors import StoreError
from bookmarkai_assets.core.media.media import Digest, Media
from bookmarkai_assets.core.media.placement import Backend, Decider, StorageMode
from bookmarkai_assets.core.media.storage_events import StorageEvent

if TYPE_CHECKING:
    from bookmarkai_assets.core.health import CheckResult


@dataclass(frozen=True)
class StoredObject:
    """What a store says about one object. `tags` are those it was put with.

    `modified_at` is when the backend received the bytes, by its own clock. `expires_at` is when it will delete them by
    itself; None also if it does not say so.
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
    """What a killed transfer can leave in a store. None of it is ever visible as an object."""

    TEMPORARY_FILE = "temporary file"
    MULTIPART_UPLOAD = "multipart upload"


@dataclass(frozen=True)
class Leftover:
    """Something that a killed transfer left. `name` is a path, or the object's URL with the upload's id after `#`."""

    kind: LeftoverKind
    name: str
    begun_at: datetime
    size_bytes: int | None


def ignore_bytes(_size_bytes: int) -> None:
    """Report transferred bytes to nobody."""


class MediaStore(ABC):
    """One backend for media: the local directory, or a bucket.

    Every method raises a `StoreError` with its class. For an absent object that is `ObjectNotFoundError`. Nothing
    partial is ever visible under a final name, and no method has a whole file in memory. Several threads may use one
    store.
    """

    @property
    @abstractmethod
    def backend(self) -> Backend:
        """Which backend this is."""

    @abstractmethod
    def url_of(self, key: str) -> str:
        """Return the URL of `key` here: an absolute path, or `s3://bucket/key`."""

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

        With `may_consume`, the source itself may be taken (a rename). Otherwise it is left as it is. If bytes with the
        expected digest are already under `key`, the put is done, even if `source` is gone. Other bytes there are
        replaced only with `may_replace`; otherwise `ObjectConflictError` is raised. A source that does not have the
        expected digest raises a `StoreError` of class `checksum`. A missing source with nothing stored raises
        `ObjectNotFoundError`. `tags` (names of a-z, 0-9 and -, values of any text) stay with the object. They may have
        2 KB in all.

        `on_bytes` is called with the number of bytes that were transferred since the last call, from any thread but
        never from two at once. Each byte is counted once, however often a range is repeated. The numbers of a put that
        succeeds therefore add up to the size. A remote store that waits calls it with 0 several times a second, and
        before each try of a request. What it raises ends the transfer at once.
        """

    @abstractmethod
    def get(
        self, url: str, destination: Path, *, expected: Digest, on_bytes: Callable[[int], object] = ignore_bytes
    ) -> None:
        """Fetch the object to `destination` and verify it against `expected`. It appears there whole or not at all.

        `on_bytes` is called as by `put`.
        """

    @abstractmethod
    def open(self, url: str, *, offset: int = 0, size_bytes: int | None = None) -> BinaryIO:
        """Open the object for reading forward, from `offset` for at most `size_bytes`, or to its end if that is None.

        An object that is read whole is checked against its recorded SHA-256: the read that reaches the end raises a
        `StoreError` (checksum) if it differs. A range can only be checked against its length. The caller closes the
        reader.
        """

    @abstractmethod
    def head(self, url: str) -> StoredObject:
        """Return what is stored at `url`.

        The digest is evidence: a file is read to compute it, and an object carries what the server verified.
        """

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[ListedObject]:
        """List the objects whose key begins with `prefix`, in the order of their keys' code points.

        Only final names are listed. A failure on the way raises, so a listing that ends is complete.
        """

    @abstractmethod
    def delete(self, url: str) -> None:
        """Remove the object. An absent object is a success, so the operation can be repeated."""

    @abstractmethod
    def presign(self, url: str, *, expires_seconds: int) -> str:
        """Return a link with which anybody can read the object for that long: 1 second to 7 days.

        The link is a secret and must not be stored or logged. A backend without such links raises a `StoreError`
        (configuration).
        """

    @abstractmethod
    def leftovers(self, prefix: str = "", *, begun_before: datetime) -> Sequence[Leftover]:
        """List what killed transfers to keys with this prefix left behind, if they began before that moment.

        A transfer under way looks the same, so the moment must be further back than any transfer takes.
        """

    @abstractmethod
    def remove_leftover(self, leftover: Leftover) -> None:
        """Remove one of `leftovers`. An absent one is a success."""

    @abstractmethod
    def interrupt(self) -> None:
        """End the transfers of all threads soon. Each aborts what it began and raises a `StoreError` (interrupted).

        For a process that was told to stop. The store accepts no further transfer.
        """


class DeliveryNetwork(ABC):
    """A network of caches in front of the bucket, which lets in whoever has a signed link."""

    @abstractmethod
    def sign(self, key: str, *, until: datetime) -> str:
        """Make a link with which anybody can read the object with this key until then. Sends no request."""


class StoreInspector(ABC):
    """Checks how a backend is set up, for an operator who is about to trust it. Only `trials` change anything."""

    @property
    @abstractmethod
    def backend(self) -> Backend:
        """The backend that is checked."""

    @property
    @abstractmethod
    def checks(self) -> Mapping[str, Callable[[], "CheckResult"]]:
        """The checks by name, in a sensible order. What they raise is `StoreError`."""

    def trials(self, key: str) -> Mapping[str, Callable[[], "CheckResult"]]:
        """Return by name what has to be tried on an object at `key`, because using the store does not show it.

        The caller deletes the object. What the trials raise is `StoreError`. A backend may have none.
        """
        del key
        return {}

    def run_check(self, name: str) -> "CheckResult":
        """Run one check. A `StoreError` that it raises becomes a failed result."""
        try:
            return self.checks[name]()
        except StoreError as error:
            from bookmarkai_assets.core.health import CheckResult, CheckStatus  # noqa: PLC0415 - only inspections need it

            return CheckResult(CheckStatus.FAIL, str(error))


@dataclass(frozen=True)
class InventoryLine:
    """The stored media of one backend, bucket of the placement rule (0 to 99) and decider: their number and size."""

    backend: Backend
    bucket: int | None
    decided_by: Decider
    media: int
    size_bytes: int


@dataclass(frozen=True)
class StoredMedia:
    """How many media are stored on a backend, and how many bytes with their audio tracks."""

    media: int
    size_bytes: int


@dataclass(frozen=True)
class PlacedMedia:
    """How many media were placed under one policy: its mode, its percentage and the rollout's decision behind it."""

    mode: StorageMode
    percentage: int
    decision_id: int | None
    media: int


class MediaLedger(ABC):
    """Which media exist and where their bytes are. Reads follow these records."""

    @abstractmethod
    def get(self, media_id: str) -> Media | None:
        """Read one media; None when none is recorded."""

    @abstractmethod
    def get_all(self, media_ids: Collection[str]) -> Mapping[str, Media]:
        """Read some media, by id, in one query. Those without a record are left out."""

    @abstractmethod
    def stored_with(self, digest: Digest) -> Media | None:
        """Read a stored media whose video has exactly these bytes, the same one each time; None when there is none."""

    @abstractmethod
    def record_staged(self, media: Media, *, owner: str, now: datetime) -> None:
        """Record a finished download (state staged), replacing an earlier record of the media.

        A media that is fetched again has no transcript's files yet. Raises `LeaseLostError` unless `owner` holds the
        lease on the media. The check and the write are one transaction.
        """

    @abstractmethod
    def record_stored(self, media: Media, *, owner: str, now: datetime) -> None:
        """Point the record at the verified, stored bytes (state stored), for the first time or because they moved.

        `media.stored_at`, `media.expires_at` and `media.transcript_files` are recorded as given. `shares.media_url` of
        the shares that are done is updated in the same transaction. Raises `LeaseLostError` as `record_staged` does.
        """

    @abstractmethod
    def record_transcript_files(self, media: Media, *, owner: str, now: datetime) -> None:
        """Record where a stored media's transcript's files are, replacing earlier ones, and its `expires_at`.

        Nothing else of the media is changed. Raises `LeaseLostError` as `record_staged` does, and `ValueError` for a
        media that is not stored.
        """

    @abstractmethod
    def record_expired(self, media_id: str, tombstones: Sequence["Tombstone"], *, owner: str, now: datetime) -> None:
        """Record that a stored media's bytes are gone, or about to be removed, by a retention rule (state expired).

        The tombstones are written in the same transaction. `shares.media_url` of its shares is cleared, but their
        status and transcripts stay. Raises `LeaseLostError` as `record_staged` does.
        """

    @abstractmethod
    def restore(self, media: Media, *, now: datetime) -> bool:
        """Record a stored media that was found in a store, unless it is on record. Return whether it was added."""

    @abstractmethod
    def page(self, *, after: str = "", limit: int) -> Sequence[Media]:
        """Read the media whose id comes after `after`, by ascending id, at most `limit`."""

    @abstractmethod
    def is_settled(self, media_id: str) -> bool:
        """Whether nobody needs the bytes any more.

        That is when at least one share of the media has its transcript, or was parked because there is no sound, and
        every other one is done or parked.
        """

    @abstractmethod
    def stored_count(self, backend: Backend, *, unexpired_at: datetime) -> int:
        """Count the media that are stored on a backend and have not passed their `expires_at`."""

    @abstractmethod
    def placed_since(self, moment: datetime) -> Sequence[PlacedMedia]:
        """Return what was stored from `moment` on where the policy of its worker wanted it, the most media first."""

    @abstractmethod
    def inventory(self) -> Sequence[InventoryLine]:
        """Count the stored media and their bytes, by backend, bucket and decider.

        The bytes are those of videos and audio tracks. Transcripts' files, a few kilobytes each, are left out. The
        bucket is None for media from before buckets were recorded.
        """

    @abstractmethod
    def stored_totals(self) -> Mapping[Backend, StoredMedia]:
        """Return the sums of `inventory` by backend. Each backend has an entry. More media cost no more."""

    @abstractmethod
    def acknowledges(self, url: str) -> bool:
        """Whether the video, the audio track or a transcript's file of any stored media is recorded at this URL."""


class EventLog(ABC):
    """`storage_events`. Every metric is made from its rows.

    They are only appended, and removed long after they were added to the totals (`EventTotals.remove_counted`).
    """

    @abstractmethod
    def record(self, event: StorageEvent) -> None:
        """Append one event."""

    @abstractmethod
    def for_share(self, share_id: str) -> Sequence[StorageEvent]:
        """Read a share's events, oldest first."""

    @abstractmethod
    def after(self, position: int, *, limit: int) -> tuple[Sequence[StorageEvent], int]:
        """Read the next events in the order of recording, and the position after them.

        Positions are opaque and rise. 0 is before the first. Every event is returned once, because none is recorded
        later at an earlier position, however many processes record at once.
        """


@dataclass(frozen=True)
class Tombstone:
    """One deletion: what was removed, why that was right, and on what evidence.

    `kind` is video, audio, the format of a transcript's file, staging, or a `LeftoverKind`. `proof` is a JSON object.
    `removed_at` is None from when the deletion was decided until it was done. It stays None if the process died in
    between.
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
        """When it was done, or when it was decided while that is not known."""
        return self.removed_at or self.written_at


class TombstoneTable(ABC):
    """`tombstones`: deletions, each written before it is done and confirmed after it."""

    @abstractmethod
    def write(self, tombstones: Sequence[Tombstone]) -> None:
        """Record deletions that are about to be done. The new one replaces an unconfirmed one of the same URL."""

    @abstractmethod
    def confirm(self, urls: Collection[str], *, now: datetime) -> None:
        """Record that the deletions in the unconfirmed tombstones of these URLs are done."""

    @abstractmethod
    def list(self, *, media_id: str | None = None, limit: int | None = None) -> Sequence[Tombstone]:
        """Read tombstones, newest first; only those of a media, if one is given."""
