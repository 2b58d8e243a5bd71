"""Report how the sites take fetches, for people and programs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.sites.breaker import Site, SiteLimits
from bookmarkai_assets.core.sites.ports import SiteLoad
from bookmarkai_assets.operations.sites.turns import waiting_by_site


@dataclass(frozen=True)
class SiteReport:
    """One site at one moment: its breaker, how many fetches are under way and how many wait, and its limits."""

    site: Site
    in_progress: int
    waiting: int
    limits: SiteLimits
    at: datetime

    @property
    def state(self) -> str:
        """Whether the site serves fetches, in words."""
        site = self.site
        if site.is_paused(self.at):
            return f"paused until {site.resumes_at:%Y-%m-%d %H:%M:%S} UTC"
        return "serving" if site.is_closed else f"on trial, {site.allowed} at a time"

    @property
    def limit(self) -> str | None:
        """The operator's limits in words; None without any."""
        limits = (
            f"{self.limits.at_a_time} at a time" if self.limits.at_a_time is not None else None,
            f"{self.limits.per_minute:g} per minute" if self.limits.per_minute is not None else None,
        )
        return ", ".join(limit for limit in limits if limit) or None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: times in ISO 8601, state and limits in words."""
        site = self.site
        return {
            "site": site.name,
            "state": self.state,
            "in_progress": self.in_progress,
            "waiting": self.waiting,
            "limit": self.limit,
            "allowed_at_a_time": site.allowed,
            "refusals": site.refusals,
            "reason": site.reason,
            "opened_at": site.opened_at.isoformat() if site.opened_at else None,
            "resumes_at": site.resumes_at.isoformat() if site.resumes_at else None,
        }


def site_reports(catalog: Catalog, rules: PipelineRules, *, now: datetime) -> list[SiteReport]:
    """Report on each site that refuses, is limited, is fetched from now or has shares waiting, ordered by name."""
    loads = catalog.sites.loads(now=now)
    waiting = waiting_by_site(catalog)
    names = sorted({*loads, *waiting, *rules.sites.limits})
    found = [(name, loads.get(name, SiteLoad(Site(name), 0))) for name in names]
    return [
        SiteReport(load.site, load.in_progress, waiting.get(name, 0), rules.sites.limits_of(load.site.name), now)
        for name, load in found
    ]
