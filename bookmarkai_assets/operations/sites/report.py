"""Report how the sites take fetches, for people and programs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.sites.breaker import Site, SiteLimits
from bookmarkai_assets.core.sites.ports import SiteLoad
from bookmarkai_assets.core.sites.silent_formats import FormatFamily
from bookmarkai_assets.operations.sites.turns import waiting_by_site


@dataclass(frozen=True)
class SiteReport:
    """One site at one moment: its breaker, how many fetches are under way and how many wait, and its limits.

    `silent_formats` are the families that are avoided, each with the moment until which it is.
    """

    site: Site
    in_progress: int
    waiting: int
    limits: SiteLimits
    at: datetime
    silent_formats: Mapping[FormatFamily, datetime] = field(default_factory=dict)

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

    @property
    def avoided(self) -> str | None:
        """The formats that are avoided because they came without sound, in words; None if there are none."""
        parts = (f"{family} until {until:%Y-%m-%d}" for family, until in self.silent_formats.items())
        return ", ".join(parts) or None

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
            "silent_formats": {str(family): until.isoformat() for family, until in self.silent_formats.items()},
        }


def site_reports(catalog: Catalog, rules: PipelineRules, *, now: datetime) -> list[SiteReport]:
    """Report on each site that something is to be said of, ordered by name.

    That is one that refuses, is limited, is fetched from now, has shares waiting or formats without sound.
    """
    loads = catalog.sites.loads(now=now)
    waiting = waiting_by_site(catalog)
    silent = catalog.sites.silent_formats(now=now)
    names = sorted({*loads, *waiting, *silent, *rules.sites.limits})
    found = [(name, loads.get(name, SiteLoad(Site(name), 0))) for name in names]
    return [
        SiteReport(
            site=load.site,
            in_progress=load.in_progress,
            waiting=waiting.get(name, 0),
            limits=rules.sites.limits_of(name),
            at=now,
            silent_formats=silent.get(name, {}),
        )
        for name, load in found
    ]
