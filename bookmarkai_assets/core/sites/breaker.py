"""When a site takes another fetch: its circuit breaker, and the operator's limits. These are pure rules.

A site is a platform, or the host of a page that belongs to none, because what one unknown host does says nothing about
another. A store has the same breaker, see `stores`. The state is kept by `sites.ports.SiteLedger`, and
`operations/sites/turns` applies the rules.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from bookmarkai_assets.core.links.platforms import Platform, platform_of_host, unify_platform
from bookmarkai_assets.core.links.upload_urls import UPLOADS_SITE, is_of_upload
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.sites.stores import is_store

THROTTLED = frozenset({Outcome.BLOCKED, Outcome.RATE_LIMITED})
"""The outcomes that mean that a site refuses this machine, whatever is fetched. They count as refusals."""

HALF_OPEN_LIMIT = 8
"""Fetches at a time at which a half-open breaker closes. Each success adds one, so full rounds double: 1, 2, 4."""

HORIZON = timedelta(seconds=10)
"""How far ahead the starts at a rate-limited site are assigned. A run takes less to begin, so it can keep the rate."""

_MAX_DOUBLINGS = 32  # so that the exponent cannot overflow a float; the longest pause is far below


def site_of(canonical_url: str) -> str:
    """Return the site that an admitted link's canonical URL leads to. For an upload it is `UPLOADS_SITE`."""
    if is_of_upload(canonical_url):
        return UPLOADS_SITE
    host = urlsplit(canonical_url).hostname or ""
    platform = platform_of_host(host)
    return host if platform is Platform.GENERIC else site_of_platform(platform)


def site_of_platform(platform: Platform) -> str:
    """Return a platform's site. Twitter's two names are one."""
    return unify_platform(platform).value


def parse_by_site(text: str) -> dict[str, str]:
    """Parse `tiktok=2,youtube=4` into values by site. Raises a `ValueError` that says what is expected."""
    values: dict[str, str] = {}
    for pair in (part.strip() for part in text.split(",")):
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or name not in _SITES or not value:
            raise ValueError(f"expected pairs such as tiktok=2,youtube=4, of {', '.join(_SITES)}; found {pair!r}")
        site = site_of_platform(Platform(name))
        if site in values:
            raise ValueError(f"expected each site once, found {site} twice (twitter and x are one)")
        values[site] = value
    return values


@dataclass(frozen=True)
class SiteLimits:
    """What the operator allows: fetches at a time, and fetches begun per minute. None means no limit."""

    at_a_time: int | None = None
    per_minute: float | None = None


NO_LIMITS = SiteLimits()


def site_limits(at_a_time: Mapping[str, int], per_minute: Mapping[str, float]) -> dict[str, SiteLimits]:
    """Combine an operator's two tables into limits by site."""
    return {site: SiteLimits(at_a_time.get(site), per_minute.get(site)) for site in sorted({*at_a_time, *per_minute})}


_PLATFORMS = frozenset(platform.value for platform in Platform)
_SITES = tuple(platform.value for platform in Platform if platform is not Platform.UNKNOWN)


@dataclass(frozen=True)
class SiteRules:
    """The limits by site, and the settings of the breaker.

    After `max_refusals` in a row it opens for `pause_seconds`. Each further refusal doubles the pause, up to
    `max_pause_seconds`. The entry `generic` of `limits` applies separately to each host without a platform.
    """

    max_refusals: int
    pause_seconds: float
    max_pause_seconds: float
    limits: Mapping[str, SiteLimits] = field(default_factory=dict)

    def limits_of(self, site: str) -> SiteLimits:
        """Return the limits of one site. A store has none, and uploads have none."""
        if is_store(site) or site == UPLOADS_SITE:
            return NO_LIMITS
        is_host = site not in _PLATFORMS
        return self.limits.get(Platform.GENERIC.value if is_host else site, NO_LIMITS)


@dataclass(frozen=True)
class Site:
    """The recorded state of a site and its breaker.

    `allowed` is how many fetches at a time the breaker lets through. It is None while the breaker is closed. The
    breaker is open until `resumes_at`, and half-open from then on. `refusals` counts the refusals in a row while it is
    closed, and its pauses since then while it is not.
    """

    name: str
    refusals: int = 0
    allowed: int | None = None
    opened_at: datetime | None = None
    resumes_at: datetime | None = None
    next_start_at: datetime | None = None
    reason: str | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the breaker is closed and every fetch passes."""
        return self.allowed is None

    def is_paused(self, now: datetime) -> bool:
        """Whether the breaker is open and no fetch passes."""
        return not self.is_closed and self.resumes_at is not None and now < self.resumes_at


def free_slots(site: Site, limits: SiteLimits, *, in_progress: int, now: datetime) -> int | None:
    """Return how many fetches may begin now; None for any number."""
    if site.is_paused(now):
        return 0
    slots = [max(0, most - in_progress) for most in (site.allowed, limits.at_a_time) if most is not None]
    if limits.per_minute is not None:
        slots.append(_starts_within_horizon(site, limits.per_minute, now))
    return min(slots, default=None)


def start_of(site: Site, limits: SiteLimits, *, now: datetime) -> datetime:
    """Return when the next fetch that has a slot is to start."""
    if limits.per_minute is None or site.next_start_at is None:
        return now
    return max(now, site.next_start_at)


def after_start(site: Site, limits: SiteLimits, *, starts_at: datetime) -> Site:
    """Return the site after a start was assigned to a fetch."""
    if limits.per_minute is None:
        return site
    return replace(site, next_start_at=starts_at + timedelta(minutes=1 / limits.per_minute))


def after_refusal(site: Site, rules: SiteRules, *, reason: str, reserved_at: datetime | None, now: datetime) -> Site:
    """Return the site after it refused a fetch whose slot was taken at `reserved_at` (None if not known).

    Fetches that were under way when the breaker opened say nothing new.
    """
    if not site.is_closed:
        is_old = reserved_at is not None and site.resumes_at is not None and reserved_at < site.resumes_at
        return site if is_old else _open_breaker(site, rules, refusals=site.refusals + 1, reason=reason, now=now)
    refusals = site.refusals + 1
    if refusals < rules.max_refusals:
        return replace(site, refusals=refusals, reason=reason)
    return _open_breaker(site, rules, refusals=1, reason=reason, now=now)


def after_success(site: Site, *, reserved_at: datetime | None) -> Site:
    """Return the site after it served a fetch. It ends refusals in a row, and a half-open breaker allows one more."""
    if site.is_closed:
        return replace(site, refusals=0, reason=None)
    if reserved_at is not None and site.resumes_at is not None and reserved_at < site.resumes_at:
        return site
    allowed = (site.allowed or 0) + 1
    if allowed >= HALF_OPEN_LIMIT:
        return Site(site.name, next_start_at=site.next_start_at)
    return replace(site, allowed=allowed)


def waiting_reason(site: Site, limits: SiteLimits, *, now: datetime) -> str:
    """Return in words why a share of the site waits."""
    if site.is_paused(now):
        why = "it fails for every share" if is_store(site.name) else "it turned fetches away"
        return f"{site.name} is paused until {site.resumes_at:%Y-%m-%d %H:%M:%S} UTC, because {why}: {site.reason}"
    if not site.is_closed:
        return f"{site.name} is tried again after a pause, {site.allowed} at a time"
    limits_in_words = [
        f"{limits.at_a_time} at a time" if limits.at_a_time is not None else "",
        f"{limits.per_minute:g} per minute" if limits.per_minute is not None else "",
    ]
    return f"the limit for {site.name} is {' and '.join(filter(None, limits_in_words)) or 'none'}"


def _open_breaker(site: Site, rules: SiteRules, *, refusals: int, reason: str, now: datetime) -> Site:
    doubled = rules.pause_seconds * 2 ** min(refusals - 1, _MAX_DOUBLINGS)
    return replace(
        site,
        refusals=refusals,
        allowed=1,
        opened_at=site.opened_at or now,
        resumes_at=now + timedelta(seconds=min(doubled, rules.max_pause_seconds)),
        reason=reason,
    )


def _starts_within_horizon(site: Site, per_minute: float, now: datetime) -> int:
    spacing = 60 / per_minute
    ahead = (max(now, site.next_start_at or now) - now).total_seconds()
    left = HORIZON.total_seconds() - ahead
    return 0 if left < 0 else math.floor(left / spacing) + 1
