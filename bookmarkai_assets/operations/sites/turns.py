"""Slots for fetches from a site: take them, wait for them, and record how the fetch ended.

The rules are in `core/sites`. A run that the sensor launched has its slots already. A run that a person launched takes
them here, and waits for them.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import PostponedError, ShareFailedError
from bookmarkai_assets.core.media.media import MediaState
from bookmarkai_assets.core.outcomes import Failure
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.sites.breaker import NO_LIMITS, THROTTLED, Site, free_slots, site_of
from bookmarkai_assets.core.sites.ports import NoSlot, SiteLoad

_POLL_SECONDS = 1.0
"""Between two attempts to take a slot. Each is a short transaction."""


def free_slots_by_site(loads: Mapping[str, SiteLoad], rules: PipelineRules, *, now: datetime) -> dict[str, int]:
    """Return the number of free slots of every site where it is limited. `loads` are from `SiteLedger.loads`."""
    known = {name: SiteLoad(Site(name), 0) for name in rules.sites.limits} | dict(loads)
    slots = {
        name: free_slots(load.site, rules.sites.limits_of(name), in_progress=load.in_progress, now=now)
        for name, load in known.items()
    }
    return {name: free for name, free in slots.items() if free is not None}


def is_restricted(site: str, loads: Mapping[str, SiteLoad], rules: PipelineRules) -> bool:
    """Whether a fetch from the site, or work that needs the store, needs a slot before it may begin."""
    load = loads.get(site)
    return rules.sites.limits_of(site) != NO_LIMITS or (load is not None and not load.site.is_closed)


def waiting_by_site(catalog: Catalog) -> dict[str, int]:
    """Count the shares that wait for their site or a store, by its name."""
    return {shares.site: shares.count for shares in catalog.failures.waiting() if shares.site is not None}


def is_fetched(catalog: Catalog, media_id: str) -> bool:
    """Whether a media's bytes are on record, so that nothing has to be fetched from its site."""
    media = catalog.media.get(media_id)
    return media is not None and media.state is not MediaState.EXPIRED


def wait_for_slot(
    catalog: Catalog,
    rules: PipelineRules,
    *,
    canonical_url: str,
    media_id: str,
    clock: Callable[[], datetime],
    wait: Callable[[float], object],
) -> None:
    """Wait until a fetch may begin. Raises `PostponedError` if the site is paused, or has no free slot for too long."""
    site, end = site_of(canonical_url), clock() + timedelta(seconds=rules.limits.timeout_seconds)
    while True:
        slot = catalog.sites.take_slot(site, media_id, rules=rules.sites, now=(now := clock()))
        if not isinstance(slot, NoSlot):
            if slot.starts_at > now:
                wait((slot.starts_at - now).total_seconds())
            return
        if slot.is_pause or now >= end:
            raise PostponedError(slot.reason, until=now, held_for=site)
        wait(_POLL_SECONDS)


def error_for(
    catalog: Catalog, rules: PipelineRules, failure: Failure, *, canonical_url: str, media_id: str, now: datetime
) -> Exception:
    """Return the error that a fetch's failure means for its share: a failed attempt, or a pause of the whole site."""
    if failure.outcome not in THROTTLED:
        catalog.sites.free_slot(media_id)
        return ShareFailedError(failure)
    name = site_of(canonical_url)
    reason = f"{failure.outcome}: {failure.reason}"
    site = catalog.sites.record_refusal(name, media_id, reason=reason, rules=rules.sites, now=now)
    if site.is_closed:
        return ShareFailedError(failure)
    # Another share should be the next probe, because this may be the only one that the site turns away.
    until = (site.resumes_at or now) + timedelta(seconds=rules.retry.base_seconds)
    return PostponedError(f"{name} is paused, because it turned fetches away: {reason}", until=until, held_for=name)
