"""The port of links: which videos short links lead to."""

from abc import ABC, abstractmethod
from datetime import datetime


class LinkNames(ABC):
    """Where short links lead, once a site has said it: the link's canonical URL to the video's."""

    @abstractmethod
    def get(self, canonical_url: str) -> str | None:
        """Read the canonical URL of the video that a link leads to; None if that is not recorded yet."""

    @abstractmethod
    def record(self, canonical_url: str, resolved_url: str, *, now: datetime) -> str:
        """Record where a link leads, unless that is recorded already. Return what is recorded."""
