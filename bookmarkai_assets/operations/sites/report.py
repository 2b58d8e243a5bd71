"""How the sites take fetches, put together for people and programs that ask."""

from datetime import datetime
from typing import Any

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.sites.breaker import Site
from bookmarkai_assets.core.sites.ports import SiteLoad
from bookmarkai_assets.operations.sites.turns import waiting_at_sites


def site_reports(catalog: Catalog, rules: PipelineRules, *, now: datetime) -> list[dict[str, Any]]:
    """Give a line for each site of note, by name: how it is, what is under way, what waits for it and why."""
    loads = catalog.sites.loads(now=now)
    waiting = waiting_at_sites(catalog)
    names = sorted({*loads, *waiting, *rules.sites.limits})
    return [_line(loads.get(name, SiteLoad(Site(name), 0)), waiting.get(name, 0), rules, now) for name in names]


def _line(load: SiteLoad, waiting: int, rules: PipelineRules, now: datetime) -> dict[str, Any]:
    site, limits = load.site, rules.sites.limits_of(load.site.name)
    parts = (
        f"{limits.at_a_time} at a time" if limits.at_a_time is not None else None,
        f"{limits.per_minute:g} per minute" if limits.per_minute is not None else None,
    )
    return {
        "site": site.name,
        "state": _state(site, now),
        "in_progress": load.in_progress,
        "waiting": waiting,
        "limit": ", ".join(part for part in parts if part) or None,
        "allowed_at_a_time": site.allowed,
        "refusals": site.refusals,
        "reason": site.reason,
        "opened_at": site.opened_at.isoformat() if site.opened_at else None,
        "resumes_at": site.resumes_at.isoformat() if site.resumes_at else None,
    }


def _state(site: Site, now: datetime) -> str:
    if site.is_paused(now):
        return f"paused until {site.resumes_at:%Y-%m-%d %H:%M:%S} UTC"
    return "serving" if site.is_closed else f"on trial, {site.allowed} at a time"
