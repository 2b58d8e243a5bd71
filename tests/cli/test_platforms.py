"""`bookmarkai platforms`: which sites are paused or limited, which shares wait for them, and how to resume."""

from datetime import UTC, datetime

import pytest

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.sites.breaker import SiteRules
from bookmarkai_assets.core.sites.silent_formats import Codec, Delivery, FormatFamily
from tests.plugins.command_line import BookmarkAI

RULES = SiteRules(max_refusals=1, pause_seconds=3600, max_pause_seconds=3600)


def pause_tiktok(bookmarkai: BookmarkAI, catalog: Catalog) -> str:
    """Have TikTok turn a fetch away and a share wait for it, and return the share's id."""
    [added] = bookmarkai("shares", "add", "https://www.tiktok.com/@_/video/1", "--json").json
    now = datetime.now(UTC)
    catalog.sites.record_refusal("tiktok", "m", reason="blocked: your IP is blocked", rules=RULES, now=now)
    catalog.work.wait_for_site(added["id"], "m1", held_for="tiktok", reason="tiktok is paused", now=now)
    return str(added["id"])


def test_without_paused_or_limited_sites_it_says_so(bookmarkai: BookmarkAI) -> None:
    """Without paused or limited sites there is a sentence, because an empty table would look like a fault."""
    assert "No site is paused" in bookmarkai("platforms", "list").out
    assert bookmarkai("platforms", "list", "--json").json == []


def test_a_paused_site_is_shown_with_what_waits_and_why(bookmarkai: BookmarkAI, sqlite_catalog: Catalog) -> None:
    """State, count and the site's own words are shown, and the share's own page says the same."""
    share = pause_tiktok(bookmarkai, sqlite_catalog)
    [site] = bookmarkai("platforms", "list", "--json").json
    assert (site["site"], site["waiting"], site["in_progress"]) == ("tiktok", 1, 0)
    assert site["state"].startswith("paused until ")
    assert site["reason"] == "blocked: your IP is blocked"
    assert "paused until" in bookmarkai("platforms", "list").out
    shown = bookmarkai("shares", "show", share, "--json").json
    assert (shown["status"], shown["outcome"], shown["reason"]) == ("pending", "postponed", "tiktok is paused")


def test_a_limited_site_is_listed(bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits in effect are listed."""
    monkeypatch.setenv("SITE_CONCURRENCY", "tiktok=2")
    monkeypatch.setenv("SITE_FETCHES_PER_MINUTE", "tiktok=30,twitter=6")
    sites = {site["site"]: site for site in bookmarkai("platforms", "list", "--json").json}
    assert sites["tiktok"]["limit"] == "2 at a time, 30 per minute"
    assert sites["x"]["limit"] == "6 per minute"
    assert sites["x"]["state"] == "serving"


def test_resuming_ends_the_pause(bookmarkai: BookmarkAI, sqlite_catalog: Catalog) -> None:
    """After a resume the site is fetched from again; resuming one that is not paused is an error that says so."""
    pause_tiktok(bookmarkai, sqlite_catalog)
    assert bookmarkai("platforms", "resume", "tiktok").code == 0
    [site] = bookmarkai("platforms", "list", "--json").json
    assert (site["state"], site["waiting"]) == ("serving", 1)
    again = bookmarkai("platforms", "resume", "tiktok")
    assert again.code == 1
    assert "nothing to resume" in again.err


def test_formats_without_sound_are_shown(bookmarkai: BookmarkAI, sqlite_catalog: Catalog) -> None:
    """The list shows why a site's smallest format is not fetched, even if the site has no other problem."""
    family = FormatFamily(Codec.H265, Delivery.FILE)
    sqlite_catalog.sites.record_silent_formats("tiktok", {family}, now=datetime.now(UTC))
    [site] = bookmarkai("platforms", "list", "--json").json
    assert (site["site"], site["state"], list(site["silent_formats"])) == ("tiktok", "serving", ["h265/file"])
    assert "h265/file until" in " ".join(bookmarkai("platforms", "list").out.split())
