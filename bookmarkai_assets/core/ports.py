"""The doors of the core: what operations need of the world, as abstract classes. Adapters stand behind them.

Every adapter passes the contract suite of its port under `tests/contracts/`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from bookmarkai_assets.core.debt_ports import FailureTable
from bookmarkai_assets.core.doubts import Doubt, DoubtKind
from bookmarkai_assets.core.errors import StoreError
from bookmarkai_assets.core.media import Digest, Media, VideoInfo
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.part_ports import PartTable
from bookmarkai_assets.core.placement import Backend, Decider
from bookmarkai_assets.core.rollout_ports import Cursors, EventTotals, IncidentTable, RolloutLedger
from bookmarkai_assets.core.search_ports import TranscriptSearch
from bookmarkai_assets.core.shares import Platform, Share, ShareProgress
from bookmarkai_assets.core.site_ports import LinkNames, SiteLedger
from bookmarkai_assets.core.staleness import MadeTranscript, RecipeUse
from bookmarkai_assets.core.storage_events import StorageEvent
from bookmarkai_assets.core.transcript_parts import TranscriptPart, unkept
from bookmarkai_assets.core.transcripts import Recipe, Setup, Transcript

# --- Media stores ---------------------------------------------------------------------------------------------------


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


def untold(_size_bytes: int) -> None:
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
        on_bytes: Callable[[int], object] = untold,
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
    def get(self, url: str, destination: Path, *, expected: Digest, on_bytes: Callable[[int], object] = untold) -> None:
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


class InspectionStatus(StrEnum):
    """How one look at a backend's own settings went."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Inspection:
    """One look: what was looked at, what was found, and what to do about it if it is not as it should be."""

    name: str
    status: InspectionStatus
    found: str
    remedy: str | None = None


class StoreInspector(ABC):
    """Looks at how a backend is set up, for an operator who is about to trust it. Changes nothing."""

    @property
    @abstractmethod
    def backend(self) -> Backend:
        """Which backend this looks at."""

    @property
    @abstractmethod
    def looks(self) -> Mapping[str, Callable[[str], Inspection]]:
        """The looks that there are, by name and in the order in which they make sense; each is told its name."""

    def inspect(self, name: str) -> Inspection:
        """Take one look. Whatever the backend answers is a finding: this raises nothing that a look foresees."""
        try:
            return self.looks[name](name)
        except StoreError as error:
            return Inspection(name, InspectionStatus.FAILED, str(error))


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


@dataclass(frozen=True)
class Resolved:
    """What a short link has turned out to stand for: the canonical URL of a video, as `short_links` names it."""

    canonical_url: str


def never() -> bool:
    """Give nothing up."""
    return False


class Downloader(ABC):
    """Fetches the one video behind a link, never reaching an address that is not public unless it was opened."""

    @abstractmethod
    def download(
        self, url: str, directory: Path, limits: DownloadLimits, *, give_up: Callable[[], bool] = never
    ) -> DownloadedVideo | Resolved | Failure:
        """Fetch into `directory`, which exists, is empty and is this attempt's alone.

        A short link whose site says which video it leads to is only followed that far: the answer names the video,
        whose own download is another one. Where the site does not say it, the video is fetched by the short link.

        The file is validated (it opens, has a picture or sound, a plausible duration), its audio track cut beside it.
        Whatever the link does comes back as a `Failure`; on failure the directory's content is of no use.

        `give_up` is asked some times a second, from the caller's thread: once it says yes the download is ended as at
        its deadline, which is a `timed_out` failure like the deadline itself.
        """

    @abstractmethod
    def close(self) -> None:
        """End what was started for downloads, those in progress included."""


# --- Speech ---------------------------------------------------------------------------------------------------------


def unwatched(_done_seconds: float, _all_seconds: float) -> None:
    """Tell nobody how far a transcription is."""


class SpeechEngine(ABC):
    """Turns an audio file into a transcript. Loads its model once per process, at the first use.

    Several threads may use one engine.
    """

    @property
    @abstractmethod
    def engine(self) -> str:
        """The engine's name, as transcripts record it."""

    @property
    @abstractmethod
    def model(self) -> str:
        """The model's name or path, as it was set and as transcripts record it."""

    @property
    @abstractmethod
    def setup(self) -> Setup:
        """Say what `recipe` will, without its weights: no model is looked for."""

    @abstractmethod
    def recipe(self) -> Recipe:
        """Say what transcripts made now are made with. Loads no weights into memory and asks no network.

        Neither the language of one file nor what only decides how fast it goes (device, threads) is part of it. Raises
        `ConfigurationError` where the model is nowhere on this machine.
        """

    @abstractmethod
    def prepare(self) -> Recipe:
        """Load the model, which may fetch it, and say what transcripts are made with. Raises `ConfigurationError`."""

    @abstractmethod
    def supports(self, language: str) -> bool:
        """Tell whether the model knows a language, by Whisper's code for it. Raises `ConfigurationError`."""

    @abstractmethod
    def transcribe(
        self,
        audio: Path,
        *,
        language: str | None,
        on_progress: Callable[[float, float], object] = unwatched,
        kept: Sequence[TranscriptPart] = (),
        on_part: Callable[[TranscriptPart], object] = unkept,
    ) -> Transcript:
        """Transcribe one file; `language` is the one that is spoken, None detects it.

        The transcript's `language_probability` is how likely the sound is in its language, also where that was told.
        Segments are in order, apart from each other and within the sound; so are the words within a segment.
        `on_progress` is told how many seconds of the sound are done and how many there are: never less than before,
        and at the end all. How long a long sound is, is what the file says until it has been read. Raises
        `TranscriptionError`, and `ConfigurationError` for a language that the model does not know. Whatever
        `on_progress` or `on_part` raises ends the work.

        A long sound is divided, always at the same moments, and never held in memory whole. Each part is given to
        `on_part` when it is done. `kept` are the parts that are done already, from the start on without a gap, as an
        engine of the same recipe gave them for the same file and `language`; they are not done again. A sound that is
        not divided gives no part.
        """


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
    def list(
        self,
        *,
        statuses: Collection[str] = (),
        outcomes: Collection[Outcome] = (),
        platforms: Collection[Platform] = (),
        limit: int | None = None,
    ) -> Sequence[Share]:
        """Read shares, newest first.

        Only those whose status is in `statuses`, whose last attempt ended with one of `outcomes` and whose link belongs
        to one of `platforms` (as `platforms.unified` names it), as far as any are named.
        """

    @abstractmethod
    def hinted_language(self, share_id: str) -> str | None:
        """Give the language that the gateway has for a share in `platform_data.language`; None where it says nothing.

        It is Whisper's code for one, if it is any: de for `de-AT`.
        """


@dataclass(frozen=True)
class DueShare:
    """A row that wants work, read without trust: every column is the text that the database holds.

    `crashes` counts the runs that died with the share in hand, the one that this listing found included. When it
    `runs_alone`, it held up others before.
    """

    share_id: str
    url: str | None
    created_at: str | None
    attempts: int
    crashes: int
    runs_alone: bool = False


@dataclass(frozen=True)
class Begun:
    """This owner has the share now; `attempts` counts this one."""

    attempts: int


@dataclass(frozen=True)
class Refused:
    """Another owner has the share; `reason` says who."""

    reason: str


@dataclass(frozen=True)
class ParkedShare:
    """A share that was given up, when and why: `outcome` is an `Outcome`, `reason` its evidence in words."""

    share_id: str
    outcome: str | None
    reason: str | None
    parked_at: datetime


class WorkLedger(ABC):
    """Who works on which share, under which lease, and how it ended. The sensor selects by this and nothing else.

    States of a share here: none yet (new) -> claimed (by a sensor tick) -> running (in a run) -> done, waiting (for a
    retry, or to be continued) or parked. A lease is held on the media, so two shares of one video take turns. A lease
    that has expired is nobody's. Times are parameters; none of these methods reads a clock.
    """

    @abstractmethod
    def due(self, *, now: datetime, limit: int, places: Mapping[str, int] | None = None) -> Sequence[DueShare]:
        """List shares that want work, oldest first: new ones, due retries, claims and runs whose lease expired.

        A parked share whose `shares.status` somebody has set back to `pending` counts as new. Of the shares that are
        held for a site in `places`, at most so many are given; of those held for another, all. Never raises for a
        malformed row.
        """

    @abstractmethod
    def hold(self, share_id: str, media_id: str, *, held_for: str, reason: str, now: datetime) -> None:
        """Let a due share wait for a site that takes no fetch now, which is recorded as outcome `postponed`.

        It stays pending, and no attempt is counted.
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
    def lease(self, media_id: str, *, owner: str, now: datetime, until: datetime) -> bool:
        """Take the lease on a media without a share in hand, as movers and clean-up do; False while another has it.

        True again for the owner it has.
        """

    @abstractmethod
    def free(self, media_id: str, *, owner: str) -> None:
        """Give one lease back, as far as it is `owner`'s."""

    @abstractmethod
    def is_leased(self, media_id: str, *, now: datetime) -> bool:
        """Tell whether anybody holds the media now."""

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
        """Set `shares.status` to a stage of the work in progress (`fetching`, `fetched`); a done share stays done.

        With `fetched` the share is described as well: see `finish`.
        """

    @abstractmethod
    def fail(self, share_id: str, failure: Failure, *, owner: str, now: datetime, retry_at: datetime | None) -> None:
        """Record a failed attempt and free the lease: waiting until `retry_at`, or parked as `error` when that is None.

        A share that was done before stays done, with the failure remembered. Raises `LeaseLostError` when the lease has
        gone to another owner.
        """

    @abstractmethod
    def postpone(
        self,
        share_id: str,
        *,
        reason: str,
        owner: str,
        now: datetime,
        until: datetime,
        held_for: str | None = None,
        alone: bool = False,
    ) -> None:
        """Put a share back that `owner` has begun (outcome `postponed`), without counting the attempt.

        Its lease is freed. It is due again at `until`, and with `held_for` once `due` is told that this site takes
        fetches. With `alone` it is to have runs of its own until it is done, or a person has it retried. A share that
        is done stays done. Raises `LeaseLostError` as `finish`.
        """

    @abstractmethod
    def finish(
        self, share_id: str, *, media_url: str, owner: str, now: datetime, outcome: Outcome = Outcome.DONE
    ) -> None:
        """Record an end that is one of `outcomes.ENDS_WELL`: `shares.status` done, `shares.media_url` set.

        The lease is freed. Raises `LeaseLostError`, and `ValueError` for an outcome that is a failure.

        Title, author, description, thumbnail and media type go to the share's columns, and what else is known of the
        video (extractor, posted_at, duration_seconds, width, height) into its `platform_data`.
        """

    @abstractmethod
    def release(self, owner: str, *, now: datetime) -> None:
        """Free what `owner` still holds at the end of its run; unfinished shares are due again at once.

        So is a finished share whose media is staged again, because its stored bytes were lost and fetched anew.
        """

    @abstractmethod
    def failure_in(self, share_id: str, owner: str) -> Failure | None:
        """Tell how the share failed in this very run, if it did."""

    @abstractmethod
    def retry(self, share_ids: Sequence[str], *, now: datetime, is_lost: bool = False) -> Sequence[str]:
        """Make shares due at once with their attempts reset; returns those that changed.

        Those that are parked or waiting, and done ones whose media has expired: they are fetched anew. So are done ones
        that no run has in hand when the caller has found that their stored media `is_lost`.
        """

    @abstractmethod
    def adopt(self, share_id: str, media_id: str, *, media_url: str, now: datetime) -> bool:
        """Remember of which media a share is that is done and that no work is known of, as after a rebuild.

        Sets its `shares.media_url`. A share that is not done, or that has a history here, is left alone (False).
        """

    @abstractmethod
    def failed_share_ids(self) -> Sequence[str]:
        """List the parked shares, oldest first."""

    @abstractmethod
    def parked_since(self, moment: datetime, *, limit: int) -> Sequence[ParkedShare]:
        """Read the shares that were parked at that moment or later and still are, newest first. One indexed look."""

    @abstractmethod
    def progress(self, share_id: str) -> ShareProgress:
        """Say how far a share has come; zero attempts and None throughout for one never claimed."""


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


@dataclass(frozen=True)
class DoubtfulTranscript:
    """A share whose transcript is marked, when that was made, and by which doubts."""

    share_id: str
    made_at: datetime
    doubts: tuple[Doubt, ...]


class TranscriptTable(ABC):
    """BookmarkAI's `transcripts`, and beside it what made each one."""

    @abstractmethod
    def put(self, share_id: str, transcript: Transcript, *, now: datetime) -> None:
        """Write the share's transcript, replacing an earlier one."""

    @abstractmethod
    def get(self, share_id: str) -> Transcript | None:
        """Read the share's transcript."""

    @abstractmethod
    def find_for_media(self, media_id: str, *, recipe: str, language: str | None) -> Transcript | None:
        """Read the latest transcript that a share of a media got by a recipe, named by its fingerprint.

        Only one that would not be another if the engine were told `language`, or None to detect it: one that is in that
        language, or with None in a language that was likelier than all others together. One without words is the same
        whatever the engine is told.
        """

    @abstractmethod
    def recipes_in_use(self) -> Sequence[RecipeUse]:
        """Count the transcripts that were made here and stand, by what made them, the most first."""

    @abstractmethod
    def made_by(self, recipes: Collection[str | None]) -> Iterator[MadeTranscript]:
        """Read the transcripts that these recipes made, named by fingerprint, and that stand, the newest first.

        None stands for a recipe that is not on record. Read to the end, or close: a transaction stays open until then.
        """

    @abstractmethod
    def count_of_others(self) -> int:
        """Count the shares with a transcript that was not made here."""

    @abstractmethod
    def latest_of_media(self, media_id: str) -> str | None:
        """Name the share of a media whose transcript was written last; None while no share of it has one."""

    @abstractmethod
    def doubtful(self, *, kinds: Collection[DoubtKind] = (), limit: int) -> Sequence[DoubtfulTranscript]:
        """Read the transcripts that are marked by doubts, the newest first, at most `limit`.

        With `kinds` only those that have a doubt of one of these, with all their doubts.
        """


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


@dataclass(frozen=True)
class Catalog:
    """The truth: a door for each part of it, one database behind them."""

    shares: ShareTable
    work: WorkLedger
    media: MediaLedger
    transcripts: TranscriptTable
    parts: PartTable
    events: EventLog
    totals: EventTotals
    tombstones: TombstoneTable
    rollout: RolloutLedger
    incidents: IncidentTable
    cursors: Cursors
    sites: SiteLedger
    links: LinkNames
    failures: FailureTable
    search: TranscriptSearch
