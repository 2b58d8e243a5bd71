"""Incidents about what holds up shares: a site that refuses fetches, a store that fails, a disk without free space."""

from collections.abc import Iterable
from datetime import datetime

from bookmarkai_assets.core.alerts.conditions import AlertKind, line_of
from bookmarkai_assets.core.alerts.incidents import Incident
from bookmarkai_assets.core.downloads.shortage import Shortage
from bookmarkai_assets.core.sites.breaker import Site
from bookmarkai_assets.core.sites.stores import backend_of, is_store


def paused_site_incidents(sites: Iterable[Site], *, now: datetime) -> list[Incident]:
    """Return an incident for each site whose breaker is open or half-open."""
    return [
        Incident(
            key=f"{AlertKind.SITE_PAUSED}/{site.name}",
            kind=AlertKind.SITE_PAUSED,
            summary=line_of(f"{site.name} turns fetches away, so its shares wait: {site.reason}"),
            next_step=f"`bookmarkai platforms list` shows how long; it is tried again by itself. If it stays so: fetch "
            "more slowly (SITE_FETCHES_PER_MINUTE, SITE_CONCURRENCY), give cookies (YTDLP_COOKIES) or another way out "
            f"(YTDLP_PROXY), then `bookmarkai platforms resume {site.name}`",
            details={
                "site": site.name,
                **_describe_pause(site),
            },
            opened_at=now,
        )
        for site in sites
        if not site.is_closed and not is_store(site.name)
    ]


def paused_store_incidents(sites: Iterable[Site], *, now: datetime) -> list[Incident]:
    """Return an incident for each store whose breaker is open or half-open."""
    return [
        Incident(
            key=f"{AlertKind.STORE_PAUSED}/{site.name}",
            kind=AlertKind.STORE_PAUSED,
            summary=line_of(f"the {site.name} fails for every share, so those that need it wait: {site.reason}"),
            next_step=f"`bookmarkai storage check --backend {backend_of(site.name)}` names the cause. Shares wait and "
            "none fails for it, and the store is tried again by itself. Until it works, `bookmarkai rollout rollback "
            "--reason '…'` sends what waits for S3 to the local directory",
            details={
                "store": site.name,
                **_describe_pause(site),
            },
            opened_at=now,
        )
        for site in sites
        if not site.is_closed and is_store(site.name)
    ]


def _describe_pause(site: Site) -> dict[str, str | None]:
    return {
        "reason": site.reason,
        "opened_at": site.opened_at.isoformat() if site.opened_at else None,
        "resumes_at": site.resumes_at.isoformat() if site.resumes_at else None,
    }


def disk_incidents(shortage: Shortage | None, *, now: datetime) -> list[Incident]:
    """Return the incident of too little disk space for downloads; none while there is enough."""
    if shortage is None:
        return []
    return [
        Incident(
            key=AlertKind.DISK_LOW,
            kind=AlertKind.DISK_LOW,
            summary=line_of(shortage.message),
            next_step="make room there: `bookmarkai storage cleanup --dry-run` shows what may go, `bookmarkai storage "
            "move` brings media to S3; shares wait meanwhile and none fails for it",
            details={
                "directory": shortage.directory,
                "free_bytes": shortage.free_bytes,
                "wanted_bytes": shortage.wanted_bytes,
            },
            opened_at=now,
        )
    ]
