"""The ports to what the rollout keeps in the catalog: totals of events, decisions, verifications, positions."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bookmarkai_assets.core.rollout.stages import Decision
from bookmarkai_assets.core.rollout.tallies import Totals
from bookmarkai_assets.core.rollout.windows import Resolution, Window


@dataclass(frozen=True)
class RollUpProgress:
    """How far events are added up: `position` is that of `EventLog.after`, `events` is how many were added now."""

    position: int
    events: int
    is_complete: bool


class EventTotals(ABC):
    """Storage events rolled up by resolution, series and latency bin, so that a metric costs the same after years."""

    @abstractmethod
    def roll_up(self, *, limit: int = 10_000) -> RollUpProgress:
        """Add the next events, at most `limit`, to the totals, in one transaction with the position.

        Each event counts once, also if two processes roll up at once or one dies. An event that arrives late is added
        where it belongs.
        """

    @abstractmethod
    def remove_counted(self, *, before: datetime, limit: int = 2_000) -> int:
        """Remove the oldest of the events that are in the totals and happened before that moment.

        Looks at `limit` events in one short transaction, and returns how many it removed. Fewer than `limit` means that
        no more of them can go. The newest event stays in any case, so that its position is never given to another.
        """

    @abstractmethod
    def totals(self, window: Window, *, with_latencies: bool = True) -> Totals:
        """Return the totals of a window on the five-minute grid, by series, as far as they are rolled up.

        Without the latencies' bins it costs a fraction over a long window, because the database adds up.
        """

    @abstractmethod
    def all_time(self) -> Totals:
        """Return the totals of all events ever, by series, as far as they are rolled up. They only ever grow."""

    @abstractmethod
    def steps(self, window: Window, resolution: Resolution) -> Mapping[datetime, Totals]:
        """Return the totals of each interval in a window, by the interval's start.

        Intervals have the length of the resolution, and the window begins and ends on their boundaries. Intervals
        without events are left out.
        """

    @abstractmethod
    def first_event_at(self) -> datetime | None:
        """Return the start of the first five minutes that have events; None without any."""

    @abstractmethod
    def events_from(self, moment: datetime) -> int:
        """Count the rolled-up events of the five minutes of `moment` and later.

        When that is now, they come from clocks that are ahead of ours.
        """


@dataclass(frozen=True)
class RecordedVerification:
    """The result of a comparison of catalog, disk and bucket: when it began, and its counts by finding."""

    verified_at: datetime
    is_deep: bool
    is_good: bool
    missing: int
    different: int
    unverified: int
    counts: Mapping[str, int]


class RolloutLedger(ABC):
    """The rollout's decisions, and the verifications that the gate relies on. Rows are only ever appended."""

    @abstractmethod
    def append(self, decision: Decision) -> Decision:
        """Append a decision, and return it with its id.

        Raises `RolloutConflictError` when another one has been appended since `previous_id`; nothing is kept then.
        """

    @abstractmethod
    def history(self, *, limit: int | None = None, with_advice: bool = True) -> Sequence[Decision]:
        """Return the decisions, oldest first; only the newest `limit`, if one is given.

        Only decisions that are not advice change the state, and there are few of them over the years. Of advice there
        may be hundreds of rows a day.
        """

    @abstractmethod
    def standing(self) -> Decision | None:
        """Return the newest decision that is not advice, None without any. Costs one indexed read."""

    @abstractmethod
    def record_verification(self, verification: RecordedVerification) -> None:
        """Append the result of a verification."""

    @abstractmethod
    def last_verification(self) -> RecordedVerification | None:
        """Return the newest verification, None without any."""


class Cursors(ABC):
    """Positions that must outlive a process and belong to the catalog rather than to Dagster, by name."""

    @abstractmethod
    def get(self, name: str) -> str | None:
        """Return a position, None before the first."""

    @abstractmethod
    def set(self, name: str, position: str) -> None:
        """Set a position."""
