"""The doors to what the rollout keeps in the catalog: totals of events, decisions, verifications, incidents."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bookmarkai_assets.core.rollout.stages import Decision
from bookmarkai_assets.core.rollout.tallies import Totals
from bookmarkai_assets.core.rollout.windows import Span, Window


@dataclass(frozen=True)
class RollUpProgress:
    """How far events are added up: `position` is that of `EventLog.after`, `events` how many were added just now."""

    position: int
    events: int
    is_complete: bool


class EventTotals(ABC):
    """Storage events added up by span, series and latency bin, so that a metric costs the same after years."""

    @abstractmethod
    def roll_up(self, *, limit: int = 10_000) -> RollUpProgress:
        """Add the next events, at most `limit`, to the totals, in one transaction with the position.

        Each event counts once, also when two processes roll up at once and when one dies. An event that arrives late is
        added where it belongs.
        """

    @abstractmethod
    def totals(self, window: Window) -> Totals:
        """Give the totals of a window on the five-minute grid, by series, as far as they are rolled up."""

    @abstractmethod
    def steps(self, window: Window, span: Span) -> Mapping[datetime, Totals]:
        """Give the totals of each span of a window that begins and ends on that span's boundaries, by its start.

        Spans without events are left out.
        """

    @abstractmethod
    def first_event_at(self) -> datetime | None:
        """Give the start of the first five minutes that have events; None without any."""

    @abstractmethod
    def events_from(self, moment: datetime) -> int:
        """Count the rolled-up events of the five minutes of `moment` and later.

        When that is now, they come from clocks that are ahead of ours.
        """


@dataclass(frozen=True)
class RecordedVerification:
    """What a comparison of catalog, disk and bucket found: when it began, and its counts by finding."""

    verified_at: datetime
    is_deep: bool
    is_good: bool
    missing: int
    different: int
    unverified: int
    counts: Mapping[str, int]


class RolloutLedger(ABC):
    """The rollout's decisions, and the verifications that it relies on. Rows are only ever appended."""

    @abstractmethod
    def append(self, decision: Decision) -> Decision:
        """Keep a decision and give it with its id.

        Raises `RolloutConflictError` when another has been kept since `previous_id`; nothing is kept then.
        """

    @abstractmethod
    def history(self, *, limit: int | None = None, with_advice: bool = True) -> Sequence[Decision]:
        """Read the decisions, oldest first; only the newest `limit`, if one is given.

        Those that are not advice are few, whatever the gate has said over the years, and what changes a state is theirs
        alone; of the others there may be hundreds a day.
        """

    @abstractmethod
    def standing(self) -> Decision | None:
        """Read the newest decision that is not advice: what the next placement follows. Costs one indexed look."""

    @abstractmethod
    def record_verification(self, verification: RecordedVerification) -> None:
        """Keep what a verification found."""

    @abstractmethod
    def last_verification(self) -> RecordedVerification | None:
        """Read the newest verification."""


class Cursors(ABC):
    """Positions that must outlive a process and belong to the catalog rather than to Dagster, by name."""

    @abstractmethod
    def get(self, name: str) -> str | None:
        """Read a position."""

    @abstractmethod
    def set(self, name: str, position: str) -> None:
        """Keep a position."""
