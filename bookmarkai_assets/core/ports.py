"""The doors of the core: what operations need of the world, as abstract classes. Adapters stand behind them.

Every adapter passes the contract suite of its port under `tests/contracts/`.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bookmarkai_assets.core.errors import StoreErrorClass
from bookmarkai_assets.core.media import Digest, Media, VideoInfo
from bookmarkai_assets.core.outcomes import Failure
from bookmarkai_assets.core.placement import Backend
from bookmarkai_assets.core.shares import Share, ShareProgress
from bookmarkai_assets.core.transcripts import Transcript

# --- Media stores ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StoredObject:
    """What a store says of one object."""

    url: str
    digest: Digest
    content_type: str


class MediaStore(ABC):
    """One backend for media: the local directory, or a bucket.

    Every method raises `StoreError` with its class; absence is `ObjectNotFoundError`. Nothing partial is ever visible
    at a final name, and no method holds a whole file in memory.
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
        self, source: Path, key: str, *, expected: Digest, content_type: str, tags: Mapping[str, str], may_replace: bool
    ) -> StoredObject:
        """Store `source` under `key` and return what is stored.

        May consume `source` (a rename). Bytes with the expected digest already under `key` count as done, also when
        `source` is gone. Other bytes there are replaced only if `may_replace`, else `ObjectConflictError`. A source
        that does not have the expected digest is a `StoreError` of class `checksum`; a source that is missing, with
        nothing stored, is `ObjectNotFoundError`. `tags` travel with the object where the backend can carry them.
        """

    @abstractmethod
    def get(self, url: str, destination: Path, *, expected: Digest) -> None:
        """Fetch the object to `destination`, verified against `expected`, appearing there whole or not at all."""

    @abstractmethod
    def head(self, url: str) -> StoredObject:
        """Say what is stored at `url`."""

    @abstractmethod
    def delete(self, url: str) -> None:
        """Remove the object. Absence is success: the operation can be repeated."""


# --- Downloading ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DownloadLimits:
    """What one download may cost. Exceeding one ends it with a typed outcome."""

    max_bytes: int
    max_duration_seconds: float
    timeout_seconds: float


@dataclass(frozen=True)
class DownloadedFile:
    """One file in the download's directory."""

    path: Path
    digest: Digest
    content_type: str


@dataclass(frozen=True)
class DownloadedVideo:
    """A validated video and its audio track (None when the video has no sound). `seconds` is the wall time it took."""

    video: DownloadedFile
    audio: DownloadedFile | None
    info: VideoInfo
    seconds: float


class Downloader(ABC):
    """Fetches the one video behind a link, never reaching an address that is not public unless it was opened."""

    @abstractmethod
    def download(self, url: str, directory: Path, limits: DownloadLimits) -> DownloadedVideo | Failure:
        """Fetch into `directory`, which exists, is empty and is this attempt's alone.

        The file is validated (it opens, has a picture or sound, a plausible duration), its audio track cut beside it.
        Whatever the link does comes back as a `Failure`; on failure the directory's content is of no use.
        """

    @abstractmethod
    def close(self) -> None:
        """End what was started for downloads, those in progress included."""


# --- Speech ---------------------------------------------------------------------------------------------------------


class SpeechEngine(ABC):
    """Turns an audio file into a transcript. Loads its model once per process, at the first use."""

    @property
    @abstractmethod
    def engine(self) -> str:
        """The engine's name, as transcripts record it."""

    @property
    @abstractmethod
    def model(self) -> str:
        """The model's name or path, as it was set and as transcripts record it."""

    @abstractmethod
    def transcribe(self, audio: Path, *, language: str | None) -> Transcript:
        """Transcribe one file; `language` is a hint, None detects it. Raises `TranscriptionError`."""


# --- Catalog --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AddedShare:
    """The result of adding a share: `is_new` is False when this user had shared this link before."""

    share: Share
    is_new: bool


class ShareTable(ABC):
    """BookmarkAI's `shares`."""

    @abstractmethod
    def add(self, *, url: str, user_id: str, platform: str, now: datetime) -> AddedShare:
        """Record a share as pending, once per (url, user); a second time returns the first one's row."""

    @abstractmethod
    def get(self, share_id: str) -> Share:
        """Read one share; raises `UnknownShareError`."""

    @abstractmethod
    def list(self, *, statuses: Collection[str] = (), limit: int | None = None) -> Sequence[Share]:
        """Read shares, newest first; only those in `statuses`, if any are named."""


@dataclass(frozen=True)
class DueShare:
    """A row that wants work, read without trust: every column is the text that the database holds.

    `crashes` counts the runs that died with the share in hand, the one that this listing found included.
    """

    share_id: str
    url: str | None
    created_at: str | None
    attempts: int
    crashes: int


@dataclass(frozen=True)
class Begun:
    """This owner has the share now; `attempts` counts this one."""

    attempts: int


@dataclass(frozen=True)
class Refused:
    """Another owner has the share; `reason` says who."""

    reason: str


class WorkLedger(ABC):
    """Who works on which share, under which lease, and how it ended. The sensor selects by this and nothing else.

    States of a share here: none yet (new) -> claimed (by a sensor tick) -> running (in a run) -> done, waiting (for a
    retry, or to be continued) or parked. A lease is held on the media, so two shares of one video take turns. A lease
    that has expired is nobody's. Times are parameters; none of these methods reads a clock.
    """

    @abstractmethod
    def due(self, *, now: datetime, limit: int) -> Sequence[DueShare]:
        """List shares that want work, oldest first: new ones, due retries, claims and runs whose lease expired.

        A parked share whose `shares.status` somebody has set back to `pending` counts as new. Never raises for a
        malformed row.
        """

    @abstractmethod
    def set_aside(self, share_id: str, failure: Failure, *, now: datetime) -> None:
        """Park a share without an attempt (a malformed row, or one that keeps crashing its worker)."""

    @abstractmethod
    def claim(self, share_id: str, media_id: str, *, claim_id: str, now: datetime, until: datetime) -> bool:
        """Reserve a due share for a run about to be launched; False when another holds the media or took the share.

        A share found running under an expired lease counts one crash. Sets `shares.status` to `processing`.
        """

    @abstractmethod
    def open_claims(self, *, expiring_before: datetime) -> Sequence[str]:
        """List the claim ids of shares still claimed (no run has begun them) whose lease ends before that moment."""

    @abstractmethod
    def extend_claim(self, claim_id: str, *, until: datetime) -> None:
        """Extend the leases of a claim's shares that no run has begun: its run is known to be queued."""

    @abstractmethod
    def begin(
        self, share_id: str, media_id: str, *, owner: str, claim_id: str | None, now: datetime, until: datetime
    ) -> Begun | Refused:
        """Take the share over for a run (`owner` is the run's id); counts an attempt unless this owner has it already.

        A run's later steps begin again and find it their own. Succeeds when the lease is free, expired, `owner`'s or
        `claim_id`'s. A run launched for a claim is refused once a later claim has replaced it. A share that is done
        stays done; its lease is taken all the same.
        """

    @abstractmethod
    def renew(self, owner: str, *, until: datetime) -> frozenset[str]:
        """Extend every lease of `owner`; returns the media ids it still holds."""

    @abstractmethod
    def holds(self, owner: str, media_id: str) -> bool:
        """Tell whether the lease on a media is recorded for `owner`."""

    @abstractmethod
    def has_live_lease(self, owner: str, *, now: datetime) -> bool:
        """Tell whether `owner` holds any lease that has not ended: a run that works on shares always does."""

    @abstractmethod
    def mark(self, share_id: str, status: str, *, owner: str, now: datetime) -> None:
        """Set `shares.status` to a stage of the work in progress (`fetching`, `fetched`); a done share stays done."""

    @abstractmethod
    def fail(self, share_id: str, failure: Failure, *, owner: str, now: datetime, retry_at: datetime | None) -> None:
        """Record a failed attempt and free the lease: waiting until `retry_at`, or parked as `error` when that is None.

        A share that was done before stays done, with the failure remembered. Raises `LeaseLostError` when the lease has
        gone to another owner.
        """

    @abstractmethod
    def finish(self, share_id: str, *, media_url: str, owner: str, now: datetime) -> None:
        """Record success: `shares.status` done, `shares.media_url` set; the lease is freed. Raises `LeaseLostError`."""

    @abstractmethod
    def release(self, owner: str, *, now: datetime) -> None:
        """Free what `owner` still holds at the end of its run; unfinished shares are due again at once.

        So is a finished share whose media is staged again, because its stored bytes were lost and fetched anew.
        """

    @abstractmethod
    def failure_in(self, share_id: str, owner: str) -> Failure | None:
        """Tell how the share failed in this very run, if it did."""

    @abstractmethod
    def retry(self, share_ids: Sequence[str], *, now: datetime) -> Sequence[str]:
        """Make parked or waiting shares due at once with their attempts reset; returns those that changed."""

    @abstractmethod
    def failed_share_ids(self) -> Sequence[str]:
        """List the parked shares, oldest first."""

    @abstractmethod
    def progress(self, share_id: str) -> ShareProgress:
        """Say how far a share has come; zero attempts and None throughout for one never claimed."""


class MediaLedger(ABC):
    """Which media exist and where their bytes are: the pointers that reads follow."""

    @abstractmethod
    def get(self, media_id: str) -> Media | None:
        """Read one media; None when none is recorded."""

    @abstractmethod
    def record_staged(self, media: Media, *, owner: str, now: datetime) -> None:
        """Record a finished download (state staged), replacing an earlier record of the media.

        Raises `LeaseLostError` unless `owner` holds the media's lease: the check and the write are one transaction.
        """

    @abstractmethod
    def record_stored(self, media: Media, *, owner: str, now: datetime) -> None:
        """Flip the pointer to the verified, stored bytes (state stored). Raises `LeaseLostError` as above."""

    @abstractmethod
    def acknowledges(self, url: str) -> bool:
        """Tell whether some stored media's video or audio is recorded at this URL."""


class TranscriptTable(ABC):
    """BookmarkAI's `transcripts`, and beside it what made each one."""

    @abstractmethod
    def put(self, share_id: str, transcript: Transcript, *, now: datetime) -> None:
        """Write the share's transcript, replacing an earlier one."""

    @abstractmethod
    def get(self, share_id: str) -> Transcript | None:
        """Read the share's transcript."""

    @abstractmethod
    def find_for_media(self, media_id: str, *, engine: str, model: str) -> Transcript | None:
        """Read a transcript that another share of the same media has, made by the same engine and model."""


@dataclass(frozen=True)
class StorageEvent:
    """One transfer, good or bad. `operation` is fetch, put or get; `backend` is site, local or s3.

    `error_class` is None on success; `size_bytes` counts what was to be moved, 0 when unknown. `seconds` is wall time.
    """

    occurred_at: datetime
    operation: str
    backend: str
    share_id: str | None
    media_id: str | None
    kind: str
    size_bytes: int
    seconds: float
    error_class: StoreErrorClass | str | None
    error: str | None


class EventLog(ABC):
    """`storage_events`: append-only; every metric comes from here."""

    @abstractmethod
    def record(self, event: StorageEvent) -> None:
        """Append one event."""

    @abstractmethod
    def for_share(self, share_id: str) -> Sequence[StorageEvent]:
        """Read a share's events, oldest first."""


@dataclass(frozen=True)
class Catalog:
    """The truth: five tables' worth of doors, one database behind them."""

    shares: ShareTable
    work: WorkLedger
    media: MediaLedger
    transcripts: TranscriptTable
    events: EventLog
