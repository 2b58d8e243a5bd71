"""The ports of uploads: the ledger in the catalog, the links that owners send files by, and the objects that arrive."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bookmarkai_assets.core.media.ports import ListedObject
from bookmarkai_assets.core.uploads.parts import PlannedPart
from bookmarkai_assets.core.uploads.upload import Upload, UploadStatus


@dataclass(frozen=True)
class MadeShare:
    """The share of an upload. `is_new` is False when an earlier call had made it."""

    share_id: str
    is_new: bool


class UploadLedger(ABC):
    """Which uploads there are, and what has become of each. Times are parameters.

    Every change of a status names the statuses that it may come from, so of two that disagree one changes nothing.
    """

    @abstractmethod
    def add(self, upload: Upload) -> None:
        """Record a new upload."""

    @abstractmethod
    def get(self, upload_id: str) -> Upload | None:
        """Read one upload; None when there is none of this id, which may be any text."""

    @abstractmethod
    def of_content(self, sha256: str, *, user_id: str, statuses: Collection[UploadStatus]) -> Sequence[Upload]:
        """Read a user's uploads with this declared SHA-256 and one of these statuses, newest first."""

    @abstractmethod
    def begin_parts(self, upload_id: str, multipart_id: str, *, part_bytes: int) -> Upload | None:
        """Record the multipart upload of an awaited upload, unless it has one. Return the upload as it is now.

        None if it is not awaited any more, or unknown. Of two callers the second finds the id of the first.
        """

    @abstractmethod
    def record_arrived(self, upload_id: str, *, now: datetime) -> bool:
        """Record that an awaited upload's object is there. Return whether it was awaited."""

    @abstractmethod
    def take_in(self, upload_id: str, *, platform: str, now: datetime) -> MadeShare | None:
        """Make the share of an upload that has arrived, in one transaction with the change of its status.

        The share has the upload's URN as its link, its owner as its user and its name as its title. Of several callers
        at once exactly one makes it. One that was taken in before returns the share that was made then, also if its
        user has deleted that since. None if the upload is in another status.
        """

    @abstractmethod
    def end(
        self,
        upload_id: str,
        status: UploadStatus,
        *,
        reason: str,
        from_statuses: Collection[UploadStatus],
        now: datetime,
    ) -> bool:
        """Record that an upload was refused or abandoned, and why. Return whether it was in one of `from_statuses`."""

    @abstractmethod
    def record_removed(self, upload_id: str, *, now: datetime) -> None:
        """Record that nothing of an ended upload is in the bucket any more."""

    @abstractmethod
    def unfinished(self, *, created_before: datetime, after: str = "", limit: int) -> Sequence[Upload]:
        """Read the uploads that are awaited, or have arrived and have no share, by ascending id after `after`."""

    @abstractmethod
    def unremoved(self, *, after: str = "", limit: int) -> Sequence[Upload]:
        """Read the ended uploads of which something may be in the bucket, by ascending id after `after`."""


@dataclass(frozen=True)
class UploadForm:
    """A form that sends a file in one request: POST to `url` with all `fields`, then the file as the field `file`.

    Whoever has it can send this one file until `expires_at`. It is a secret and is not kept.
    """

    url: str
    fields: Mapping[str, str] = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class PartLink:
    """A link that takes one part by PUT, with these headers, until `expires_at`. It is a secret and is not kept."""

    number: int
    size_bytes: int
    url: str = field(repr=False)
    headers: Mapping[str, str]
    expires_at: datetime


@dataclass(frozen=True)
class ArrivedPart:
    """A part that is in the bucket."""

    number: int
    size_bytes: int
    etag: str


@dataclass(frozen=True)
class UploadedObject:
    """An object at an upload's key, as the bucket describes it. The metadata was fixed by the signed link."""

    size_bytes: int
    sha256: str | None
    upload_id: str | None
    modified_at: datetime


class UploadLinks(ABC):
    """Signs what an owner sends a file by, and completes what arrives in parts. Every method raises `StoreError`."""

    @property
    @abstractmethod
    def origin(self) -> str:
        """The origin of the links, such as https://bucket.s3.eu-central-1.amazonaws.com."""

    @abstractmethod
    def make_form(self, upload: Upload, *, now: datetime, seconds: int) -> UploadForm:
        """Make the form for a file that is sent at once: its key, type, metadata and exact size are signed."""

    @abstractmethod
    def begin_parts(self, upload: Upload) -> str:
        """Begin a multipart upload and return its id."""

    @abstractmethod
    def make_part_links(
        self, upload: Upload, parts: Sequence[PlannedPart], *, now: datetime, seconds: int
    ) -> Sequence[PartLink]:
        """Make a link for each of these parts of the upload's multipart upload. The exact size is signed."""

    @abstractmethod
    def arrived_parts(self, upload: Upload) -> Sequence[ArrivedPart] | None:
        """Read which parts are there, by number; None if the bucket no longer has the multipart upload."""

    @abstractmethod
    def send_at_once(self, upload: Upload, file: Path) -> None:
        """Send a whole file on this machine in one request, with its checksum and what a form would have."""

    @abstractmethod
    def send_part(self, upload: Upload, part: PlannedPart, file: Path) -> ArrivedPart:
        """Send one part of a file on this machine, with its checksum."""

    @abstractmethod
    def complete_parts(self, upload: Upload, parts: Sequence[ArrivedPart]) -> bool:
        """Make the object of these parts. False if the bucket no longer has the multipart upload."""

    @abstractmethod
    def abort_parts(self, upload: Upload, multipart_id: str) -> None:
        """Drop a multipart upload with its parts. An absent one is a success."""


class UploadedObjects(ABC):
    """The objects that arrive under the prefix of uploads. Every method raises `StoreError` if the bucket fails."""

    @property
    @abstractmethod
    def prefix(self) -> str:
        """What the keys of uploads begin with; ends in a slash."""

    @abstractmethod
    def url_of(self, key: str) -> str:
        """Return the URL of a key, by which the store of the bucket's backend reads it: `s3://bucket/key`."""

    @abstractmethod
    def head(self, key: str) -> UploadedObject | None:
        """Return what is at a key; None when nothing is."""

    @abstractmethod
    def list(self) -> Iterator[ListedObject]:
        """List all objects under the prefix, whoever put them there."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object. An absent one is a success."""


class UploadBucket(UploadLinks, UploadedObjects):
    """The bucket as the place where uploads arrive: both of its sides."""
