"""A worker's sign of life, and what can be concluded from all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

DEFAULT_QUEUE = "dagster"
"""Where the launcher of a cluster puts a run that has no tag for another queue."""


class WorkerKind(StrEnum):
    """What kind of process gives a sign of life."""

    RUN = "run"
    DAEMON = "daemon"
    """A code server whose sensor picks up shares. Each daemon has one."""


@dataclass(frozen=True)
class Worker:
    """A process that works on this installation.

    `worker_id` is the id of its Dagster run, or names the process. `job` is the run's job. `storage_mode` and
    `s3_percentage` are its settings, and `policy` says where it sent new media when it began. It is alive until
    `expires_at`, unless it renews that.
    """

    worker_id: str
    kind: WorkerKind
    job: str | None
    host: str
    pid: int
    storage_mode: str
    s3_percentage: int
    policy: str
    began_at: datetime
    expires_at: datetime

    @property
    def process(self) -> str:
        """The process in words."""
        return f"process {self.pid} on {self.host}"

    @property
    def settings(self) -> tuple[str, int]:
        """The settings on which all workers of an installation should agree."""
        return self.storage_mode, self.s3_percentage


@dataclass(frozen=True)
class Signs:
    """The ids of the workers that are alive, and of those whose sign has expired.

    A worker that is neither has `start_seconds` from its launch to give its first sign.
    """

    living: frozenset[str]
    expired: frozenset[str]
    start_seconds: float

    def is_dead(self, worker_id: str, *, launched_seconds_ago: float) -> bool:
        """Whether a worker has died: its sign has expired, or it should have given one and did not."""
        if worker_id in self.living:
            return False
        return worker_id in self.expired or launched_seconds_ago > self.start_seconds


def daemons_of(workers: Iterable[Worker]) -> Sequence[Worker]:
    """Return the daemons among these workers, the oldest first. More than one is one too many."""
    return sorted((one for one in workers if one.kind is WorkerKind.DAEMON), key=lambda one: one.began_at)


def odd_ones_out(workers: Iterable[Worker], storage_mode: str, s3_percentage: int) -> Sequence[Worker]:
    """Return the workers whose settings for storage are others than these, the oldest first."""
    expected = storage_mode, s3_percentage
    return sorted((one for one in workers if one.settings != expected), key=lambda one: one.began_at)
