"""The alerts about what keeps shares from being taken up: a site that turns fetches away, a disk without room."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bookmarkai_assets.core.alerts.conditions import AlertKind, line_of
from bookmarkai_assets.core.alerts.incidents import Incident
from bookmarkai_assets.core.sites.breaker import Site


@dataclass(frozen=True)
class Shortage:
    """Less is free on a directory's disk than is wanted."""

    directory: str
    free_bytes: int
    wanted_bytes: int

    @property
    def message(self) -> str:
        """Say so to an operator."""
        return (
            f"the disk of {self.directory} has {self.free_bytes / 1e9:.2f} GB free, less than the "
            f"{self.wanted_bytes / 1e9:.2f} GB of DOWNLOAD_MIN_FREE_BYTES: no share is taken up before there is room"
        )


def of_paused_sites(sites: Iterable[Site], *, now: datetime) -> list[Incident]:
    """Give an incident for each site that turns fetches away: from its first pause until it takes any number again."""
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
                "reason": site.reason,
                "opened_at": site.opened_at.isoformat() if site.opened_at else None,
                "resumes_at": site.resumes_at.isoformat() if site.resumes_at else None,
            },
            opened_at=now,
        )
        for site in sites
        if not site.is_closed
    ]


def of_disk(shortage: Shortage | None, *, now: datetime) -> list[Incident]:
    """Give the incident of too little room for downloads; none while there is enough."""
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
