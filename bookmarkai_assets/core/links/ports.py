"""The ports of links: what short links were found to stand for."""

from abc import ABC, abstractmethod
from datetime import datetime


class LinkNames(ABC):
    """What the short links of sites stand for, as far as a site has said it: canonical URL to canonical URL."""

    @abstractmethod
    def get(self, canonical_url: str) -> str | None:
        """Read which video's canonical URL a link's canonical URL stands for; None when nobody has asked the site."""

    @abstractmethod
    def record(self, canonical_url: str, resolved_url: str, *, now: datetime) -> str:
        """Remember what a link stands for; the first answer stays. Gives the one that is remembered."""
