"""Measure a cluster of two workers on this machine: a lone share when all is warm, and one whose worker is killed.

PostgreSQL, RabbitMQ, SeaweedFS, code server, daemon, webserver and workers as deploy/cluster has them, with the
settings' defaults. A lone share is timed from its row in the catalog to its transcript. For the second line the workers
are killed, with all below them, at a moment drawn from the time that a lone share takes, and started again at once;
what is printed is the time from the kill to the share's transcript, its own work included. Needs Debian's
rabbitmq-server.
"""

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from common import machine

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.cluster.live_cluster import LiveCluster, running_cluster

_WARM_UP = 4
_POLL_SECONDS = 0.05
DEFAULT_LEASE_SECONDS = "30"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shares", type=int, default=20, help="lone shares")
    parser.add_argument("--kills", type=int, default=20, help="kills of a worker")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    moments = random.Random(options.seed)  # noqa: S311 - the same moments each time
    print(f"machine: {machine()}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as directory,
        running_cluster(Path(directory), LEASE_SECONDS=DEFAULT_LEASE_SECONDS) as live,
    ):
        warm = [lone(live) for _ in range(_WARM_UP + options.shares)][_WARM_UP:]
        print(f"\n| | n | p50 | p95 | worst |\n|{' --- |' * 5}")
        show("a lone share, warm", warm)
        disturbed: list[float] = []
        while len(disturbed) < options.kills:
            disturbed += killed(live, moments, within_seconds=statistics.median(warm))
        show("a share whose worker was killed", disturbed)


def show(what: str, seconds: list[float]) -> None:
    """Print a line of the table."""
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    figures = (statistics.median(ordered), p95, ordered[-1])
    print(f"| {what} | {len(ordered)} | {' | '.join(f'{one:.1f} s' for one in figures)} |", flush=True)


def lone(live: LiveCluster) -> float:
    """Return how long a lone share takes, in seconds."""
    began = time.monotonic()
    wait(live, live.share(*live.links(1)))
    return time.monotonic() - began


def killed(live: LiveCluster, moments: random.Random, *, within_seconds: float) -> Iterator[float]:
    """Yield how long a share takes from the kill of its worker on, unless it was done before."""
    (share,) = live.share(*live.links(1))
    time.sleep(moments.uniform(0.1, within_seconds))
    was_done = live.have_ended([share])
    began = time.monotonic()
    for worker in live.cluster.workers:  # either may have it
        with suppress(ProcessLookupError):
            os.killpg(live.cluster.pid_of(worker), signal.SIGKILL)
        live.cluster.stop_process(worker)
        live.cluster.start_process(worker)
    wait(live, [share])
    if not was_done:
        yield time.monotonic() - began


def wait(live: LiveCluster, shares: list[str]) -> None:
    """Wait until the shares have ended."""
    while not live.have_ended(shares):
        time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    main()
