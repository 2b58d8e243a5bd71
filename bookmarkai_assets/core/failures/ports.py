"""The door to the failures that stand in the catalog."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence

from bookmarkai_assets.core.failures.debt import HeldShares, StandingFailure
from bookmarkai_assets.core.outcomes import Outcome


class FailureTable(ABC):
    """Shares that failed and have not been healed since, as far as nobody has them in hand."""

    @abstractmethod
    def standing(self, *, outcomes: Collection[Outcome] = ()) -> Iterator[StandingFailure]:
        """Read the failures one by one; only those with these outcomes, if any are named.

        Shares that are parked, or wait to be tried again. One that was put off, as by its site's pause, is none, nor is
        one that somebody has set back to pending. Read to the end, or close: a transaction stays open until then.
        """

    @abstractmethod
    def waiting(self) -> Sequence[HeldShares]:
        """Count the shares that were put off, by the site that they wait for."""
