"""Measure how long a share takes to be done after what worked on it was killed.

A lone share at a time, under `dagster dev` with this project's dagster.yaml and the settings' defaults. At a moment
drawn from the time that an undisturbed share takes, its run's process is killed, or `dagster dev` with everything below
it, which is then started again. What is printed is the time from there to the share's end, the share's own work
included. A share that was done before the moment came is not counted.
"""

import argparse
import os
import random
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from common import PROJECT, Bench, machine, running_pipeline

sys.path.insert(0, str(PROJECT))

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.workers.worker import WorkerKind
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from tests.support.catalog import USER
from tests.support.processes import descendants_of

Kill: TypeAlias = Callable[[Bench, Catalog], bool]

_DEADLINE_SECONDS = 600
_POLL_SECONDS = 0.05
_WARM_UP = 3


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="kills of each kind")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    moments = random.Random(options.seed)  # noqa: S311 - the same moments each time
    print(f"machine: {machine()}; {options.kills} kills of each kind", flush=True)
    with running_pipeline() as bench, open_catalog(load_settings(env_file=None, **settings_of(bench))) as catalog:
        alone = statistics.median([undisturbed(bench, catalog) for _ in range(_WARM_UP + 3)][_WARM_UP:])
        print(f"an undisturbed share: {alone:.1f} s\n\n| killed | p50 | p95 | worst |\n|{' --- |' * 4}", flush=True)
        kinds: Mapping[str, Kill] = {
            "the run's process": kill_runs,
            "all of Dagster, which is started again": kill_everything,
        }
        for words, kill in kinds.items():
            took: list[float] = []
            while len(took) < options.kills:
                took += disturbed(bench, catalog, kill, after_seconds=moments.uniform(0.1, alone))
            figures = (quantile(took, 0.5), quantile(took, 0.95), max(took))
            print(f"| {words} | {' | '.join(f'{seconds:.1f} s' for seconds in figures)} |", flush=True)


def settings_of(bench: Bench) -> dict[str, str]:
    """Return the settings that the catalog is opened with."""
    return {"catalog_url": bench.environment["CATALOG_URL"], "dagster_home": bench.environment["DAGSTER_HOME"]}


def undisturbed(bench: Bench, catalog: Catalog) -> float:
    """Return how long a lone share takes, in seconds."""
    return seconds_until_done(catalog, share(bench, catalog), time.monotonic())


def disturbed(bench: Bench, catalog: Catalog, kill: Kill, *, after_seconds: float) -> Iterator[float]:
    """Yield how long a share takes from a kill on, unless nothing was there to be killed."""
    share_id = share(bench, catalog)
    time.sleep(after_seconds)
    is_working = catalog.shares.get(share_id).status != "done"
    killed = time.monotonic()
    was_killed = kill(bench, catalog)
    seconds = seconds_until_done(catalog, share_id, killed)
    if is_working and was_killed:
        yield seconds


def share(bench: Bench, catalog: Catalog) -> str:
    """Share a link that nobody has shared, and return the share's id."""
    link = bench.short_links(1)[0] + os.urandom(8).hex()
    return catalog.shares.add(url=link, user_id=USER, platform="generic", now=datetime.now(UTC)).share.share_id


def seconds_until_done(catalog: Catalog, share_id: str, began: float) -> float:
    """Wait for the share's end, and return the seconds since `began`."""
    while time.monotonic() - began < _DEADLINE_SECONDS:
        status = catalog.shares.get(share_id).status
        if status == "done":
            return time.monotonic() - began
        if status == "error":
            raise SystemExit(f"expected share {share_id} to be done, found {catalog.work.progress(share_id)}")
        time.sleep(_POLL_SECONDS)
    raise SystemExit(f"expected share {share_id} to be done in {_DEADLINE_SECONDS} s, found it was not")


def kill_runs(_: Bench, catalog: Catalog) -> bool:
    """Kill each process of a run, with what it has started. Return whether there was one."""
    living = catalog.workers.living(now=datetime.now(UTC))
    runs = [worker.pid for worker in living if worker.kind is WorkerKind.RUN]
    for run in runs:
        for pid in [*descendants_of(run), run]:
            end(pid)
    return bool(runs)


def kill_everything(bench: Bench, _: Catalog) -> bool:
    """Kill Dagster and all that it has started, and start it again."""
    first = bench.dagster.pid
    for pid in [*descendants_of(first), first]:
        end(pid)
    bench.dagster.stop()
    bench.dagster.__enter__()
    return True


def end(pid: int) -> None:
    """Kill a process that may be gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def quantile(values: Sequence[float], share_below: float) -> float:
    """Return the value below which that share of the values is, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share_below * len(ordered)))]


if __name__ == "__main__":
    main()
