"""The port of leases: who works on a media's bytes now, and until when.

A run that works on a share holds the lease on its media. `WorkLedger` takes it together with the share. Moves and
clean-up take leases without a share, through this port alone.
"""

from abc import ABC, abstractmethod
from datetime import datetime


class LeaseLedger(ABC):
    """Leases by media and by owner. At most one owner has the lease on a media at a time."""

    @abstractmethod
    def take(self, media_id: str, *, owner: str, now: datetime, until: datetime) -> bool:
        """Take the lease on a media. Return False while another owner has it, and True again for the same owner."""

    @abstractmethod
    def free(self, media_id: str, *, owner: str) -> None:
        """Free the lease on a media if `owner` has it."""

    @abstractmethod
    def is_leased(self, media_id: str, *, now: datetime) -> bool:
        """Whether any owner has a live lease on the media."""

    @abstractmethod
    def count_live(self, *, now: datetime) -> int:
        """Count the leases that are live at `now`. There are as many rows as media that are worked on."""

    @abstractmethod
    def renew(self, owner: str, *, until: datetime) -> frozenset[str]:
        """Extend every lease of `owner` to `until`. Return the ids of the media that it still has leases on."""

    @abstractmethod
    def holds(self, owner: str, media_id: str) -> bool:
        """Whether the lease on the media is recorded for `owner`, live or not."""

    @abstractmethod
    def has_live_lease(self, owner: str, *, now: datetime) -> bool:
        """Whether `owner` has any live lease. A run that works on shares always does."""
