"""The doors to what is remembered of sites: how they take fetches, and what their short links stand for."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bookmarkai_assets.core.sites.breaker import Site, SiteRules


@dataclass(frozen=True)
class SiteLoad:
    """A site, and how many fetches from it are under way or about to begin."""

    site: Site
    in_progress: int


@dataclass(frozen=True)
class Slot:
    """A fetch may be begun, at `starts_at`, which is at most `sites.HORIZON` ahead."""

    starts_at: datetime


@dataclass(frozen=True)
class NoSlot:
    """No fetch may be begun now. `is_pause` when the site's breaker is why, else a limit of the operator's."""

    reason: str
    is_pause: bool


class SiteLedger(ABC):
    """How sites take fetches, for all processes together. Every method is one transaction.

    A place belongs to a media and counts as long as somebody holds the media's lease, or for the first seconds: what
    a dead process had is free again when its leases are.
    """

    @abstractmethod
    def loads(self, *, now: datetime) -> Mapping[str, SiteLoad]:
        """Read the sites by name that refuse, are paced or are fetched from now; the others take any fetch."""

    @abstractmethod
    def take_slot(self, site: str, media_id: str, *, rules: SiteRules, now: datetime) -> Slot | NoSlot:
        """Take a place for fetching a media. One that it has is given again, unless the breaker opened since."""

    @abstractmethod
    def free_slot(self, media_id: str) -> None:
        """Give up a media's place without a fetch."""

    @abstractmethod
    def record_success(self, site: str, media_id: str, *, now: datetime) -> Site:
        """Record that the site served a fetch, and free its place; give the site as it is then."""

    @abstractmethod
    def record_refusal(self, site: str, media_id: str, *, reason: str, rules: SiteRules, now: datetime) -> Site:
        """Record that the site turned a fetch away, and free its place; give the site as it is then."""

    @abstractmethod
    def resume(self, site: str) -> bool:
        """Forget a site's refusals, as a person wishes; tells whether there was anything to forget."""
