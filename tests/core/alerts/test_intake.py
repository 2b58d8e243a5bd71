"""Alerts about what keeps shares from being claimed."""

from datetime import UTC, datetime

from bookmarkai_assets.core.alerts.intake import disk_incidents, paused_site_incidents, paused_store_incidents
from bookmarkai_assets.core.downloads.shortage import Shortage
from bookmarkai_assets.core.sites.breaker import Site, SiteRules, after_refusal, after_success

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RULES = SiteRules(max_refusals=1, pause_seconds=60, max_pause_seconds=600)


def test_a_paused_site_is_one_incident_until_it_serves_freely() -> None:
    """From the pause through the ramp the key stays, and a site with a refusal or two has no incident."""
    paused = after_refusal(Site("tiktok"), RULES, reason="blocked: no", reserved_at=NOW, now=NOW)
    [incident] = paused_site_incidents([Site("x", refusals=2), paused], now=NOW)
    assert incident.key == "site_paused/tiktok"
    assert "blocked: no" in incident.summary
    assert "bookmarkai platforms resume tiktok" in incident.next_step
    assert incident.details["resumes_at"] == "2026-01-01T00:01:00+00:00"
    ramp = after_success(paused, reserved_at=paused.resumes_at)
    assert [one.key for one in paused_site_incidents([ramp], now=NOW)] == ["site_paused/tiktok"]


def test_a_paused_store_is_an_incident_of_its_own() -> None:
    """It is no paused site, its name is in the command that finds the cause, and the rollback is named."""
    paused = after_refusal(Site("s3 store"), RULES, reason="access_denied: 403", reserved_at=None, now=NOW)
    assert paused_site_incidents([paused], now=NOW) == []
    [incident] = paused_store_incidents([Site("tiktok", refusals=2), Site("local store"), paused], now=NOW)
    assert incident.key == "store_paused/s3 store"
    assert "access_denied: 403" in incident.summary
    assert "bookmarkai storage check --backend s3" in incident.next_step
    assert "rollout rollback" in incident.next_step
    assert incident.details["resumes_at"] == "2026-01-01T00:01:00+00:00"


def test_a_sites_words_are_shown_on_one_line_without_secrets() -> None:
    """A site's words cannot draw on an operator's terminal or contain a query."""
    words = "blocked: see https://example.com/a?token=secret\n\x1b[31mnow"
    paused = after_refusal(Site("tiktok"), RULES, reason=words, reserved_at=NOW, now=NOW)
    [incident] = paused_site_incidents([paused], now=NOW)
    assert "secret" not in incident.summary
    assert "\n" not in incident.summary
    assert "\x1b" not in incident.summary


def test_a_low_disk_is_one_incident_with_its_numbers() -> None:
    """The incident names directory, free space, limit and its setting, and with enough space there is none."""
    assert disk_incidents(None, now=NOW) == []
    [incident] = disk_incidents(Shortage("/media/.staging", 10**9, 25 * 10**8), now=NOW)
    assert incident.key == "disk_low"
    assert "/media/.staging has 1.00 GB free, less than the 2.50 GB of DOWNLOAD_MIN_FREE_BYTES" in incident.summary
    [tiny] = disk_incidents(Shortage("/media", 4_096, 2_000_000), now=NOW)
    assert "/media has 4.10 kB free, less than the 2.00 MB" in tiny.summary
    [full] = disk_incidents(Shortage("/media", 0, 10_000), now=NOW)
    assert "/media has 0 bytes free, less than the 10.00 kB" in full.summary
    assert incident.details == {"directory": "/media/.staging", "free_bytes": 10**9, "wanted_bytes": 25 * 10**8}
