"""The state of a site as programs read it: one complete example, and each state in words."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bookmarkai_assets.core.sites.breaker import Site, SiteLimits
from bookmarkai_assets.core.sites.silent_formats import Codec, Delivery, FormatFamily
from bookmarkai_assets.operations.sites.report import SiteReport
from tests.support.catalog import at
from tests.support.json_forms import assert_same_json

PAUSED = SiteReport(
    site=Site(
        "tiktok",
        refusals=2,
        allowed=1,
        opened_at=at(-300),
        resumes_at=at(60),
        next_start_at=at(1),
        reason="blocked: your IP is blocked",
    ),
    in_progress=1,
    waiting=20,
    limits=SiteLimits(at_a_time=2, per_minute=7.5),
    at=at(0),
    silent_formats={FormatFamily(Codec.H265, Delivery.FILE): at(86_400)},
)


def test_a_site_as_json() -> None:
    """Names, order and formats are what `platforms list --json` has promised."""
    assert_same_json(
        PAUSED.as_dict(),
        {
            "site": "tiktok",
            "state": "paused until 2026-01-31 12:01:00 UTC",
            "in_progress": 1,
            "waiting": 20,
            "limit": "2 at a time, 7.5 per minute",
            "allowed_at_a_time": 1,
            "refusals": 2,
            "reason": "blocked: your IP is blocked",
            "opened_at": "2026-01-31T11:55:00+00:00",
            "resumes_at": "2026-01-31T12:01:00+00:00",
            "silent_formats": {"h265/file": "2026-02-01T12:00:00+00:00"},
        },
    )


def test_a_good_site_as_json() -> None:
    """What does not exist is None, and no key is left out."""
    serving = SiteReport(Site("youtube"), 0, 0, SiteLimits(), at(0)).as_dict()
    assert list(serving) == list(PAUSED.as_dict())
    assert serving["state"] == "serving"
    for key in ("limit", "allowed_at_a_time", "reason", "opened_at", "resumes_at"):
        assert serving[key] is None
    assert serving["silent_formats"] == {}


def test_formats_without_sound_in_words() -> None:
    """An operator reads which formats are avoided, and until when."""
    both = {FormatFamily(Codec.H265, Delivery.FILE): at(0), FormatFamily(Codec.VP9, Delivery.DASH): at(86_400)}
    assert replace(PAUSED, silent_formats=both).avoided == "h265/file until 2026-01-31, vp9/dash until 2026-02-01"
    assert replace(PAUSED, silent_formats={}).avoided is None


@pytest.mark.parametrize(
    ("seconds", "state"), [(59, "paused until 2026-01-31 12:01:00 UTC"), (60, "on trial, 1 at a time")]
)
def test_the_state_is_that_of_the_reports_moment(seconds: int, state: str) -> None:
    """At the very end of its pause a site is on trial."""
    assert replace(PAUSED, at=at(0) + timedelta(seconds=seconds)).state == state
