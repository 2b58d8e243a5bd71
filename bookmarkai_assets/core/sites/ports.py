"""The port of sites: their breakers, the slots for fetching from them, and their silent formats.

Stores have their breakers here, too, under names of their own (`stores.store_name`). To them a slot is the right to
probe the store with one share's work.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from bookmarkai_assets.core.sites.breaker import Site, SiteRules
from bookmarkai_assets.core.sites.silent_formats import FormatFamily


@dataclass(frozen=True)
class SiteLoad:
    """A site, and how many fetches from it are under way or about to begin."""

    site: Site
    in_progress: int


@dataclass(frozen=True)
class Slot:
    """The right to begin a fetch at `starts_at`, which is at most `breaker.HORIZON` ahead."""

    starts_at: datetime


@dataclass(frozen=True)
class NoSlot:
    """No fetch may begin now. `is_pause`: the site's breaker is the reason, and not a limit of the operator's."""

    reason: str
    is_pause: bool


class SiteLedger(ABC):
    """The state of sites, shared by all processes. Every method is one transaction.

    A slot belongs to a media. It counts for its first seconds, and then while the lease on the media is live. The slots
    of a dead process are therefore free again when its leases are.
    """

    @abstractmethod
    def loads(self, *, now: datetime) -> Mapping[str, SiteLoad]:
        """Read the sites by name that refuse, are rate-limited or are fetched from now. The others take any fetch."""

    @abstractmethod
    def take_slot(self, site: str, media_id: str, *, rules: SiteRules, now: datetime) -> Slot | NoSlot:
        """Take a slot for fetching a media. Return the slot that it already has, unless the breaker opened since."""

    @abstractmethod
    def free_slot(self, media_id: str, *, site: str | None = None) -> None:
        """Free a media's slot without a fetch; with `site`, only if it is one of that site's."""

    @abstractmethod
    def record_success(self, site: str, media_id: str, *, now: datetime) -> Site:
        """Record that the site served a fetch, and free its slot. Return the new state of the site."""

    @abstractmethod
    def record_refusal(self, site: str, media_id: str, *, reason: str, rules: SiteRules, now: datetime) -> Site:
        """Record that the site refused a fetch, and free its slot. Return the new state of the site."""

    @abstractmethod
    def resume(self, site: str) -> bool:
        """Close a site's breaker and forget its refusals, for a person. Return whether there was anything to change."""

    @abstractmethod
    def silent_formats(self, *, now: datetime) -> Mapping[str, Mapping[FormatFamily, datetime]]:
        """Read the families that count as silent, by site, each with the moment until which it does."""

    @abstractmethod
    def record_silent_formats(self, site: str, families: Collection[FormatFamily], *, now: datetime) -> None:
        """Record families that a site served without their sound. They count as silent for `BELIEVED_FOR` from now."""
