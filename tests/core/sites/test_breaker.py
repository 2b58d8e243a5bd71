"""When a site may be fetched from: the breaker's way from closed to paused and back, and the operator's limits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.sites.breaker import (
    HORIZON,
    NO_LIMITS,
    Site,
    SiteLimits,
    SiteRules,
    after_refusal,
    after_start,
    after_success,
    free_slots,
    parse_by_site,
    site_limits,
    site_of,
    start_of,
    waiting_reason,
)

T0 = datetime(2026, 1, 1, tzinfo=UTC)
RULES = SiteRules(max_refusals=3, pause_seconds=60, max_pause_seconds=600)


def seconds(count: float) -> timedelta:
    """Return a duration."""
    return timedelta(seconds=count)


def refused(site: Site, *, now: datetime, times: int = 1) -> Site:
    """Return a site that turned away fetches that began just now."""
    for _ in range(times):
        site = after_refusal(site, RULES, reason="blocked: no", reserved_at=now, now=now)
    return site


def free_slots_of(site: Site, *, now: datetime, in_progress: int = 0) -> int | None:
    """Count the free slots of a site without limits."""
    return free_slots(site, NO_LIMITS, in_progress=in_progress, now=now)


def paused_at(now: datetime) -> Site:
    """Return a site that has just paused for the first time."""
    return refused(Site("tiktok"), now=now, times=3)


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://www.tiktok.com/@_/video/1", "tiktok"),
        ("https://vm.tiktok.com/abc/", "tiktok"),
        ("https://x.com/i/status/1", "x"),
        ("https://twitter.com/somebody", "x"),
        ("https://www.youtube.com/watch?v=jNQXAC9IVRw", "youtube"),
        ("https://media.example.org/a", "media.example.org"),
        ("http://127.0.0.1:8080/a", "127.0.0.1"),
    ],
)
def test_a_site_is_a_platform_or_a_host(url: str, site: str) -> None:
    """Both of Twitter's names are one site, and a host of no platform is a site of its own."""
    assert site_of(url) == site


def test_a_site_pauses_after_refusals_in_a_row() -> None:
    """One refusal less than the limit changes nothing visible, and a success in between resets the count."""
    almost = refused(Site("tiktok"), now=T0, times=2)
    assert free_slots_of(almost, now=T0) is None
    assert free_slots_of(refused(after_success(almost, reserved_at=T0), now=T0, times=2), now=T0) is None

    paused = refused(almost, now=T0)
    assert free_slots_of(paused, now=T0 + seconds(59)) == 0
    assert free_slots_of(paused, now=T0 + seconds(60)) == 1


def test_after_the_pause_one_probe_goes_and_its_refusal_doubles_the_pause() -> None:
    """The pauses are 60, 120, 240, 480, and then never more than the longest pause."""
    site, now, pauses = paused_at(T0), T0, []
    for _ in range(6):
        assert site.resumes_at is not None
        pauses.append((site.resumes_at - now).total_seconds())
        now = site.resumes_at
        assert free_slots_of(site, now=now) == 1
        assert free_slots_of(site, now=now, in_progress=1) == 0
        site = refused(site, now=now)
    assert pauses == [60, 120, 240, 480, 600, 600]


def test_a_site_that_serves_again_is_ramped_up() -> None:
    """Each success allows one more fetch at a time, then any number, and the refusals are forgotten."""
    site, now = paused_at(T0), T0 + seconds(60)
    seen = []
    while not site.is_closed:
        seen.append(free_slots_of(site, now=now))
        site = after_success(site, reserved_at=now)
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    assert site == Site("tiktok")
    assert free_slots_of(refused(site, now=now, times=2), now=now) is None


def test_a_refusal_on_the_ramp_pauses_longer_than_before() -> None:
    """The ramp begins again at one after twice the pause."""
    site = after_success(paused_at(T0), reserved_at=T0 + seconds(60))
    again = refused(site, now=T0 + seconds(70))
    assert again.allowed == 1
    assert again.resumes_at == T0 + seconds(70 + 120)


def test_fetches_from_before_a_pause_change_nothing() -> None:
    """Refusals and successes of fetches that began before the pause's end neither double nor end it."""
    paused = paused_at(T0)
    assert after_refusal(paused, RULES, reason="r", reserved_at=T0 - seconds(1), now=T0 + seconds(1)) == paused
    assert after_success(paused, reserved_at=T0 - seconds(1)) == paused


def test_a_limit_of_fetches_at_a_time_counts_those_in_progress() -> None:
    """With three allowed and two in progress there is one slot, and more in progress than allowed is not negative."""
    limits = SiteLimits(at_a_time=3)
    assert [free_slots(Site("x"), limits, in_progress=n, now=T0) for n in (0, 2, 3, 5)] == [3, 1, 0, 0]
    ramp = after_success(paused_at(T0), reserved_at=T0 + seconds(60))
    assert free_slots(ramp, limits, in_progress=0, now=T0 + seconds(60)) == 2


@given(per_minute=st.floats(0.1, 600), waits=st.lists(st.floats(0, 40), min_size=1, max_size=30))
def test_starts_are_as_far_apart_as_the_pace_says(per_minute: float, waits: list[float]) -> None:
    """However often it is asked, two starts are a pace apart, and none is in the past or beyond the horizon."""
    limits, site, now, starts = SiteLimits(per_minute=per_minute), Site("tiktok"), T0, []
    for wait in waits:
        now += seconds(wait)
        for _ in range(free_slots(site, limits, in_progress=0, now=now) or 0):
            starts.append(start_of(site, limits, now=now))
            site = after_start(site, limits, starts_at=starts[-1])
            assert now <= starts[-1] <= now + HORIZON + seconds(0.001)
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(starts)]
    assert all(gap >= 60 / per_minute - 1e-4 for gap in gaps)


@given(
    events=st.lists(
        st.tuples(st.sampled_from(["refuse", "serve"]), st.floats(0, 1000), st.booleans()), min_size=1, max_size=60
    )
)
def test_no_history_closes_a_site_for_good(events: list[tuple[str, float, bool]]) -> None:
    """Whatever happened, a fetch may start no later than the longest pause from now."""
    site, now = Site("tiktok"), T0
    for what, wait, is_old in events:
        now += seconds(wait)
        reserved_at = T0 if is_old else now
        if what == "refuse":
            site = after_refusal(site, RULES, reason="r", reserved_at=reserved_at, now=now)
        else:
            site = after_success(site, reserved_at=reserved_at)
    free = free_slots_of(site, now=now + seconds(RULES.max_pause_seconds))
    assert free is None or free >= 1


def test_limits_of_generic_apply_to_each_host_by_itself() -> None:
    """Each host has the limits named generic, and a platform never does."""
    rules = replace(RULES, limits=site_limits({"generic": 1, "tiktok": 2}, {"tiktok": 30}))
    assert rules.limits_of("media.example.org") == SiteLimits(at_a_time=1)
    assert rules.limits_of("tiktok") == SiteLimits(at_a_time=2, per_minute=30)
    assert rules.limits_of("youtube") == NO_LIMITS


def test_the_reason_to_wait_names_what_is_waited_for() -> None:
    """A pause says until when and why, a ramp how many at a time, a limit what it is."""
    paused = paused_at(T0)
    assert waiting_reason(paused, NO_LIMITS, now=T0) == (
        "tiktok is paused until 2026-01-01 00:01:00 UTC, because it turned fetches away: blocked: no"
    )
    assert "1 at a time" in waiting_reason(paused, NO_LIMITS, now=T0 + seconds(61))
    limits = SiteLimits(at_a_time=2, per_minute=30)
    assert waiting_reason(Site("tiktok"), limits, now=T0) == "the limit for tiktok is 2 at a time and 30 per minute"


def test_a_table_by_site_is_parsed_strictly() -> None:
    """Only platforms' names are accepted, each site once: twitter and x are one."""
    assert parse_by_site("tiktok=2, twitter = 1") == {"tiktok": "2", "x": "1"}
    for wrong in ("tiktok", "tiktok=", "myspace=1", "unknown=1", "tiktok=1,tiktok=2", "x=1,twitter=2", "", "tiktok=1,"):
        with pytest.raises(ValueError, match="expected"):
            parse_by_site(wrong)
