"""Runs with a download that hangs: the others go on, and the straggler is postponed and gets a run of its own."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.downloads.ports import DownloadLimits
from bookmarkai_assets.core.media.media import media_id_of
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.shares.ports import AddedShare
from bookmarkai_assets.core.sites.breaker import SiteRules, site_limits
from bookmarkai_assets.operations.downloads.fetched_media import FetchedMedia
from bookmarkai_assets.operations.downloads.fetching import fetch_media
from bookmarkai_assets.operations.downloads.run_patience import RunPatience
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.intake import add_shares
from bookmarkai_assets.operations.shares.steps import run_step
from bookmarkai_assets.operations.stores import Stores
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.fakes.downloader import FakeDownloader
from tests.support.deadlines import HANG_SECONDS, PLENTY_SECONDS

USER = "11111111-1111-4111-8111-111111111111"
HASTE = 600.0
"""How much faster the runs' clock is than real time: the first minute of patience is a tenth of a second."""


def hasty() -> float:
    """Return the seconds of a clock that runs fast."""
    return time.monotonic() * HASTE


@dataclass
class Clock:
    """A clock that stands still."""

    now: float = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@dataclass
class Runs:
    """A catalog and a downloader, and runs over shares."""

    catalog: Catalog
    rules: PipelineRules
    directory: Path
    downloader: FakeDownloader = field(default_factory=FakeDownloader)
    count: int = 0

    def share(self, *links: str) -> list[str]:
        """Share links to videos that exist."""
        for link in links:
            self.downloader.serve(link)
        now = datetime.now(UTC)
        added = add_shares(self.catalog.shares, links, user_id=USER, allowed_hosts=frozenset(), now=now)
        return [one.share.share_id for one in added if isinstance(one, AddedShare)]

    def run(
        self, share_ids: list[str], *, threads: int = 2, clock: Callable[[], float] = hasty
    ) -> dict[str, FetchedMedia | Failure]:
        """Fetch shares in one run and end it, with the fetched ones done."""
        self.count += 1
        patience = RunPatience(len(share_ids), floor_seconds=2, clock=clock)
        hold = Hold(
            self.catalog,
            self.rules,
            Stores({Backend.LOCAL: LocalStore(self.directory)}),
            owner=f"run-{self.count}",
            clock=lambda: datetime.now(UTC),
            jitter=lambda: 0.0,
        )
        fetched = run_step(
            hold,
            dict.fromkeys(share_ids),
            lambda leased, _: fetch_media(hold, leased, downloader=self.downloader, patience=patience),
            concurrency=threads,
        )
        for share_id, result in fetched.items():
            if isinstance(result, FetchedMedia):
                self.catalog.work.finish(share_id, media_url="/x", owner=hold.owner, now=datetime.now(UTC))
        hold.release()
        return fetched


@pytest.fixture
def runs(sqlite_catalog: Catalog, tmp_path: Path) -> Runs:
    """Return runs whose downloads have no practical time limit, and whose retries are due at once."""
    rules = make_rules(
        load_settings(
            env_file=None,
            ytdlp_download_dir=tmp_path,
            download_min_free_bytes=0,
            download_timeout_seconds=PLENTY_SECONDS,
            retry_base_seconds=0.001,
            retry_max_seconds=0.001,
        )
    )
    return Runs(sqlite_catalog, rules, tmp_path)


def outcomes(results: dict[str, FetchedMedia | Failure]) -> list[str]:
    """Return how each share of a run ended."""
    return [result.outcome if isinstance(result, Failure) else "fetched" for result in results.values()]


def test_the_patience_is_the_runs_own() -> None:
    """It grows with the longest video of the run, and counts from each download's own start."""
    clock = Clock()
    patience = RunPatience(3, floor_seconds=2, clock=clock)
    with patience.share(), patience.download() as first:
        clock.now = 5
        first.is_video = True
    with patience.download() as slow:
        clock.now = 14.9
        assert not patience.has_run_out(slow)
        clock.now = 15
        assert patience.has_run_out(slow)


def test_all_hanging_downloads_of_a_stalled_run_are_given_up() -> None:
    """The first one's thread goes on to another share, which is no reason to wait longer for the second."""
    clock = Clock()
    patience = RunPatience(9, floor_seconds=2, clock=clock)
    with patience.download() as second:
        with patience.download() as first:
            clock.now = 60
            assert patience.has_run_out(first)
        with patience.download() as third:
            assert patience.has_run_out(second)
            assert not patience.has_run_out(third)


def test_a_hanging_download_is_postponed_and_the_others_are_fetched(runs: Runs) -> None:
    """The run ends without it; it is pending, due at once and alone, with no attempt counted and no file left."""
    shares = runs.share(*(f"https://example.com/{n}" for n in range(4)))
    runs.downloader.hang("https://example.com/1")
    began = time.monotonic()
    assert outcomes(runs.run(shares)) == ["fetched", "postponed", "fetched", "fetched"]
    assert time.monotonic() - began < HANG_SECONDS

    progress = runs.catalog.work.progress(shares[1])
    assert (progress.attempts, progress.outcome) == (0, "postponed")
    assert "it is given a run of its own" in (progress.reason or "")
    assert runs.catalog.shares.get(shares[1]).status == "pending"
    due = runs.catalog.work.due(now=datetime.now(UTC), limit=9)
    assert [(one.share_id, one.runs_alone) for one in due] == [(shares[1], True)]
    assert not (runs.rules.staging_dir / media_id_of("https://example.com/1")).exists()
    [event] = [event for event in runs.catalog.events.after(0, limit=99)[0] if event.share_id == shares[1]]
    assert event.error_class == "timed_out"


def test_alone_it_has_its_full_time_and_is_parked_after_its_attempts(runs: Runs) -> None:
    """In a run of its own it hangs to the deadline, which is a failed attempt, and the third is its last."""
    shares = runs.share("https://example.com/good", "https://example.com/hangs")
    runs.downloader.hang("https://example.com/hangs")
    runs.run(shares)
    limits = runs.rules.limits
    runs.rules = replace(runs.rules, limits=DownloadLimits(limits.max_bytes, limits.max_duration_seconds, 0.3))
    for attempt in (1, 2, 3):
        began = time.monotonic()
        assert outcomes(runs.run(shares[1:])) == ["timed_out"]
        assert time.monotonic() - began >= 0.3
        assert runs.catalog.work.progress(shares[1]).attempts == attempt
    assert runs.catalog.shares.get(shares[1]).status == "error"


def test_a_run_whose_every_thread_hangs_goes_on_to_the_others(runs: Runs) -> None:
    """Two shares block both threads: after the first patience both are postponed, and the rest is fetched."""
    links = [f"https://example.com/{n}" for n in range(5)]
    shares = runs.share(*links)
    for link in links[:2]:
        runs.downloader.hang(link)
    assert outcomes(runs.run(shares)) == ["postponed"] * 2 + ["fetched"] * 3


def test_a_download_that_nobody_waits_for_goes_on(runs: Runs) -> None:
    """Where the others have failed, the last one is not postponed, and ends as it would alone."""
    shares = runs.share("https://example.com/gone", "https://example.com/hangs")
    runs.downloader.fail("https://example.com/gone", Failure(Outcome.GONE, "404"))
    runs.downloader.hang("https://example.com/hangs")
    limits = runs.rules.limits
    runs.rules = replace(runs.rules, limits=DownloadLimits(limits.max_bytes, limits.max_duration_seconds, 0.5))
    assert outcomes(runs.run(shares, threads=1)) == ["gone", "timed_out"]


def test_a_finished_share_that_is_fetched_again_is_not_postponed(runs: Runs) -> None:
    """A finished share would not be taken up again, so a backfill waits for it until the deadline."""
    shares = runs.share("https://example.com/lost", "https://example.com/new")
    runs.run(shares[:1])
    for file in runs.rules.staging_dir.rglob("*.mp4"):
        file.unlink()
    runs.downloader.hang("https://example.com/lost")
    limits = runs.rules.limits
    runs.rules = replace(runs.rules, limits=DownloadLimits(limits.max_bytes, limits.max_duration_seconds, 0.5))
    assert outcomes(runs.run(shares)) == ["timed_out", "fetched"]
    assert runs.catalog.shares.get(shares[0]).status == "done"


def tiktok(number: int) -> str:
    """Return a link to a TikTok video."""
    return f"https://www.tiktok.com/@_/video/{number}"


def limited(runs: Runs, **limits: dict[str, int]) -> None:
    """Limit fetches from TikTok."""
    sites = site_limits(limits.get("at_a_time", {}), limits.get("per_minute", {}))
    runs.rules = replace(
        runs.rules, sites=SiteRules(max_refusals=3, pause_seconds=60, max_pause_seconds=600, limits=sites)
    )


def test_waiting_for_a_slot_is_no_hanging(runs: Runs) -> None:
    """A share whose turn comes long after the others have been fetched is neither postponed nor cut short."""
    limited(runs, per_minute={"tiktok": 120})
    shares = runs.share(tiktok(1), tiktok(2), tiktok(3))
    assert outcomes(runs.run(shares, threads=3)) == ["fetched"] * 3


def test_a_straggler_frees_its_slot(runs: Runs) -> None:
    """It had the site's only slot, and the next share gets it once the first is postponed."""
    limited(runs, at_a_time={"tiktok": 1})
    shares = runs.share(tiktok(1), tiktok(2))
    runs.downloader.hang(tiktok(1))
    results = runs.run(shares, threads=1)
    assert outcomes(results) == ["postponed", "fetched"]
    assert runs.catalog.sites.loads(now=datetime.now(UTC)) == {}
