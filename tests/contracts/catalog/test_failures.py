"""The standing failures in the catalog, and shares by outcome, over SQLite and PostgreSQL."""

from collections.abc import Sequence

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.failures.debt import StandingFailure
from bookmarkai_assets.core.links.platforms import Platform
from bookmarkai_assets.core.outcomes import Failure, Outcome
from tests.support.catalog import add_share, at, begin, claim, execute, fail, finish

TIKTOK = "https://www.tiktok.com/@user/video/7300000000000000001"
TWITTER = "https://twitter.com/user/status/1"


def add_failed(catalog: OpenCatalog, name: str, *, url: str | None = None, retry_in: float | None = None) -> str:
    """Add a share whose one attempt failed at second 5 and that is parked, or waits for so many seconds."""
    share_id = add_share(catalog, url=url)
    begin(catalog, share_id, name, "run")
    fail(catalog, share_id, "run", 5, retry_in=retry_in)
    return share_id


def standing(catalog: OpenCatalog, *outcomes: Outcome) -> list[StandingFailure]:
    """Read the failures in the order of their outcomes."""
    return sorted(catalog.failures.standing(outcomes=outcomes), key=lambda failure: failure.outcome)


def ids(found: Sequence[StandingFailure]) -> list[str]:
    """Return the ids of the shares."""
    return [failure.share_id for failure in found]


def test_parked_and_waiting_shares_are_standing_failures(each_catalog: OpenCatalog) -> None:
    """Each failure has its link, outcome, time, and the time of its next try unless it was given up."""
    parked = add_failed(each_catalog, "m1", url=TIKTOK)
    waiting = add_failed(each_catalog, "m2", url=TWITTER, retry_in=60)
    assert standing(each_catalog) == [
        StandingFailure(parked, TIKTOK, Outcome.GONE, failed_at=at(5), retry_at=None),
        StandingFailure(waiting, TWITTER, Outcome.UNREACHABLE, failed_at=at(5), retry_at=at(65)),
    ]
    assert ids(standing(each_catalog, Outcome.UNREACHABLE, Outcome.LIVE)) == [waiting]


def test_other_shares_are_no_standing_failures(each_catalog: OpenCatalog) -> None:
    """New, done, claimed and running shares, those that wait for their site, and reopened ones have no failure."""
    add_share(each_catalog)
    healed, claimed, running, reopened, deleted = (add_failed(each_catalog, f"m{n}", retry_in=0) for n in range(5))
    begin(each_catalog, healed, "m0", "again", 6)
    finish(each_catalog, healed, "again", 7)
    assert claim(each_catalog, claimed, "m1", "tick", 6)
    begin(each_catalog, running, "m2", "again", 6)
    each_catalog.work.park(reopened, Failure(Outcome.GONE, "404"), now=at(6))
    execute(each_catalog, "UPDATE shares SET status = 'pending' WHERE id = :id", id=reopened)
    execute(each_catalog, "DELETE FROM shares WHERE id = :id", id=deleted)
    postponed = add_share(each_catalog, url=TIKTOK)
    begin(each_catalog, postponed, "m9", "run")
    each_catalog.work.postpone(postponed, reason="paused", owner="run", now=at(6), until=at(6), held_for="tiktok")
    assert standing(each_catalog) == []


def test_postponed_shares_are_counted_by_what_they_wait_for(each_catalog: OpenCatalog) -> None:
    """Postponed shares are counted by site, with the time of the first; without a site they wait for the machine."""
    for number, (site, seconds) in enumerate([("tiktok", 8), ("tiktok", 7), (None, 9)]):
        share_id = add_share(each_catalog)
        begin(each_catalog, share_id, f"m{number}", "run", 6)
        each_catalog.work.postpone(share_id, reason="later", owner="run", now=at(seconds), until=at(60), held_for=site)
    add_failed(each_catalog, "failed", retry_in=60)
    found = sorted(each_catalog.failures.waiting(), key=lambda postponed: postponed.count)
    assert [(postponed.site, postponed.count, postponed.oldest) for postponed in found] == [
        (None, 1, at(9)),
        ("tiktok", 2, at(7)),
    ]


@pytest.mark.parametrize(
    ("outcomes", "platforms", "expected"),
    [
        ([], [], ["plain", "tweet", "video"]),
        ([Outcome.GONE], [], ["tweet", "video"]),
        ([Outcome.GONE, Outcome.DONE], [], ["plain", "tweet", "video"]),
        ([], [Platform.X], ["tweet"]),
        ([Outcome.GONE], [Platform.TIKTOK, Platform.GENERIC], ["video"]),
        ([Outcome.LIVE], [], []),
    ],
)
def test_shares_are_listed_by_outcome_and_platform(
    each_catalog: OpenCatalog, outcomes: list[Outcome], platforms: list[Platform], expected: list[str]
) -> None:
    """A share is listed by its last outcome and by the platform of its link, whatever the gateway calls it."""
    links = {TIKTOK: "video", TWITTER: "tweet", "https://example.com/v": "plain"}
    add_failed(each_catalog, "m1", url=TIKTOK)
    add_failed(each_catalog, "m2", url=TWITTER)
    done = add_share(each_catalog, url="https://example.com/v")
    begin(each_catalog, done, "m3", "run")
    finish(each_catalog, done, "run")
    found = each_catalog.shares.list(outcomes=outcomes, platforms=platforms)
    assert sorted(links[share.url] for share in found) == expected
    assert len(each_catalog.shares.list(outcomes=outcomes, platforms=platforms, limit=1)) == min(1, len(expected))
    both = each_catalog.shares.list(statuses=["done"], outcomes=outcomes, platforms=platforms)
    assert [links[share.url] for share in both] == [name for name in expected if name == "plain"]
