"""One installation in a directory: the real catalog, stores and operations, with a fake site and a fake engine.

It knows what the operations are called with, and nothing about when they are killed or what must hold afterwards.
"""

import hashlib
import os
import random
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

from typing_extensions import override

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.core.downloads.ports import DownloadedVideo, DownloadLimits, Resolved, never_give_up
from bookmarkai_assets.core.failures.retries import RetryPolicy
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.media.placement import Backend, StorageMode, StoragePolicy
from bookmarkai_assets.core.media.retention import RetentionPolicy
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.shares.ports import AddedShare
from bookmarkai_assets.core.sites.silent_formats import FormatFamily
from bookmarkai_assets.operations.downloads.fetched_media import FetchedMedia
from bookmarkai_assets.operations.downloads.fetching import fetch_media
from bookmarkai_assets.operations.media.placing import place_media
from bookmarkai_assets.operations.shares.claiming import claim_due_shares
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.intake import add_shares
from bookmarkai_assets.operations.shares.steps import run_step
from bookmarkai_assets.operations.storage import clean_up as clean_ups
from bookmarkai_assets.operations.storage.clean_up import clean_up
from bookmarkai_assets.operations.storage.moving import move_media
from bookmarkai_assets.operations.storage.verifying import LOSSES, verify_storage
from bookmarkai_assets.operations.stores import Stores
from bookmarkai_assets.operations.transcripts.storing import media_without_files, store_transcript_files
from bookmarkai_assets.operations.transcripts.transcribing import transcribe_share
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.crash.directory_s3 import DirectoryS3, Fault
from tests.crash.rollout_settings import HISTORY, LIMITS, PLAN
from tests.fakes.downloader import FakeDownloader
from tests.fakes.speech import FakeSpeechEngine, speech_bytes

BUCKET = "media"
VIDEO_PREFIX = "temp/videos/"
USERS = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
NAMES = ("a", "b", "c", "d")
PART_BYTES = 4096
"""So small that videos are put in parts, but audio tracks and transcripts' files at once."""

CHUNK_SECONDS = 1.5
"""So short that each transcript is made in parts, which outlive the run that made them."""

GRACE = timedelta(days=1)
LOCAL_DAYS = 4
S3_DAYS = 7
LEASE = timedelta(minutes=10)
NOON = datetime(2001, 3, 1, 12, tzinfo=UTC)
"""Where the clock begins: long before any real file, so that a file's real time shows that it is new."""

_SAID = "This is {} in version {}. It has two sentences."
_REAL_TIMES = datetime(2015, 1, 1, tzinfo=UTC).timestamp()

_DEFAULTS = make_rules(load_settings(env_file=None))
"""Rules on which the operations here do not depend."""


def link_of(name: str) -> str:
    """Return the link to a video of the site: its canonical URL."""
    return f"https://www.tiktok.com/@_/video/{NAMES.index(name) + 1}"


def shared_link_of(name: str, user: str) -> str:
    """Return the link that a user shares for a video: one user has the short link from the site's app."""
    return link_of(name) if user == USERS[0] else f"https://vm.tiktok.com/ZM{name}/"


def video_bytes(name: str, version: int) -> bytes:
    """Return the site's video: two to three parts, of the same size in each version."""
    size = 2 * PART_BYTES + 300 * (NAMES.index(name) + 1)
    return random.Random(f"{name} {version}").randbytes(size)  # noqa: S311 - the same bytes each time


def audio_bytes(name: str, version: int) -> bytes:
    """Return its sound."""
    return speech_bytes(_SAID.format(name, version)) + b" " * 200


def words_of(name: str, version: int) -> set[str]:
    """Return what the engine transcribes from the sound, and from the video where the sound is lost."""
    digest = sha256(video_bytes(name, version))
    return {_SAID.format(name, version), f"Nobody planned these words. They stand for {digest}."}


@dataclass(frozen=True)
class Paths:
    """Where the installation's files are, in one directory."""

    root: Path

    @property
    def catalog(self) -> Path:
        """The database."""
        return self.root / "catalog.db"

    @property
    def media(self) -> Path:
        """The local media."""
        return self.root / "media"

    @property
    def staging(self) -> Path:
        """Downloads in progress."""
        return self.media / ".staging"

    @property
    def bucket(self) -> Path:
        """What the bucket contains."""
        return self.root / "s3"

    @property
    def outside(self) -> Path:
        """What does not belong to the pipeline."""
        return self.root / "outside"

    def stamp(self, now: datetime) -> None:
        """Set the times of files written just now to the machine's clock."""
        if not self.media.is_dir():
            return
        for path in [self.media, *self.media.rglob("*")]:
            if path.lstat().st_mtime > _REAL_TIMES:
                os.utime(path, (now.timestamp(), now.timestamp()), follow_symlinks=False)


class Clock:
    """Moves on by a tenth of a millisecond with each call, so that no two times are equal."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def __call__(self) -> datetime:
        """Return the time."""
        self._now += timedelta(microseconds=100)
        return self._now


@dataclass(frozen=True)
class Conditions:
    """The conditions of one operation: time, storage policy, the site's versions, and the faults of its requests."""

    now: datetime
    mode: StorageMode = StorageMode.LOCAL
    percentage: int = 50
    versions: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 1))
    faults: Mapping[str, Sequence[Fault]] = field(default_factory=dict)
    number: int = 0


class Promise(StrEnum):
    """What somebody has been told, and must hold from then on. The value is the kind of its line in the journal."""

    SHARE = "A"
    """The user has the share's id."""
    DECISION = "D"
    """The operator has the decision's id."""
    ALERT = "T"
    """A receiver has the incident."""


class World:
    """What one operation works with, in the process that runs it."""

    def __init__(
        self,
        paths: Paths,
        catalog: OpenCatalog,
        conditions: Conditions,
        *,
        on_step: Callable[[str], None] = lambda _: None,
        promise: Callable[[Promise, str], None] = lambda _promise, _about: None,
    ) -> None:
        self.promise = promise
        self.on_step = on_step
        self.catalog = catalog
        self.clock = Clock(conditions.now)
        self._ids = random.Random(conditions.number)  # noqa: S311 - the same ids each time
        self.s3 = DirectoryS3(
            paths.bucket,
            BUCKET,
            clock=self.clock,
            on_call=on_step,
            faults=conditions.faults,
            lifecycle_days=S3_DAYS,
        )
        self.stores = Stores(
            {
                Backend.LOCAL: LocalStore(paths.media),
                Backend.S3: S3Store(
                    BUCKET,
                    region="us-east-1",
                    endpoint=None,
                    access_key="none",
                    secret_key="none",
                    use_path_style=False,
                    max_attempts=2,
                    part_bytes=PART_BYTES,
                    connector=lambda _: self.s3,
                ),
            }
        )
        self.rules = PipelineRules(
            storage=StoragePolicy(conditions.mode, conditions.percentage),
            video_prefix=VIDEO_PREFIX,
            staging_dir=paths.staging,
            limits=DownloadLimits(max_bytes=1 << 20, max_duration_seconds=60, timeout_seconds=60),
            patience_seconds=2,
            speech_concurrency=1,
            download_concurrency=1,
            sites=_DEFAULTS.sites,
            stores=_DEFAULTS.stores,
            min_free_bytes=0,
            allowed_hosts=frozenset(),
            language=None,
            retry=RetryPolicy(max_attempts=1000, base_seconds=60, max_seconds=600),
            retention=RetentionPolicy(grace_seconds=GRACE.total_seconds(), local_days=LOCAL_DAYS, s3_days=S3_DAYS),
            history=HISTORY,
            rollout=PLAN,
            gate=LIMITS,
            prices=_DEFAULTS.prices,
            lease_seconds=LEASE.total_seconds(),
            watch_seconds=0,
            worker_start_seconds=_DEFAULTS.worker_start_seconds,
            batch_size=2,
            batches_per_tick=2,
        )
        self._downloader = _Site(on_step)
        for name in NAMES:
            version = conditions.versions[name]
            self._downloader.serve(link_of(name), video=video_bytes(name, version), audio=audio_bytes(name, version))
            self._downloader.lead(shared_link_of(name, USERS[1]), link_of(name))
        self._engine = FakeSpeechEngine(chunk_seconds=CHUNK_SECONDS)

    def new_id(self) -> str:
        """Return a UUID, the same in the same operation of the same program."""
        return str(UUID(int=self._ids.getrandbits(128), version=4))

    def accept(self, names: Iterable[str], user: str) -> None:
        """Share links, and acknowledge them to their user."""
        results = add_shares(
            self.catalog.shares,
            [shared_link_of(name, user) for name in names],
            user_id=user,
            allowed_hosts=frozenset(),
            now=self.clock(),
        )
        for added in results:
            if isinstance(added, AddedShare):
                self.promise(Promise.SHARE, added.share.share_id)

    def work(self) -> int:
        """Do what a tick of the sensor and the runs that it launches do, and return the number of due shares."""
        runs = claim_due_shares(
            self.catalog, self.rules, new_claim_id=self.new_id, now=self.clock(), positions=lambda _share_ids: {}
        )
        for run in runs:
            self._run(run.share_ids, run.claim_id)
        return sum(len(run.share_ids) for run in runs)

    def rematerialize(self, share_ids: Sequence[str], *, with_download: bool) -> None:
        """Do what an analyst's run over some shares does, for the last two assets or all three."""
        if with_download:
            self._run(share_ids, None)
            return
        hold = self._run_hold(None)
        with hold.renew_leases():
            run_step(
                hold,
                {share_id: self._load(share_id) for share_id in share_ids},
                lambda leased, media: place_media(hold, leased, media),
            )
        hold.release()

    def media_ids(self) -> list[str]:
        """Return the ids of all media, as `storage move --all` does."""
        return [media.media_id for media in self.catalog.media.page(limit=100)]

    def take_lease(self, media_id: str, time: timedelta) -> bool:
        """Take a lease as another run would, and keep it."""
        now = self.clock()
        return self.catalog.leases.take(media_id, owner=self.new_id(), now=now, until=now + time)

    def move(self, media_ids: Sequence[str], target: Backend) -> list[str]:
        """Do what `storage move` does, and return the outcomes."""
        return [move.outcome.value for move in move_media(self._command_hold(), media_ids, target)]

    def store_files(self) -> list[str]:
        """Do what `transcripts store` does, and return the outcomes."""
        hold = self._command_hold()
        return [done.outcome.value for done in store_transcript_files(hold, dict(media_without_files(self.catalog)))]

    def clean_up(self) -> dict[str, Any]:
        """Do what the daily clean-up does, and return its report."""
        # One media at a time, so that its steps come in the same order each time, and no thread waits for SQLite's one
        # writer.
        with patch.object(clean_ups, "WORKERS", 1):
            return clean_up(self._command_hold()).as_dict()

    def losses(self) -> list[tuple[str, str]]:
        """Do what `storage verify --deep` does, and return the URLs of what is missing or different, with words."""
        report = verify_storage(self.catalog, self.stores, self.rules, is_deep=True, now=self.clock(), workers=1)
        if report.unanswered:
            raise AssertionError(f"expected every backend to answer, found {report.unanswered}")
        return [
            (line.url, f"{line.finding}: {line.url}: {line.detail}") for line in report.lines if line.finding in LOSSES
        ]

    def _run(self, share_ids: Sequence[str], claim_id: str | None) -> None:
        hold = self._run_hold(claim_id)
        with hold.renew_leases():
            fetched = run_step(
                hold,
                dict.fromkeys(share_ids),
                lambda leased, _: fetch_media(hold, leased, downloader=self._downloader),
            )
            placed = run_step(
                hold,
                {share_id: _media_of(result) for share_id, result in fetched.items()},
                lambda leased, media: place_media(hold, leased, media),
            )
            run_step(
                hold,
                placed,
                lambda leased, media: transcribe_share(hold, leased, media, engine=self._engine),
            )
        hold.release()

    def _load(self, share_id: str) -> Media | Failure:
        media_id = self.catalog.work.progress(share_id).media_id
        media = self.catalog.media.get(media_id) if media_id else None
        return media or Failure(Outcome.MEDIA_MISSING, "nothing was fetched yet")

    def _run_hold(self, claim_id: str | None) -> Hold:
        return Hold(
            catalog=self.catalog,
            rules=self.rules,
            stores=self.stores,
            owner=self.new_id(),
            claim_id=claim_id,
            clock=self.clock,
            jitter=lambda: 0.5,
        )

    def _command_hold(self) -> Hold:
        return Hold(catalog=self.catalog, rules=self.rules, stores=self.stores, owner=self.new_id(), clock=self.clock)


class _Site(FakeDownloader):
    """The site. A download is two durable steps of its own, because another program writes its files."""

    def __init__(self, on_step: Callable[[str], None]) -> None:
        super().__init__(on_download=lambda _: on_step("download before"))
        self._on_step = on_step

    @override
    def download(
        self,
        url: str,
        directory: Path,
        limits: DownloadLimits,
        *,
        silent_formats: frozenset[FormatFamily] = frozenset(),
        language: str | None = None,
        give_up: Callable[[], bool] = never_give_up,
    ) -> DownloadedVideo | Resolved | Failure:
        result = super().download(
            url, directory, limits, silent_formats=silent_formats, language=language, give_up=give_up
        )
        self._on_step("download after")
        return result


def _media_of(result: FetchedMedia | Failure) -> Media | Failure:
    return result if isinstance(result, Failure) else result.media


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def empty(directory: Path) -> None:
    """Empty a directory, which is made if it is missing."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)


def open_world_catalog(paths: Paths, new_id: Callable[[], str]) -> OpenCatalog:
    """Open the installation's catalog, created and upgraded if need be."""
    return open_catalog(f"sqlite:///{paths.catalog}", new_id=new_id)
