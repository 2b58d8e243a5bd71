"""Sites that turn fetches away, and limits per site: shares wait without failing, and other sites are not slowed."""

import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.shares.ports import AddedShare
from bookmarkai_assets.core.sites.breaker import SiteRules, site_limits
from bookmarkai_assets.operations.downloads import disk_room
from bookmarkai_assets.operations.downloads.fetched_media import FetchedMedia
from bookmarkai_assets.operations.downloads.fetching import fetch_media
from bookmarkai_assets.operations.shares.claiming import ClaimedRun, claim_due_shares
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.intake import add_shares
from bookmarkai_assets.operations.shares.steps import run_step
from bookmarkai_assets.operations.sites.report import site_reports
from bookmarkai_assets.operations.stores import Stores
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.fakes.downloader import DownloadCall, FakeDownloader
from tests.support.deadlines import HANG_SECONDS

USER = "11111111-1111-4111-8111-111111111111"
T0 = datetime(2026, 1, 1, tzinfo=UTC)
BLOCKED = Failure(Outcome.BLOCKED, "your IP is blocked")
SITES = SiteRules(max_refusals=3, pause_seconds=60, max_pause_seconds=600)


def tiktok(number: int) -> str:
    """Return a link to a TikTok video."""
    return f"https://www.tiktok.com/@_/video/{number}"


def youtube(number: int) -> str:
    """Return a link to a YouTube video."""
    return f"https://www.youtube.com/watch?v={number:011d}"


@dataclass
class Town:
    """A catalog, a downloader and a clock, as one sensor and its runs see them."""

    catalog: Catalog
    rules: PipelineRules
    directory: Path
    downloader: FakeDownloader = field(default_factory=FakeDownloader)
    now: datetime = T0
    claims: int = 0

    def share(self, *links: str) -> list[str]:
        """Share links to videos that exist."""
        for link in links:
            self.downloader.serve(link)
        added = add_shares(self.catalog.shares, links, user_id=USER, allowed_hosts=frozenset(), now=self.now)
        return [one.share.share_id for one in added if isinstance(one, AddedShare)]

    def block(self, *links: str, times: int = 100) -> None:
        """Have a site turn fetches of links away."""
        for link in links:
            self.downloader.fail(link, BLOCKED, times=times)

    def claim(self) -> list[ClaimedRun]:
        """Do what a tick of the sensor does."""
        self.claims += 1
        return claim_due_shares(
            self.catalog,
            self.rules,
            new_claim_id=lambda: f"claim-{self.claims}-{time.monotonic_ns()}",
            now=self.now,
            positions=lambda _share_ids: {},
        )

    def run(self, share_ids: list[str], claim_id: str | None = None) -> dict[str, FetchedMedia | Failure]:
        """Fetch shares in a run, and end them as done or failed."""
        self.claims += 1
        hold = Hold(
            self.catalog,
            self.rules,
            Stores({Backend.LOCAL: LocalStore(self.directory)}),
            owner=f"run-{self.claims}",
            clock=lambda: self.now,
            claim_id=claim_id,
            jitter=lambda: 0.0,
        )
        fetched = run_step(
            hold,
            dict.fromkeys(share_ids),
            lambda leased, _: fetch_media(hold, leased, downloader=self.downloader),
            concurrency=self.rules.download_concurrency,
        )
        for share_id, result in fetched.items():
            if isinstance(result, FetchedMedia):
                self.catalog.work.finish(share_id, media_url="/x", owner=hold.owner, now=self.now)
        hold.release()
        return fetched

    def tick(self) -> dict[str, FetchedMedia | Failure]:
        """Claim what is due, and run it."""
        return {
            share_id: result
            for run in self.claim()
            for share_id, result in self.run(run.share_ids, run.claim_id).items()
        }

    def calls(self, site: str) -> int:
        """Count the fetches from a site."""
        return sum(site in call.url for call in self.downloader.calls)


@pytest.fixture
def town(sqlite_catalog: Catalog, tmp_path: Path) -> Town:
    """Return a town with one download at a time and a breaker of three."""
    rules = make_rules(load_settings(env_file=None, ytdlp_download_dir=tmp_path, download_min_free_bytes=0))
    return Town(sqlite_catalog, replace(rules, sites=SITES, download_concurrency=1, batch_size=5), tmp_path)


def test_shares_of_a_site_that_blocks_wait_and_are_not_failed(town: Town) -> None:
    """After three refusals in a row the site is left alone, and its shares are pending with the reason, not parked."""
    links = [tiktok(n) for n in range(20)]
    shares = town.share(*links)
    town.block(*links)

    results = town.tick()

    assert town.calls("tiktok") == 3
    assert {r.outcome for r in results.values() if isinstance(r, Failure)} == {Outcome.BLOCKED, Outcome.POSTPONED}
    for _ in range(5):
        town.now += timedelta(seconds=10)
        assert town.tick() == {}
    assert town.calls("tiktok") == 3
    assert {town.catalog.shares.get(share).status for share in shares} == {"pending"}
    last = town.catalog.work.progress(shares[-1])
    assert (last.outcome, last.attempts, last.held_for) == ("postponed", 0, "tiktok")
    assert "tiktok is paused until 2026-01-01 00:01:00 UTC" in (last.reason or "")
    assert "your IP is blocked" in (last.reason or "")
    [report] = site_reports(town.catalog, town.rules, now=town.now)
    assert (report.site.name, report.state, report.waiting) == (
        "tiktok",
        "paused until 2026-01-01 00:01:00 UTC",
        20,
    )


def test_one_probe_goes_after_each_pause_and_each_time_another(town: Town) -> None:
    """Shares that the site always turns away cannot keep it paused, because the next in the queue is the next probe."""
    links = [tiktok(n) for n in range(8)]
    town.share(*links)
    town.block(*links[:5])
    town.tick()
    probes = []
    for pause in (60, 120, 240):
        seen = town.calls("tiktok")
        town.now += timedelta(seconds=pause - 1)
        assert town.tick() == {}
        town.now += timedelta(seconds=1)
        town.tick()
        assert town.calls("tiktok") == seen + 1
        probes.append(town.downloader.calls[-1].url)
    assert probes == links[3:6]
    [report] = site_reports(town.catalog, town.rules, now=town.now)
    assert report.state == "on trial, 2 at a time"


def test_a_site_that_serves_again_is_ramped_up_until_all_is_fetched(town: Town) -> None:
    """One, two, four at a time, then whole batches: every share is done in the end and none has failed."""
    links = [tiktok(n) for n in range(40)]
    shares = town.share(*links)
    town.block(*links[:3], times=1)
    town.tick()
    town.now = T0 + timedelta(seconds=200)
    sizes: list[int] = []
    while len(sizes) < 50 and (done := town.tick()):
        sizes.append(len(done))
    assert sizes[:3] == [1, 2, 4]
    assert sum(sizes) == 40
    assert {town.catalog.shares.get(share).status for share in shares} == {"done"}
    assert site_reports(town.catalog, town.rules, now=town.now) == []


def test_other_sites_are_not_slowed(town: Town) -> None:
    """Behind a thousand shares of a paused site, a video from another one is fetched by the very next tick."""
    links = [tiktok(n) for n in range(300)]
    town.share(*links)
    town.block(*links)
    town.tick()
    [other] = town.share(youtube(1))
    town.now += timedelta(seconds=1)

    done = town.tick()

    assert list(done) == [other]
    assert isinstance(done[other], FetchedMedia)


def test_success_in_between_keeps_a_site_open(town: Town) -> None:
    """Two refusals, a success and two refusals cause no pause, and each refusal is its share's own attempt."""
    links = [tiktok(n) for n in range(5)]
    shares = town.share(*links)
    town.block(links[0], links[1], links[3], links[4], times=1)
    results = town.tick()
    assert [getattr(results[share], "outcome", "fetched") for share in shares] == [
        *("blocked", "blocked", "fetched", "blocked", "blocked")
    ]
    assert town.catalog.work.progress(shares[4]).attempts == 1


def test_a_limit_at_a_time_is_kept_by_claims(town: Town) -> None:
    """Two shares of a limited site are claimed, in a run of their own, and of the others as many as ever."""
    town.rules = replace(town.rules, sites=replace(SITES, limits=site_limits({"tiktok": 2}, {})))
    tiktoks = town.share(*(tiktok(n) for n in range(6)))
    youtubes = town.share(*(youtube(n) for n in range(3)))
    runs = town.claim()
    assert sorted(run.share_ids for run in runs) == sorted([tiktoks[:2], youtubes])
    assert town.claim() == []
    for run in runs:
        town.run(run.share_ids, run.claim_id)
    assert [run.share_ids for run in town.claim()] == [tiktoks[2:4]]


def test_a_persons_run_waits_for_its_slot(town: Town) -> None:
    """A backfill of a limited site fetches all of its videos, never more at a time than the limit."""
    town.rules = replace(
        town.rules, sites=replace(SITES, limits=site_limits({"tiktok": 2}, {})), download_concurrency=5
    )
    shares = town.share(*(tiktok(n) for n in range(6)))
    under_way: list[int] = []
    starts = threading.Barrier(2, timeout=HANG_SECONDS)

    def wait_for_two(_: DownloadCall) -> None:
        starts.wait()  # passes only two at a time: with fewer it would hang
        under_way.append(site_reports(town.catalog, town.rules, now=town.now)[0].in_progress)

    town.downloader = FakeDownloader(on_download=wait_for_two)
    for number in range(6):
        town.downloader.serve(tiktok(number))
    done = town.run(shares)
    assert all(isinstance(result, FetchedMedia) for result in done.values())
    assert max(under_way) == 2


def test_a_paced_site_is_begun_no_faster_than_its_pace(town: Town) -> None:
    """At 6 per minute a tick claims what may start within the next seconds, and an hour's worth takes an hour."""
    # Longer than the test, because nobody renews the claims here.
    town.rules = replace(town.rules, sites=replace(SITES, limits=site_limits({}, {"tiktok": 6})), lease_seconds=120)
    town.share(*(tiktok(n) for n in range(12)))
    claimed = []
    for second in range(0, 60, 5):
        town.now = T0 + timedelta(seconds=second)
        claimed += [share for run in town.claim() for share in run.share_ids]
    assert 6 <= len(claimed) <= 7


def test_without_room_on_the_disk_a_share_waits(town: Town) -> None:
    """Nothing is fetched and nothing fails while the disk is low, and with enough space the share goes on."""
    [share] = town.share(tiktok(1))
    town.rules = replace(town.rules, min_free_bytes=10**18)
    [result] = town.tick().values()
    assert isinstance(result, Failure)
    assert result.outcome is Outcome.POSTPONED
    progress = town.catalog.work.progress(share)
    assert (progress.attempts, progress.outcome) == (0, "postponed")
    assert "DOWNLOAD_MIN_FREE_BYTES" in (progress.reason or "")
    assert town.downloader.calls == []

    town.rules = replace(town.rules, min_free_bytes=0)
    town.now += timedelta(minutes=2)
    [result] = town.tick().values()
    assert isinstance(result, FetchedMedia)


def test_free_space_is_that_of_the_future_directory(tmp_path: Path, town: Town) -> None:
    """A staging directory that does not exist yet has the free space of the disk that it will be on."""
    rules = replace(town.rules, staging_dir=tmp_path / "a" / "b", min_free_bytes=1)
    assert disk_room.shortage_of_room(rules) is None
    shortage = disk_room.shortage_of_room(replace(rules, min_free_bytes=10**18))
    assert shortage is not None
    assert 0 < shortage.free_bytes < 10**18


def test_a_fetched_video_needs_no_slot(town: Town) -> None:
    """A share of a paused site whose video was fetched before does not wait."""
    [first] = town.share(tiktok(1))
    town.tick()
    blocked = [tiktok(n) for n in range(10, 13)]
    town.share(*blocked)
    town.block(*blocked)
    town.now += timedelta(seconds=1)
    town.tick()
    added = add_shares(
        town.catalog.shares,
        [tiktok(1)],
        user_id="22222222-2222-4222-8222-222222222222",
        allowed_hosts=frozenset(),
        now=town.now,
    )
    [again] = [one.share.share_id for one in added if isinstance(one, AddedShare)]
    result = town.tick()[again]
    assert isinstance(result, FetchedMedia)
    assert result.is_reused
    assert first != again
