"""Kills the parts of a cluster at random moments while shares come in, and then judges what is left.

`python -m tests.cluster.chaos --kills 300` prints what was killed, how long the shares took, and every fault.
"""

import argparse
import importlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bookmarkai_assets.core.errors import CatalogUnavailableError
from bookmarkai_assets.core.workers.worker import DEFAULT_QUEUE
from bookmarkai_assets.demo.cluster.processes import CODE, DAEMON
from bookmarkai_assets.demo.cluster.rabbitmq import is_installed
from tests.cluster.judge import faults, unfinished_runs
from tests.cluster.live_cluster import LiveCluster, running_cluster
from tests.support.deadlines import PIPELINE_SECONDS
from tests.support.processes import children_of, wait_until
from tests.support.stopped_server import resume, stop

SHARES_PER_KILL = 2
_PAUSE_SECONDS = (0.3, 4.0)
_REST_SECONDS = 300
_S3_AWAY_SECONDS = 3
_SECONDS_PER_KILL = 10

Kill = Callable[[LiveCluster, random.Random], None]


@dataclass
class Chaos:
    """What was killed, which shares came in meanwhile, and what was wrong in the end."""

    killed: Counter[str] = field(default_factory=Counter)
    share_ids: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


def make_chaos(live: LiveCluster, *, kills: int, seed: int, kinds: Mapping[str, int] | None = None) -> Chaos:
    """Kill as often as is asked for, each time something drawn by its weight, and judge the cluster at rest."""
    chance = random.Random(seed)  # noqa: S311 - the same kills each time
    chaos, began = Chaos(), time.monotonic()
    weights = kinds or WEIGHTS
    for _ in range(kills):
        chaos.share_ids += live.share(*live.links(SHARES_PER_KILL))
        time.sleep(chance.uniform(*_PAUSE_SECONDS))
        (what,) = chance.choices(list(weights), weights=list(weights.values()))
        KILLS[what](live, chance)
        chaos.killed[what] += 1
    # What was killed late comes back last, and each time a lease has to run out first.
    wait_until(lambda: live.have_ended(chaos.share_ids), seconds=PIPELINE_SECONDS + _SECONDS_PER_KILL * kills)
    wait_until(lambda: not unfinished_runs(live), seconds=_REST_SECONDS)
    chaos.faults = faults(live, chaos.share_ids)
    chaos.seconds = time.monotonic() - began
    return chaos


def kill_run(live: LiveCluster, chance: random.Random) -> None:
    """Kill the process that runs are in, below a worker. The worker replaces it."""
    for child in children_of(live.cluster.pid_of(chance.choice(live.cluster.workers))):
        os.kill(child, signal.SIGKILL)


def kill_worker(live: LiveCluster, chance: random.Random) -> None:
    """Kill a worker with all below it, and start it again."""
    _kill_and_start(live, chance.choice(live.cluster.workers))


def kill_daemon(live: LiveCluster, _: random.Random) -> None:
    """Kill Dagster's daemon, and start it again."""
    _kill_and_start(live, DAEMON)


def kill_code_server(live: LiveCluster, _: random.Random) -> None:
    """Kill the code server, and start it again."""
    _kill_and_start(live, CODE)


def restart_broker(live: LiveCluster, _: random.Random) -> None:
    """Kill RabbitMQ, and start it again with what it had on disk."""
    assert live.rabbitmq.pid is not None
    os.killpg(live.rabbitmq.pid, signal.SIGKILL)
    live.rabbitmq.stop()
    live.rabbitmq.start()


def stop_s3(live: LiveCluster, _: random.Random) -> None:
    """Have the S3 server hang for some seconds."""
    stop(live.seaweed)
    time.sleep(_S3_AWAY_SECONDS)
    resume(live.seaweed)


def stop_postgres(live: LiveCluster, _: random.Random) -> None:
    """Stop PostgreSQL at once, with every connection of everybody broken, and start it again."""
    live.postgres.restart_without_warning()
    wait_until(lambda: _answers(live))


def purge_queue(live: LiveCluster, _: random.Random) -> None:
    """Delete every run that waits in RabbitMQ, as a person may who tidies up. Dagster believes them to be starting."""
    kombu: Any = importlib.import_module("kombu")  # comes with Celery, which `make check` does not install
    with kombu.Connection(live.rabbitmq.url) as connection:
        connection.default_channel.queue_purge(DEFAULT_QUEUE)


def _answers(live: LiveCluster) -> bool:
    try:
        live.catalog.work.open_claims(expiring_before=datetime.now(UTC))
    except CatalogUnavailableError:
        return False
    return True


def _kill_and_start(live: LiveCluster, name: str) -> None:
    os.killpg(live.cluster.pid_of(name), signal.SIGKILL)
    live.cluster.stop_process(name)
    live.cluster.start_process(name)


KILLS: Mapping[str, Kill] = {
    "run": kill_run,
    "worker": kill_worker,
    "daemon": kill_daemon,
    "code server": kill_code_server,
    "broker": restart_broker,
    "S3": stop_s3,
    "PostgreSQL": stop_postgres,
    "queue": purge_queue,
}
WEIGHTS = {"run": 8, "worker": 8, "daemon": 3, "code server": 2, "broker": 1, "S3": 2, "PostgreSQL": 2, "queue": 2}


def main() -> int:
    """Run it as the arguments say. The exit code is 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=KILLS, action="append", help="kill nothing but this (repeatable)")
    options = parser.parse_args()
    if not is_installed():
        print("skipped, because it needs Debian's RabbitMQ: apt-get install rabbitmq-server")  # noqa: T201 - a program that prints
        return 0
    with tempfile.TemporaryDirectory(prefix="bookmarkai-chaos-") as directory, running_cluster(Path(directory)) as live:
        chaos = make_chaos(live, kills=options.kills, seed=options.seed, kinds=dict.fromkeys(options.only or (), 1))
    print(f"{chaos.killed.total()} kills in {chaos.seconds:.0f} s: {dict(chaos.killed)}; {len(chaos.share_ids)} shares")  # noqa: T201 - as above
    for fault in chaos.faults:
        print(f"fault: {fault}")  # noqa: T201 - as above
    return 1 if chaos.faults else 0


if __name__ == "__main__":
    sys.exit(main())
