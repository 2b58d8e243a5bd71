"""The port of workers: who is alive, and under which settings."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime

from bookmarkai_assets.core.workers.worker import Worker


class WorkerTable(ABC):
    """The workers that have given a sign of life, by id."""

    @abstractmethod
    def announce(self, worker: Worker) -> None:
        """Record a worker, or replace what is recorded under its id. Forget those that expired over a day ago."""

    @abstractmethod
    def renew(self, worker_id: str, *, until: datetime) -> None:
        """Record that a worker is alive, until `until`. Nothing happens if none has this id."""

    @abstractmethod
    def leave(self, worker_id: str) -> None:
        """Remove a worker that has ended."""

    @abstractmethod
    def living(self, *, now: datetime) -> Sequence[Worker]:
        """Return the workers that are alive at `now`, the oldest first."""

    @abstractmethod
    def expired(self, *, now: datetime) -> frozenset[str]:
        """Return the ids of the workers whose sign of life has expired by `now`: they died, or hang."""
