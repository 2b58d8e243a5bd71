"""What may be forgotten: Dagster's old runs, the partitions of shares that were done long ago, old storage events.

The catalog is the truth, and nothing else in it goes by these rules. Media have rules of their own, in
`media.retention`.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


@dataclass(frozen=True)
class HistoryRules:
    """How long runs, partitions and the catalog's storage events are kept, in days; None means forever."""

    run_days: int | None
    partition_days: int | None
    event_days: int | None = None


class Kept(StrEnum):
    """Why a run or a partition was kept although it is old."""

    IS_LATEST = "is_latest"
    HAS_PARTITION = "has_partition"
    NOT_DONE = "not_done"
    NOT_OLD = "not_old"
    IN_USE = "in_use"
    NO_SHARE = "no_share"


@dataclass(frozen=True)
class OldRun:
    """A run that ended long ago. `partitions` are its partition, or the first and the last one of its range."""

    run_id: str
    partitions: tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    """One thing that a run has recorded of an asset: that it was materialized, observed or checked.

    `kind` is `materialization`, `observation` or the check's name with `check:` before it. `partition` is None for an
    asset without partitions.
    """

    kind: str
    asset: str
    partition: str | None


@dataclass(frozen=True)
class PartitionState:
    """What the catalog and Dagster know of one share's partition. `finished_at` is None until the share ended."""

    is_share: bool
    is_done: bool
    is_in_use: bool
    finished_at: datetime | None


def cutoff(days: int | None, now: datetime) -> datetime | None:
    """Return the moment before which something is old; None if nothing ever is."""
    return None if days is None else now - timedelta(days=days)


def why_run_stays(run: OldRun, listed: Collection[str]) -> Kept | None:
    """Return why an old run stays before anything of it is read: it names a partition that Dagster lists.

    A share's run is the only one that says how the share came to be, and goes with its partition.
    """
    return Kept.HAS_PARTITION if any(name in listed for name in run.partitions) else None


def can_be_latest(fact: Fact, listed: Collection[str], share_assets: Collection[str]) -> bool:
    """Whether anybody would look for a fact: not if it is of a share's partition that Dagster no longer lists."""
    is_of_share = fact.asset in share_assets and fact.partition is not None
    return not is_of_share or fact.partition in listed


def why_partition_stays(state: PartitionState, *, finished_before: datetime) -> Kept | None:
    """Return why a partition stays in Dagster's lists; None if it may leave them.

    Only the partition of a share that is done may. One that failed is part of the retry debt, and one that is no
    share is for a person to judge.
    """
    if not state.is_share:
        return Kept.NO_SHARE
    if not state.is_done or state.finished_at is None:
        return Kept.NOT_DONE
    if state.finished_at >= finished_before:
        return Kept.NOT_OLD
    return Kept.IN_USE if state.is_in_use else None


class DagsterHistory(ABC):
    """What Dagster keeps of the past. Each call is short, so that nobody waits for one."""

    @abstractmethod
    def old_runs(self, *, ended_before: datetime, after: str | None, limit: int) -> Sequence[OldRun]:
        """Read runs that have ended and did not change since that moment, the oldest first.

        `after` is the id of a run that was kept: the runs after it are read.
        """

    @abstractmethod
    def facts(self, run_id: str) -> Sequence[Fact]:
        """Read what a run has recorded of assets."""

    @abstractmethod
    def latest_run(self, fact: Fact) -> str | None:
        """Return the id of the run that recorded the latest of this kind; None if no run did."""

    @abstractmethod
    def remove_run(self, run_id: str) -> int:
        """Remove a run, its events and its logs, and return the bytes of the files that went.

        A removal that was interrupted can be repeated: the run's own row goes last.
        """

    @abstractmethod
    def partitions(self) -> Sequence[str]:
        """Read the keys of the shares' partitions, in the order in which they were added."""

    @abstractmethod
    def partitions_in_use(self) -> Collection[str]:
        """Read which partitions a run or a backfill that has not ended works on, or may work on."""

    @abstractmethod
    def remove_partition(self, key: str) -> None:
        """Take a partition out of Dagster's lists. Its events stay."""

    @abstractmethod
    def forget_statuses(self) -> None:
        """Have Dagster work out anew which partitions are materialized, without those that were removed."""
