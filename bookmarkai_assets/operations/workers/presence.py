"""Announce a worker, and keep its sign of life while it works."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import CatalogUnavailableError
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.workers.worker import Signs, Worker, WorkerKind
from bookmarkai_assets.operations.rollout.current_policy import read_effective_policy
from bookmarkai_assets.operations.shares.leases import heartbeat


@dataclass(frozen=True)
class Process:
    """This process: its host's name and its id there."""

    host: str
    pid: int


@dataclass
class _Worker:
    name: str | None = None


_worker_of_this_process = _Worker()


def name_worker(name: str) -> None:
    """Say that this process, and those that it forks, are a cluster's worker of this name."""
    _worker_of_this_process.name = name


def worker_name() -> str | None:
    """Return the name of the worker that this process belongs to; None on one machine, where each run is a process."""
    return _worker_of_this_process.name


def this_process() -> Process:
    """Return the process that asks."""
    return Process(socket.gethostname(), os.getpid())


@contextmanager
def announced_run(
    catalog: Catalog,
    rules: PipelineRules,
    process: Process,
    *,
    run_id: str,
    job: str,
    clock: Callable[[], datetime],
) -> Iterator[None]:
    """Record that a run is alive for as long as the block lasts. Its sign of life is renewed from a thread.

    A run whose sign has expired is dead, and its place in the queue is freed (`defs/dead_runs`).
    """
    began = clock()
    catalog.workers.announce(
        _make_worker(catalog, rules, process, run_id, WorkerKind.RUN, job=job, now=began, began=began)
    )
    with heartbeat(lambda until: catalog.workers.renew(run_id, until=until), clock=clock, seconds=rules.lease_seconds):
        yield
    # The sign of a run that failed expires by itself. Dagster knows in a moment that the run has ended.
    with suppress(CatalogUnavailableError):
        catalog.workers.leave(run_id)


def announce_daemon(
    catalog: Catalog, rules: PipelineRules, process: Process, *, began: datetime, now: datetime
) -> None:
    """Record that the daemon that this code server works for is alive. To be called at each tick."""
    name = f"daemon {process.host} {process.pid} {began:%Y-%m-%dT%H:%M:%S.%f}"
    catalog.workers.announce(
        _make_worker(catalog, rules, process, name, WorkerKind.DAEMON, job=None, now=now, began=began)
    )


def read_signs(catalog: Catalog, *, now: datetime, start_seconds: float) -> Signs:
    """Read who is alive and who has died. `start_seconds` is how long a worker may take to its first sign."""
    living = frozenset(worker.worker_id for worker in catalog.workers.living(now=now))
    return Signs(living, catalog.workers.expired(now=now), start_seconds)


def _make_worker(
    catalog: Catalog,
    rules: PipelineRules,
    process: Process,
    worker_id: str,
    kind: WorkerKind,
    *,
    job: str | None,
    now: datetime,
    began: datetime,
) -> Worker:
    return Worker(
        worker_id=worker_id,
        kind=kind,
        job=job,
        host=process.host,
        pid=process.pid,
        storage_mode=rules.storage.mode,
        s3_percentage=rules.storage.s3_percentage,
        policy=read_effective_policy(catalog, rules).policy.effect,
        began_at=began,
        expires_at=now + timedelta(seconds=rules.lease_seconds),
    )
