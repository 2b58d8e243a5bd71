"""The port of the failures that stand, for the retry debt."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence

from bookmarkai_assets.core.failures.debt import PostponedShares, StandingFailure
from bookmarkai_assets.core.outcomes import Outcome


class FailureTable(ABC):
    """Shares that failed, have not succeeded since, and that nobody works on now."""

    @abstractmethod
    def standing(self, *, outcomes: Collection[Outcome] = ()) -> Iterator[StandingFailure]:
        """Read the failures one by one; only those with these outcomes, if any are given.

        These are the shares that are parked or wait for a retry. A share that was postponed, for example because its
        site is paused, is not one of them, nor is one that somebody has set back to pending. Read the iterator to its
        end or close it: a transaction stays open until then.
        """

    @abstractmethod
    def waiting(self) -> Sequence[PostponedShares]:
        """Count the postponed shares by the site that they wait for."""
