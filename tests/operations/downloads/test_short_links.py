"""Short links and the video behind them: one media and one download, whoever is first and whatever breaks."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from bookmarkai_assets.core.media.media import Media, MediaState, media_id_of
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.retention import Kept
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.shares.ports import AddedShare
from bookmarkai_assets.operations.downloads.fetched_media import FetchedMedia
from bookmarkai_assets.operations.downloads.fetching import fetch_media
from bookmarkai_assets.operations.media.catalog_reads import media_of_share
from bookmarkai_assets.operations.shares.claiming import ClaimedRun, claim_due_shares
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.intake import add_shares
from bookmarkai_assets.operations.shares.steps import LeasedShare, run_step
from bookmarkai_assets.operations.storage.rebuilding import rebuild_catalog
from tests.fakes.downloader import DownloadCall, FakeDownloader
from tests.fakes.speech import speech_bytes
from tests.plugins.vault import Vault
from tests.support.deadlines import HANG_SECONDS

USER, OTHER_USER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
SHORT, OTHER_SHORT = "https://vm.tiktok.com/ZMaaa/", "https://vt.tiktok.com/ZSbbb/"
CANONICAL_URL = "https://www.tiktok.com/@_/video/7300000000000000001"
LONG = "https://www.tiktok.com/@pasta.anna/video/7300000000000000001?is_from_webapp=1"
SHORT_ID, MEDIA_ID = media_id_of(SHORT), media_id_of(CANONICAL_URL)
STEPS = ("fetch", "place", "transcribe")


@pytest.fixture
def site(vault: Vault) -> Vault:
    """Return an installation whose site has one video, behind two short links and its own link."""
    vault.downloader.serve(CANONICAL_URL, audio=speech_bytes("This is pasta"))
    vault.downloader.lead(SHORT, CANONICAL_URL)
    vault.downloader.lead(OTHER_SHORT, CANONICAL_URL)
    return vault


def share(vault: Vault, link: str, user: str = USER) -> str:
    """Share a link, and return the share's id."""
    [added] = add_shares(vault.catalog.shares, [link], user_id=user, allowed_hosts=frozenset(), now=vault.clock())
    assert isinstance(added, AddedShare)
    return added.share.share_id


def run_hold(vault: Vault, owner: str = "run") -> Hold:
    """Return a run's hold on its shares."""
    return Hold(vault.catalog, vault.rules, vault.stores, owner, vault.clock, jitter=lambda: 0.5)


def fetch_all(vault: Vault, *share_ids: str) -> dict[str, FetchedMedia | Failure]:
    """Fetch shares in parallel in one run, which does not end."""
    hold = run_hold(vault)

    def step(leased: LeasedShare, _value: None) -> FetchedMedia:
        return fetch_media(hold, leased, downloader=vault.downloader)

    return run_step(hold, dict.fromkeys(share_ids), step, concurrency=len(share_ids))


def watch_downloads(vault: Vault, on_download: Callable[[DownloadCall], None]) -> None:
    """Call a function at the start of each download."""
    watched = FakeDownloader(on_download=on_download)
    watched.serve(CANONICAL_URL, audio=speech_bytes("This is pasta"))
    watched.lead(SHORT, CANONICAL_URL)
    watched.lead(OTHER_SHORT, CANONICAL_URL)
    vault.downloader = watched


def claimed(vault: Vault, claim_id: str = "tick") -> list[ClaimedRun]:
    """Do what one tick of the sensor does."""
    return claim_due_shares(
        vault.catalog, vault.rules, new_claim_id=lambda: claim_id, now=vault.clock(), positions=lambda _share_ids: {}
    )


def media_of(vault: Vault, share_id: str) -> str | None:
    """Return the id of the media of a share's work."""
    return vault.catalog.work.progress(share_id).media_id


def assert_done(vault: Vault, share_id: str, results: dict[str, object]) -> None:
    """Check that a share has all three assets of the one video."""
    assert not any(isinstance(result, Failure) for result in results.values()), results
    assert vault.catalog.shares.get(share_id).status == "done"
    assert media_of(vault, share_id) == MEDIA_ID
    found = media_of_share(vault.catalog, vault.rules, share_id)
    assert found is not None
    assert found.media_id == MEDIA_ID


# --- One media ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("links", [(SHORT, LONG, OTHER_SHORT), (LONG, OTHER_SHORT, SHORT)])
def test_three_links_to_one_video_are_one_media(site: Vault, links: tuple[str, ...]) -> None:
    """Two short links and the long one, in any order, are fetched and stored once, and every share is done."""
    for number, link in enumerate(links):
        share_id = share(site, link)
        assert_done(site, share_id, site.run(share_id, *STEPS, owner=f"run {number}"))

    assert site.downloader.calls_for(CANONICAL_URL) == 1
    assert [media.canonical_url for media in site.catalog.media.page(limit=10)] == [CANONICAL_URL]
    assert site.verify(is_deep=True).is_good
    assert not list(site.rules.staging_dir.glob("*/*"))


def test_a_link_is_followed_once(site: Vault) -> None:
    """What a short link leads to is remembered, so the next share of it asks nobody."""
    for number, user in enumerate((USER, OTHER_USER)):
        share_id = share(site, SHORT, user)
        assert_done(site, share_id, site.run(share_id, *STEPS, owner=f"run {number}"))
    assert [call.url for call in site.downloader.calls] == [SHORT, CANONICAL_URL]
    assert site.catalog.links.get(SHORT) == CANONICAL_URL


def test_a_failure_behind_a_link_is_the_shares_own_outcome(site: Vault) -> None:
    """A video that the site does not show fails its share with that outcome, once, and its lease is freed."""
    site.downloader.fail(CANONICAL_URL, Failure(Outcome.PRIVATE, "the site says: friend_see"))
    share_id = share(site, SHORT)
    [failure] = site.run(share_id, "fetch").values()
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.PRIVATE
    assert site.catalog.work.progress(share_id).attempts == 1
    for media_id in (SHORT_ID, MEDIA_ID):
        assert not site.catalog.leases.is_leased(media_id, now=site.clock())


def test_a_canonical_url_that_leads_on_is_a_failure(site: Vault) -> None:
    """A canonical URL that a downloader takes for a short link again is not followed in a circle."""
    site.downloader.lead(CANONICAL_URL, f"{CANONICAL_URL}9")
    [failure] = site.run(share(site, SHORT), "fetch").values()
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.DOWNLOAD_FAILED


# --- Concurrency ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [SHORT, CANONICAL_URL])
def test_two_links_in_one_batch_are_one_download(site: Vault, first: str) -> None:
    """The short link and the long one are in two threads of one run: whichever is first, one waits for the other."""
    order = [first, SHORT if first == CANONICAL_URL else CANONICAL_URL]
    begun = {link: threading.Event() for link in order}

    def on_download(call: DownloadCall) -> None:
        begun[call.url].set()
        if call.url == order[0]:
            assert begun[order[1]].wait(HANG_SECONDS), "the other link was not asked for meanwhile"

    watch_downloads(site, on_download)
    shares = [share(site, SHORT), share(site, LONG)]
    results = fetch_all(site, *shares)

    media = [result.media for result in results.values() if isinstance(result, FetchedMedia)]
    assert [each.media_id for each in media] == [MEDIA_ID, MEDIA_ID], results
    assert site.downloader.calls_for(CANONICAL_URL) == 1
    for number, share_id in enumerate(shares):
        assert_done(site, share_id, site.run(share_id, *STEPS[1:], owner="run" if number == 0 else "run 2"))
        assert site.catalog.work.progress(share_id).attempts == 1 + number


def test_many_links_in_one_batch_are_one_download(site: Vault) -> None:
    """Six shares of three links at once each have the video, none waits for ever, and only the media has a lease."""
    shares = [share(site, link, user) for link in (SHORT, LONG, OTHER_SHORT) for user in (USER, OTHER_USER)]
    results = fetch_all(site, *shares)
    assert all(isinstance(result, FetchedMedia) for result in results.values()), results
    assert site.downloader.calls_for(CANONICAL_URL) == 1
    assert {media_of(site, share_id) for share_id in shares} == {MEDIA_ID}
    media_ids = (SHORT_ID, media_id_of(OTHER_SHORT), MEDIA_ID)
    assert [media_id for media_id in media_ids if site.catalog.leases.holds("run", media_id)] == [MEDIA_ID]


def test_a_share_waits_for_a_video_of_another_run(site: Vault) -> None:
    """Without a failure or an attempt, the share is due again, is claimed once the video is free, and finds it."""
    now = site.clock()
    assert site.catalog.leases.take(MEDIA_ID, owner="another run", now=now, until=now + timedelta(hours=1))
    share_id = share(site, SHORT)

    [postponed] = site.run(share_id, "fetch").values()

    assert isinstance(postponed, Failure)
    assert postponed.outcome is Outcome.POSTPONED
    progress = site.catalog.work.progress(share_id)
    assert (progress.attempts, site.catalog.shares.get(share_id).status) == (0, "pending")
    assert not site.catalog.leases.is_leased(SHORT_ID, now=site.clock())
    assert claimed(site) == []
    assert site.catalog.work.due(now=site.clock(), limit=5) == [], "it waits for that video and crowds out nobody"
    site.catalog.leases.free(MEDIA_ID, owner="another run")
    assert [run.share_ids for run in claimed(site)] == [[share_id]]
    assert_done(site, share_id, site.run(share_id, *STEPS, claim_id="tick", owner="run 2"))
    assert site.catalog.work.progress(share_id).attempts == 1


# --- Crashes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_begun", [False, True])
def test_a_run_that_dies_while_changing_media_loses_nothing(site: Vault, *, is_begun: bool) -> None:
    """After a kill between recording the link and leasing, or after it, the next run takes the video itself."""
    share_id, now = share(site, SHORT), site.clock()
    until = now + timedelta(seconds=site.rules.lease_seconds)
    site.catalog.work.begin(share_id, SHORT_ID, owner="dead", claim_id=None, now=now, until=until)
    site.catalog.links.record(SHORT, CANONICAL_URL, now=now)
    if is_begun:
        site.catalog.work.begin(share_id, MEDIA_ID, owner="dead", claim_id=None, now=now, until=until)
    assert claimed(site) == [], "it may be alive"

    site.let_pass(seconds=site.rules.lease_seconds + 1)
    assert [run.share_ids for run in claimed(site)] == [[share_id]]
    assert_done(site, share_id, site.run(share_id, *STEPS, claim_id="tick"))
    assert [call.url for call in site.downloader.calls] == [CANONICAL_URL]


def test_a_run_that_is_ending_begins_no_other_video(site: Vault) -> None:
    """A share whose link has just been followed is put back, without an attempt."""
    hold = run_hold(site)
    watch_downloads(site, lambda _: hold.stopping.set())
    share_id = share(site, SHORT)
    [result] = run_step(
        hold,
        {share_id: None},
        lambda leased, _: fetch_media(hold, leased, downloader=site.downloader),
    ).values()
    assert isinstance(result, Failure)
    assert result.outcome is Outcome.POSTPONED
    assert site.downloader.calls_for(CANONICAL_URL) == 0


# --- Media recorded under a short link ------------------------------------------------------------------------------


@pytest.fixture
def old(site: Vault) -> Media:
    """Return a media that was fetched, stored and transcribed before the site said what its link leads to."""
    talkative, site.downloader = site.downloader, FakeDownloader()
    site.downloader.serve(SHORT, audio=speech_bytes("This is pasta"))
    stored = site.run(share(site, SHORT), *STEPS)["place"]
    site.downloader = talkative
    assert isinstance(stored, Media)
    assert stored.canonical_url == SHORT
    return stored


def test_a_media_recorded_under_a_short_link_stays_there(site: Vault, old: Media) -> None:
    """A later share of the short link finds the old media, even when the link has been resolved meanwhile."""
    site.catalog.links.record(SHORT, CANONICAL_URL, now=site.clock())
    share_id = share(site, SHORT, OTHER_USER)
    site.run(share_id, *STEPS, owner="run 2")

    assert site.catalog.shares.get(share_id).status == "done"
    assert {media_of(site, each) for each in (share_id, old.share_id)} == {SHORT_ID}
    assert site.downloader.calls == []
    assert site.verify(is_deep=True).is_good


def test_a_media_recorded_under_a_short_link_is_fetched_again(site: Vault, old: Media) -> None:
    """Past its retention, the video behind the link is fetched again into the media that its shares have."""
    site.let_pass(days=8)
    assert site.clean_up().removed_by_reason() == {"past_retention": 1}
    assert site.media(old).state is MediaState.EXPIRED
    site.catalog.work.retry([old.share_id], now=site.clock())

    assert [run.share_ids for run in claimed(site)] == [[old.share_id]]
    site.run(old.share_id, *STEPS, claim_id="tick", owner="run 2")

    assert [call.url for call in site.downloader.calls] == [SHORT, CANONICAL_URL]
    assert site.media(old).state is MediaState.STORED
    assert site.catalog.shares.get(old.share_id).status == "done"
    assert site.verify(is_deep=True).is_good


def test_clean_up_and_verification_keep_both_media_apart(site: Vault, old: Media) -> None:
    """The old media and the one of the long link are two, each with its bytes, and neither is orphaned."""
    share_id = share(site, LONG)
    assert_done(site, share_id, site.run(share_id, *STEPS, owner="run 2"))
    site.let_pass(days=2)
    assert site.clean_up().removed_by_reason() == {}
    assert site.verify(is_deep=True).is_good
    stored = {media.media_id: media.video.url for media in site.catalog.media.page(limit=9)}
    assert stored.keys() == {SHORT_ID, MEDIA_ID}
    assert stored[SHORT_ID] == old.video.url != stored[MEDIA_ID]


def test_a_pending_share_of_a_short_link_keeps_its_video(site: Vault) -> None:
    """Clean-up knows to which video an unclaimed share's short link leads."""
    first = share(site, SHORT)
    site.run(first, *STEPS)
    site.let_pass(days=8)
    share(site, SHORT, OTHER_USER)
    assert site.clean_up().kept == {Kept.NOT_TRANSCRIBED: 1}


# --- A lost catalog -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", list(Backend))
def test_a_rebuild_ties_the_short_link_to_its_video_again(site: Vault, backend: Backend) -> None:
    """The stored video names its first share, whose short link is known again without asking the site."""
    site.place_on(backend)
    share_id = share(site, SHORT)
    site.run(share_id, *STEPS)
    with site.catalog.database.writing() as connection:
        for table in ("media", "share_work", "leases", "link_names"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 - four constants

    for is_dry_run in (True, False):
        report = rebuild_catalog(site.catalog, site.stores, site.rules, now=site.clock(), is_dry_run=is_dry_run)
        assert [media.media_id for media in report.restored] == [MEDIA_ID]
        assert report.without_share == 0
        assert site.catalog.links.get(SHORT) == (None if is_dry_run else CANONICAL_URL)

    assert media_of(site, share_id) == MEDIA_ID
    again = share(site, SHORT, OTHER_USER)
    calls = len(site.downloader.calls)
    assert_done(site, again, site.run(again, *STEPS, owner="run 2"))
    assert len(site.downloader.calls) == calls
