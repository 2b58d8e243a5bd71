"""The port of leases: who works on a media's bytes now, and until when.

Whoever works on a share holds the lease of its media, taken with the share by `WorkLedger`. Movers and clean-up take
leases without a share, by this port alone.
"""

from abc import ABC, abstractmethod
from datetime import datetime


class LeaseLedger(ABC):
    """Leases by media and by owner. At most one owner holds a media at a time."""

    @abstractmethod
    def take(self, media_id: str, *, owner: str, now: datetime, until: datetime) -> bool:
        """Take the lease on a media. False while another owner holds it; True again for the same owner."""

    @abstractmethod
    def free(self, media_id: str, *, owner: str) -> None:
        """Free the lease on a media if it is `owner`'s."""

    @abstractmethod
    def is_leased(self, media_id: str, *, now: datetime) -> bool:
        """Whether anybody holds the media now."""

    @abstractmethod
    def renew(self, owner: str, *, until: datetime) -> frozenset[str]:
        """Extend every lease of `owner` to `until`. Return the ids of the media that it still holds."""

    @abstractmethod
    def holds(self, owner: str, media_id: str) -> bool:
        """Whether the lease on the media is recorded for `owner`, live or not."""

    @abstractmethod
    def has_live_lease(self, owner: str, *, now: datetime) -> bool:
        """Whether `owner` holds any live lease. A run that works on shares always does."""
