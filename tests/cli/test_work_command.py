"""`bookmarkai work`: how much work waits, as those who start and stop workers read it."""

from datetime import UTC, datetime, timedelta

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.sites.breaker import SiteRules
from tests.plugins.command_line import BookmarkAI
from tests.support.json_forms import assert_same_json

IDLE = {"queues": {"dagster": {"due_shares": 0, "oldest_due_seconds": 0.0, "running_shares": 0}}}


def share(catalog: Catalog, name: str, *, seconds_ago: float) -> str:
    """Add a share that was made so long ago."""
    now = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return catalog.shares.add(
        url=f"https://example.com/{name}", user_id="11111111-1111-4111-8111-111111111111", platform="generic", now=now
    ).share.share_id


def test_without_work_every_value_is_zero(bookmarkai: BookmarkAI) -> None:
    """The queue is there, and no value is absent or null, so that a scaler reads a number and goes to the minimum."""
    assert_same_json(bookmarkai("work", "--json").json, IDLE)
    assert "dagster" in bookmarkai("work").out


def test_the_backlog_is_a_number_at_a_path(bookmarkai: BookmarkAI, sqlite_catalog: Catalog) -> None:
    """`queues.dagster.due_shares` counts what waits, and `oldest_due_seconds` is the age of the oldest."""
    share(sqlite_catalog, "old", seconds_ago=600)
    share(sqlite_catalog, "new", seconds_ago=1)
    now = datetime.now(UTC)
    running = share(sqlite_catalog, "running", seconds_ago=900)
    sqlite_catalog.work.begin(running, "m", owner="run", claim_id=None, now=now, until=now + timedelta(seconds=600))
    queue = bookmarkai("work", "--json").json["queues"]["dagster"]
    assert (queue["due_shares"], queue["running_shares"]) == (2, 1)
    assert 600 <= queue["oldest_due_seconds"] < 690
    [row] = [line.split() for line in bookmarkai("work").out.splitlines() if "dagster" in line]
    assert row[:2] == ["dagster", "2"]


def test_shares_of_a_paused_site_ask_for_no_worker(bookmarkai: BookmarkAI, sqlite_catalog: Catalog) -> None:
    """More workers would only wait, so a paused site does not count."""
    waiting, now = share(sqlite_catalog, "a", seconds_ago=60), datetime.now(UTC)
    rules = SiteRules(max_refusals=1, pause_seconds=3600, max_pause_seconds=3600)
    sqlite_catalog.sites.record_refusal("example.com", "m", reason="blocked", rules=rules, now=now)
    sqlite_catalog.work.wait_for_site(waiting, "m", held_for="example.com", reason="paused", now=now)
    assert_same_json(bookmarkai("work", "--json").json, IDLE)


def test_a_share_from_a_clock_that_is_ahead_has_no_negative_age(
    bookmarkai: BookmarkAI, sqlite_catalog: Catalog
) -> None:
    """An age below zero would stop some scalers."""
    share(sqlite_catalog, "a", seconds_ago=-3600)
    queue = bookmarkai("work", "--json").json["queues"]["dagster"]
    assert (queue["due_shares"], queue["oldest_due_seconds"]) == (1, 0.0)
