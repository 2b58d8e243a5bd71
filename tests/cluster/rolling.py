"""Upgrades a cluster to the next release while shares come in: the schema first, then one process after the other.

A directory with a release's code stands for its image, and processes for containers. `python -m tests.cluster.rolling`
prints how long it took, and every fault. With `--from DIRECTORY`, a checkout of an earlier release, it upgrades from
that release to this one. Without it, it upgrades from this release to one with one more revision.
"""

import argparse
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from bookmarkai_assets.adapters.celery_worker import check_answer
from bookmarkai_assets.core.health import CheckStatus
from bookmarkai_assets.core.workers.worker import DEFAULT_QUEUE
from bookmarkai_assets.demo.cluster.processes import CODE, DAEMON, WEBSERVER
from bookmarkai_assets.demo.cluster.rabbitmq import is_installed
from bookmarkai_assets.demo.cluster.run import SHARE_JOB
from bookmarkai_assets.demo.programs import ui_answers
from bookmarkai_assets.run_tags import WORKER_TAG
from tests.cluster.judge import faults, repetitions, unfinished_runs
from tests.cluster.live_cluster import LiveCluster, running_cluster
from tests.cluster.release import THIS, Release, code_of_release, next_release
from tests.support.deadlines import PIPELINE_SECONDS
from tests.support.processes import is_running, wait_until

BACKLOG = 6
"""How many shares are open at each moment. On a slow machine fewer come in, so that it never falls behind."""

SETTINGS = {
    # Several runs for each process that is replaced.
    "SENSOR_BATCH_SIZE": "2",
    # As shipped: a new code server takes longer to start than the short lease of the other tests.
    "LEASE_SECONDS": "30",
    # However slow the machine is, a run ends before it would be interrupted, and so no share needs a second attempt.
    "WORKER_STOP_SECONDS": str(PIPELINE_SECONDS),
}
_PING_SECONDS = 2.0
_LOOK_SECONDS = 0.25
_SHARE_SECONDS = 0.5


@dataclass
class Rolling:
    """A rolling upgrade: the shares that came in, how long what took, and what was wrong in the end.

    `stopped` and `started` are seconds by process: from SIGTERM to its end, and from its start until it was ready.
    """

    share_ids: list[str] = field(default_factory=list)
    stopped: dict[str, float] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    schema_seconds: float = 0.0
    seconds: float = 0.0
    seconds_without_worker: float = 0.0
    longest_pause_seconds: float = 0.0
    done_by_old_on_new_schema: int = 0
    runs_of_old_workers: int = 0
    runs_of_new_workers: int = 0
    attempts_over_one: int = 0
    faults: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """Return the figures as one line."""
        each = ", ".join(f"{name} {self.stopped[name]:.1f} + {self.started[name]:.1f}" for name in self.started)
        return (
            f"{len(self.share_ids)} shares, upgrade of {self.seconds:.0f} s: {self.seconds_without_worker:.1f} s "
            f"without any worker, {self.attempts_over_one} attempts over 1; schema {self.schema_seconds:.1f} s; "
            f"{self.done_by_old_on_new_schema} shares done by the old version on the new schema; "
            f"runs: {self.runs_of_old_workers} by old workers, {self.runs_of_new_workers} by new; "
            f"at most {self.longest_pause_seconds:.1f} s between the ends of two shares; "
            f"seconds to stop + to be ready: {each}"
        )


def roll(live: LiveCluster, old: Release, new: Release) -> Rolling:
    """Upgrade a cluster of `old` to `new` in the order of docs/cluster.md while shares come in, and judge it at rest.

    Every process is told to stop, and is awaited as long as it takes, before its successor starts.
    """
    rolling = Rolling(share_ids=live.share(*live.links(BACKLOG)))

    def share_another() -> None:
        if _count_open(live) < BACKLOG:
            rolling.share_ids += live.share(*live.links(1))

    def look_for_workers() -> None:
        if not _has_consumers(live):
            rolling.seconds_without_worker += _LOOK_SECONDS

    wait_until(lambda: "done" in live.statuses(rolling.share_ids), seconds=PIPELINE_SECONDS)
    with repeating(share_another, every=_SHARE_SECONDS), repeating(look_for_workers, every=_LOOK_SECONDS):
        began, began_at = time.monotonic(), datetime.now(UTC)
        _upgrade_schema(live, old, new)
        rolling.schema_seconds, upgraded_at = time.monotonic() - began, datetime.now(UTC)
        wait_until(lambda: _count_done(live, since=upgraded_at) >= BACKLOG, seconds=PIPELINE_SECONDS)
        rolling.done_by_old_on_new_schema = _count_done(live, since=upgraded_at)

        _become(live, new)
        for name in (CODE, DAEMON, WEBSERVER):
            _replace(live, name, rolling)
        told_to_stop = {name: _replace(live, name, rolling) for name in live.cluster.workers}
        rolling.seconds, ended_at = time.monotonic() - began, datetime.now(UTC)
        _refuse_old_code(live, new)
    # Code of the old version, wherever it still ran, would now keep these from being done.
    rolling.share_ids += live.share(*live.links(BACKLOG))
    live.wait_until_ended(rolling.share_ids)
    wait_until(lambda: not unfinished_runs(live), seconds=PIPELINE_SECONDS)
    rolling.longest_pause_seconds = _longest_pause(live, began_at, ended_at)
    rolling.runs_of_old_workers = sum(_count_runs(live, name, until=at) for name, at in told_to_stop.items())
    rolling.runs_of_new_workers = sum(_count_runs(live, name, since=at) for name, at in told_to_stop.items())
    rolling.attempts_over_one = sum(
        max(live.catalog.work.progress(share_id).attempts - 1, 0) for share_id in rolling.share_ids
    )
    rolling.faults = [*faults(live, rolling.share_ids), *repetitions(live, rolling.share_ids)]
    return rolling


@contextmanager
def repeating(act: Callable[[], None], *, every: float) -> Iterator[None]:
    """Repeat something every so many seconds during the block, in a thread. Raises what it raises."""
    is_over = threading.Event()

    def repeat() -> None:
        while not is_over.wait(every):
            act()

    with ThreadPoolExecutor(1) as pool:
        repeated = pool.submit(repeat)
        try:
            yield
        finally:
            is_over.set()
        repeated.result()


def _upgrade_schema(live: LiveCluster, old: Release, new: Release) -> None:
    upgraded = _run(live, new, "catalog", "upgrade")
    assert f"upgraded from revision {old.revisions[-1]} to {new.revisions[-1]}" in upgraded, upgraded
    _run(live, new, "run", "--", sys.executable, "-m", "dagster", "instance", "migrate")
    status = json.loads(_run(live, old, "catalog", "status", "--json"))
    assert (status["found"], status["expected"], status["may_work"]) == (new.revisions[-1], old.revisions[-1], True)


def _become(live: LiveCluster, release: Release) -> None:
    """Have every process that starts from now on be of this release, with its configuration in a fresh home."""
    home = live.cluster.directory / "new_dagster_home"
    home.mkdir()
    shutil.copy(release.deployment / "dagster.yaml", home)
    live.cluster.environment.update({**release.variables, "DAGSTER_HOME": str(home)})


def _replace(live: LiveCluster, name: str, rolling: Rolling) -> float:
    """Stop a process in order, start its successor, and wait until that is ready.

    Returns when the process was told to stop, in seconds since 1970.
    """
    pid, told_to_stop = live.cluster.pid_of(name), time.time()
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not is_running(pid), seconds=PIPELINE_SECONDS)
    live.cluster.stop_process(name)
    stopped = time.time()
    live.cluster.start_process(name)
    wait_until(lambda: _is_ready(live, name), seconds=PIPELINE_SECONDS)
    rolling.stopped[name], rolling.started[name] = stopped - told_to_stop, time.time() - stopped
    return told_to_stop


def _has_consumers(live: LiveCluster) -> bool:
    """Whether a worker takes runs, as RabbitMQ sees it. One that ends its last run takes none."""
    kombu: Any = importlib.import_module("kombu")  # comes with Celery, which `make check` does not install
    with kombu.Connection(live.rabbitmq.url) as connection:
        queue = connection.default_channel.queue_declare(DEFAULT_QUEUE, passive=True)
    return bool(queue.consumer_count)


def _is_ready(live: LiveCluster, name: str) -> bool:
    live.cluster.check_alive()
    match name:
        case "code":
            port = live.cluster.environment["BOOKMARKAI_CODE_PORT"]
            probe = [*_COMMAND, "probe", "ready", "code-server", "--port", port, "--timeout", "60"]
            return subprocess.run(probe, env=live.cluster.environment, capture_output=True, check=False).returncode == 0
        case "daemon":
            return True  # the next share that is done says it
        case "webserver":
            return ui_answers(live.cluster.url)
        case _:
            answer = check_answer(broker_url=live.rabbitmq.url, name=name, timeout_seconds=_PING_SECONDS)
            return answer.status is CheckStatus.PASS


_COMMAND = (sys.executable, "-m", "bookmarkai_assets.cli")


def _run(live: LiveCluster, release: Release, *arguments: str) -> str:
    """Run a command of a release where a process of the cluster would run, and return what it prints."""
    done = subprocess.run(
        [*_COMMAND, *arguments],
        env={**live.cluster.environment, **release.variables},
        cwd=live.cluster.directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _refuse_old_code(live: LiveCluster, new: Release) -> None:
    """Have the schema need code of the new release, as a release after it may do that takes something away."""
    engine = create_engine(live.postgres.url_of("bookmarkai"))
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE bookmarkai_schema_version SET oldest_code = :code"), {"code": new.revisions[-1]}
        )
    engine.dispose()


def _count_done(live: LiveCluster, *, since: datetime) -> int:
    return _count(live, "SELECT count(*) FROM share_work WHERE state = 'done' AND finished_at > :since", since=since)


def _count_open(live: LiveCluster) -> int:
    return _count(live, "SELECT count(*) FROM shares WHERE status NOT IN ('done', 'error')")


def _count(live: LiveCluster, query: str, **values: object) -> int:
    engine = create_engine(live.postgres.url_of("bookmarkai"))
    with engine.connect() as connection:
        count = connection.execute(text(query), values).scalar_one()
    engine.dispose()
    return int(count)


def _count_runs(live: LiveCluster, worker: str, *, since: float = 0.0, until: float = float("inf")) -> int:
    """Count the runs of shares that a worker of this name began between two moments."""
    query = text(
        "SELECT start_time FROM runs JOIN run_tags USING (run_id) "
        "WHERE pipeline_name = :job AND key = :tag AND value = :worker AND start_time IS NOT NULL"
    )
    engine = create_engine(live.postgres.url_of("dagster"))
    with engine.connect() as connection:
        found = connection.execute(query, {"job": SHARE_JOB, "tag": WORKER_TAG, "worker": worker}).scalars().all()
    engine.dispose()
    return sum(since <= start < until for start in found)


def _longest_pause(live: LiveCluster, began: datetime, ended: datetime) -> float:
    """Return the most seconds between the ends of two shares, from the one moment to the other."""
    query = text("SELECT finished_at FROM share_work WHERE finished_at BETWEEN :began AND :ended ORDER BY finished_at")
    engine = create_engine(live.postgres.url_of("bookmarkai"))
    with engine.connect() as connection:
        found = connection.execute(query, {"began": began, "ended": ended}).scalars().all()
    engine.dispose()
    moments: list[datetime] = [began, *found, ended]
    return max([(after - before).total_seconds() for before, after in pairwise(moments)])


def main() -> int:
    """Run it as the arguments say. The exit code is 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="old", type=Path, help="a checkout of the release to upgrade from")
    options = parser.parse_args()
    if not is_installed():
        print("skipped, because it needs Debian's RabbitMQ: apt-get install rabbitmq-server")  # noqa: T201 - a program that prints
        return 0
    with tempfile.TemporaryDirectory(prefix="bookmarkai-rolling-") as directory:
        old = Release(options.old.resolve()) if options.old else THIS
        new = THIS if options.old else next_release(Path(directory) / "next")
        with code_of_release(old), running_cluster(Path(directory), workers=2, **SETTINGS, **old.variables) as live:
            rolling = roll(live, old, new)
    print(rolling.summary())  # noqa: T201 - as above
    for fault in rolling.faults:
        print(f"fault: {fault}")  # noqa: T201 - as above
    return 1 if rolling.faults else 0


if __name__ == "__main__":
    sys.exit(main())
