"""Stored media without Dagster: a SQLite catalog, a local directory, fake buckets, and a clock that tests move.

For tests of operations on stored media: moving, clean-up, verification, rebuilding.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.core.media.media import Media, media_id_of
from bookmarkai_assets.core.media.placement import REMOTE_BACKENDS, Backend, StorageMode, StoragePolicy
from bookmarkai_assets.core.media.ports import MediaStore
from bookmarkai_assets.core.outcomes import Failure
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.shares.ports import AddedShare
from bookmarkai_assets.operations.downloads.fetching import fetch_media
from bookmarkai_assets.operations.media.placing import place_media
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.intake import add_shares
from bookmarkai_assets.operations.shares.steps import LeasedShare, run_step
from bookmarkai_assets.operations.storage.clean_up import clean_up
from bookmarkai_assets.operations.storage.clean_up_report import CleanUpReport
from bookmarkai_assets.operations.storage.moving import Move, move_media
from bookmarkai_assets.operations.storage.verifying import VerificationReport, verify_storage
from bookmarkai_assets.operations.stores import Stores
from bookmarkai_assets.operations.transcripts.transcribing import transcribe_share
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.fakes.downloader import FakeDownloader
from tests.fakes.speech import FakeSpeechEngine, speech_bytes
from tests.fakes.stores import FakeMediaStore


class ReplaceableStores(Stores):
    """Stores of which a test may replace or remove one, to see how others react."""

    def __setitem__(self, backend: Backend, store: MediaStore) -> None:
        self._stores[backend] = store

    def __delitem__(self, backend: Backend) -> None:
        del self._stores[backend]


USER = "11111111-1111-4111-8111-111111111111"


@dataclass
class Vault:
    """One installation: its catalog and stores, and ways to use it as a run, an operator or the schedule would."""

    directory: Path
    catalog: OpenCatalog
    rules: PipelineRules
    offset: timedelta = timedelta(0)
    downloader: FakeDownloader = field(default_factory=FakeDownloader)
    speech: FakeSpeechEngine = field(default_factory=FakeSpeechEngine)

    def __post_init__(self) -> None:
        self.local = LocalStore(self.media_dir)
        self.buckets = {backend: FakeMediaStore(backend, clock=self.clock) for backend in REMOTE_BACKENDS}
        self.s3 = self.buckets[Backend.S3]
        self.stores = ReplaceableStores({Backend.LOCAL: self.local, **self.buckets})

    @property
    def media_dir(self) -> Path:
        """Where local media are."""
        return self.directory / "media"

    def clock(self) -> datetime:
        """Return the vault's time: the machine's, plus what tests let pass."""
        return datetime.now(UTC) + self.offset

    def let_pass(self, **time: float) -> None:
        """Let time pass, as `timedelta` counts it, or go back if negative."""
        self.offset += timedelta(**time)

    def use(self, mode: StorageMode, percentage: int = 0) -> None:
        """Change the storage mode."""
        self.rules = replace(self.rules, storage=StoragePolicy(mode, percentage))

    def place_on(self, backend: Backend) -> None:
        """Change the storage mode so that everything new goes to one backend."""
        mode = StorageMode.S3 if backend.is_remote else StorageMode.LOCAL
        remote = backend if backend.is_remote else Backend.S3
        self.rules = replace(self.rules, storage=StoragePolicy(mode, 0, remote=remote))

    def share(self, name: str, *, audio: bytes | None = b"") -> str:
        """Share a link to a video of its own, and return the share's id."""
        link = f"https://example.com/{name}"
        self.downloader.serve(link, audio=speech_bytes(f"This is {name}") if audio == b"" else audio)
        [added] = add_shares(self.catalog.shares, [link], user_id=USER, allowed_hosts=frozenset(), now=self.clock())
        assert isinstance(added, AddedShare)
        return added.share.share_id

    def run(
        self, share_id: str, *steps: str, claim_id: str | None = None, owner: str = "run"
    ) -> dict[str, Any | Failure]:
        """Do the named steps (fetch, place, transcribe) for a share, as one run would, and return each result."""
        hold = Hold(self.catalog, self.rules, self.stores, owner, self.clock, claim_id=claim_id, jitter=lambda: 0.5)
        results: dict[str, Any | Failure] = {}
        for step in steps:
            done = run_step(hold, {share_id: step}, lambda leased, name: self._step(name, leased, hold))
            results[step] = done[share_id]
        hold.release()
        return results

    def _step(self, step: str, leased: LeasedShare, hold: Hold) -> object:
        media = self.catalog.media.get(leased.media_id)
        match step:
            case "fetch":
                return fetch_media(hold, leased, downloader=self.downloader).media
            case "place":
                assert media is not None
                return place_media(hold, leased, media)
            case _:
                assert media is not None
                return transcribe_share(hold, leased, media, engine=self.speech)

    def store(
        self, name: str, backend: Backend = Backend.LOCAL, *, is_transcribed: bool = True, audio: bytes | None = b""
    ) -> Media:
        """Share a video, have it stored on a backend and by default transcribed, and return its record."""
        rules = self.rules
        self.place_on(backend)
        share_id = self.share(name, audio=audio)
        results = self.run(share_id, "fetch", "place", *(["transcribe"] if is_transcribed else []))
        self.rules = rules
        stored = results["place"]
        assert isinstance(stored, Media), stored
        return self.media(stored)

    def media(self, media: Media) -> Media:
        """Read a media's current record."""
        found = self.catalog.media.get(media.media_id)
        assert found is not None
        return found

    def media_of(self, name: str) -> Media | None:
        """Read the record of the video that `share` shared under a name."""
        return self.catalog.media.get(media_id_of(f"https://example.com/{name}"))

    def work(self, owner: str = "operator") -> Hold:
        """Return an operator's hold on media."""
        return Hold(self.catalog, self.rules, self.stores, owner, self.clock)

    def lease(self, media: Media, owner: str = "another run") -> None:
        """Lease a media to somebody else for a year."""
        now = self.clock()
        assert self.catalog.leases.take(media.media_id, owner=owner, now=now, until=now + timedelta(days=365))

    def move(self, *media: Media, to: Backend, **options: Any) -> list[Move]:
        """Move media, as `bookmarkai storage move` does."""
        return move_media(self.work(), [m.media_id for m in media], to, **options)

    def clean_up(self, *, is_dry_run: bool = False) -> CleanUpReport:
        """Clean up, as the daily schedule does."""
        return clean_up(self.work("clean-up"), is_dry_run=is_dry_run)

    def verify(self, *, is_deep: bool = False) -> VerificationReport:
        """Verify, as the weekly schedule does."""
        return verify_storage(self.catalog, self.stores, self.rules, is_deep=is_deep, now=self.clock())

    def bytes_at(self, url: str) -> bytes | None:
        """Read the bytes at a URL, bypassing the stores, or return None if there are none."""
        if (bucket := self.buckets.get(Backend.of_url(url))) is not None:
            return bucket.objects[url].data if url in bucket.objects else None
        return Path(url).read_bytes() if Path(url).is_file() else None

    def media_url(self, media: Media) -> str | None:
        """Read the gateway's URL of the media's first share."""
        with self.catalog.database.reading() as connection:
            found = connection.exec_driver_sql("SELECT media_url FROM shares WHERE id = ?", (media.share_id,))
            return str(value) if (value := found.scalar()) is not None else None

    def files(self) -> list[str]:
        """List the files below the local directory, including hidden ones, by relative path."""
        return sorted(str(path.relative_to(self.media_dir)) for path in self.media_dir.rglob("*") if path.is_file())


@contextmanager
def open_vault(directory: Path, catalog_url: str) -> Iterator[Vault]:
    """Open an installation that stores locally and expires after 7 days, with a grace of one day."""
    settings = load_settings(env_file=None, ytdlp_download_dir=directory / "media", lease_seconds=60)
    with open_catalog(catalog_url) as catalog:
        yield Vault(directory, catalog, make_rules(settings))


@pytest.fixture
def vault(tmp_path: Path, sqlite_url: str) -> Iterator[Vault]:
    """Return an installation of this test's own, as `open_vault` opens it."""
    with open_vault(tmp_path, sqlite_url) as opened:
        yield opened
