"""Measure the CPU time of a tick of `new_shares`, by how many partitions there are.

Catalog and Dagster's storage are SQLite files. A tick finds one new share, or one that is to be retried whose partition
is the oldest, or a full tick of new shares. The partitions that it asks for are added, as the daemon does it. A tick
before these, which imports what it needs, is not counted.
"""

import argparse
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from common import machine

sys.path.insert(0, str(Path(__file__).parents[1]))  # for what is shared with the tests

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.definitions import build_defs
from bookmarkai_assets.settings.settings import Settings, load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.support.catalog import GONE, add_share

_FULL = 80
_KEYS_AT_A_TIME = 1_000
_NO_END_SECONDS = 3600


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--partitions", type=int, nargs="+", default=[1, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"machine: {machine()}; CPU seconds of a tick, median (minimum to maximum) of {options.rounds}")
    print(f"\n| partitions | one new share | one retried share | {_FULL} new shares |")
    print(f"|{' --- |' * 4}")
    for count in options.partitions:
        with tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as name:
            cells = [
                f"{statistics.median(taken):.3f} ({min(taken):.3f} to {max(taken):.3f})"
                for taken in measure(Path(name), count, options.rounds)
            ]
        print(f"| {count:,} | {' | '.join(cells)} |", flush=True)


def measure(directory: Path, count: int, rounds: int) -> list[list[float]]:
    """Return the CPU seconds of the ticks of each kind."""
    url, home = f"sqlite:///{directory / 'catalog.db'}", directory / "home"
    settings = load_settings(
        env_file=None, catalog_url=url, ytdlp_download_dir=directory / "media", lease_seconds=_NO_END_SECONDS
    )
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance, open_catalog(url) as catalog:
        old = add_share(catalog)
        catalog.work.park(old, GONE, now=datetime.now(UTC))
        keys = [old, *(str(uuid.uuid4()) for _ in range(count - 1))]
        for start in range(0, count, _KEYS_AT_A_TIME):
            instance.add_dynamic_partitions("shares", keys[start : start + _KEYS_AT_A_TIME])
        tick = make_tick(settings, instance, catalog)
        add_share(catalog)
        tick()
        taken: list[list[float]] = [[], [], []]
        for _ in range(rounds):
            add_share(catalog)
            taken[0].append(tick())
            catalog.work.retry([old], now=datetime.now(UTC))
            taken[1].append(tick())
            catalog.work.park(old, GONE, now=datetime.now(UTC))
            for _ in range(_FULL):
                add_share(catalog)
            taken[2].append(tick())
    return taken


def make_tick(settings: Settings, instance: dg.DagsterInstance, catalog: OpenCatalog) -> Callable[[], float]:
    """Return a function that evaluates a tick and returns its CPU seconds."""
    sensor = build_defs(settings).resolve_sensor_def("new_shares")
    resources = {"catalog": catalog, "rules": make_rules(settings)}

    def tick() -> float:
        began = time.process_time()
        with dg.build_sensor_context(instance=instance, resources=resources) as context:
            result = sensor(context)
        if not isinstance(result, dg.SensorResult):
            raise SystemExit(f"expected runs of each tick, found {result}")
        for request in result.dynamic_partitions_requests or ():
            instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        return time.process_time() - began

    return tick


if __name__ == "__main__":
    main()
