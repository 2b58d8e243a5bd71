"""Measure a warm worker's memory over many runs: `python bench/worker_memory.py`.

A cluster of one worker, as deploy/cluster has it, with the model that transcribes loaded once. Each share is a clip of
some seconds and a run of its own, with its real download, storage in S3 and speech. The worker's own limits are off.
Prints the memory of the process that has the runs, and its open files and threads. Then the limits are on, and each
process must have had as many runs as it may, and no more. Needs Debian's rabbitmq-server.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
from common import machine

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.cluster.live_cluster import LiveCluster, running_cluster

_POLL_SECONDS = 0.2
_MB = 1e6
BATCH = 25
"""Shares that are shared at a time. The sensor gives each a run of its own."""

ONE_BY_ONE = {"SENSOR_BATCH_SIZE": "1", "SENSOR_BATCHES_PER_TICK": str(BATCH), "LEASE_SECONDS": "60"}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--every", type=int, default=50, help="runs between two lines")
    parser.add_argument("--limit", type=int, default=5, help="runs of a process, for the second part; 0 leaves it out")
    options = parser.parse_args()
    print(f"machine: {machine()}", flush=True)
    measure(options.runs, options.every)
    if options.limit:
        check_limit(options.limit, processes=3)


def measure(runs: int, every: int) -> None:
    """Print a line for every so many runs of one process."""
    print(f"\n| runs | memory MB | without shared MB | open files | threads | s a run |\n|{' --- |' * 6}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as directory,
        running_cluster(
            Path(directory), workers=1, WORKER_MAX_RUNS="0", WORKER_MAX_MEMORY_BYTES="0", **ONE_BY_ONE
        ) as live,
    ):
        done, began, first = 0, time.monotonic(), process_of_runs(live)
        while done < runs:
            count = min(BATCH, every - done % every, runs - done)
            run(live, count)
            done += count
            process = process_of_runs(live)
            if process.pid != first.pid:
                raise SystemExit(f"expected one process for all runs, found that {process.pid} followed {first.pid}")
            if done % every == 0 or done in (runs, BATCH):
                memory = process.memory_full_info()
                seconds = (time.monotonic() - began) / done
                print(
                    f"| {done} | {memory.rss / _MB:.0f} | {memory.uss / _MB:.0f} | {process.num_fds()} | "
                    f"{process.num_threads()} | {seconds:.1f} |",
                    flush=True,
                )


def check_limit(limit: int, *, processes: int) -> None:
    """Print how many runs each process had, of as many shares as these processes may have."""
    with (
        tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as directory,
        running_cluster(Path(directory), workers=1, WORKER_MAX_RUNS=str(limit), **ONE_BY_ONE) as live,
    ):
        runs: Counter[int] = Counter()
        for _ in range(limit * processes):
            process = process_of_runs(live).pid
            run(live, 1)
            runs[process] += 1
    print(f"\nlimit of {limit} runs a process: {', '.join(map(str, runs.values()))} runs, no share lost", flush=True)
    if set(runs.values()) != {limit}:
        raise SystemExit(f"expected {limit} runs of each process, found {dict(runs)}")


def run(live: LiveCluster, count: int) -> None:
    """Share so many links and wait for their transcripts. Exits if one has failed."""
    shares = live.share(*live.links(count))
    while not live.have_ended(shares):
        time.sleep(_POLL_SECONDS)
    if set(live.statuses(shares)) != {"done"}:
        raise SystemExit(f"expected every share to be done, found {Counter(live.statuses(shares))}")


def process_of_runs(live: LiveCluster) -> psutil.Process:
    """Wait for the process that the worker has its runs in, and return it."""
    worker = psutil.Process(live.cluster.pid_of(live.cluster.workers[0]))
    while not (children := worker.children()):
        time.sleep(_POLL_SECONDS)
    return children[0]


if __name__ == "__main__":
    main()
