"""Measure a warm worker's memory over many runs: `python bench/worker_memory.py`.

One process executes the runs as the task of a Celery worker does, on PostgreSQL and with logs in S3. What is left out
is the broker and the daemon. Each run takes one share of a clip of five seconds. With `--new-every 1` each has its
download, storage in S3 and real speech; with 10, nine of ten are shares of a video that is known, and reuse all of it.
Prints the memory of that process, its open files and threads, and the Python objects that a full collection of garbage
leaves; on stderr, of which types there are more than before.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from common import machine

sys.path.insert(0, str(Path(__file__).parents[1]))

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog, upgrade_catalog
from bookmarkai_assets.core.links.urls import HostPort
from bookmarkai_assets.core.shares.ports import AddedShare
from bookmarkai_assets.demo.cluster.postgres import PostgresServer
from bookmarkai_assets.demo.cluster.processes import DEPLOYMENT
from bookmarkai_assets.demo.cluster.rabbitmq import RabbitMQServer
from bookmarkai_assets.demo.cluster.run import cluster_environment
from bookmarkai_assets.demo.samples import SHORT_SAMPLES
from bookmarkai_assets.demo.seaweed import SeaweedServer
from bookmarkai_assets.demo.site import SampleSite
from bookmarkai_assets.operations.shares.intake import add_shares
from tests.support.dagster_internals import make_run_of_partition

PROJECT = Path(__file__).parents[1]
COLUMNS = {
    "rss": "memory MB",
    "uss": "without shared MB",
    "files": "open files",
    "threads": "threads",
    "objects": "objects",
}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--every", type=int, default=50, help="runs between two lines")
    parser.add_argument("--new-every", type=int, default=1, help="one of so many runs fetches and transcribes a video")
    options = parser.parse_args()
    print(f"machine: {machine()}; one of {options.new_every} runs fetches and transcribes", flush=True)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bookmarkai-bench-")))
        postgres = stack.enter_context(PostgresServer())
        seaweed = stack.enter_context(SeaweedServer(directory / "s3", bucket="bench"))
        site = stack.enter_context(SampleSite())
        home = directory / "dagster_home"
        home.mkdir()
        (home / "dagster.yaml").write_text((DEPLOYMENT / "dagster.yaml").read_text())
        os.environ |= {
            **seaweed.variables,
            # Nothing connects to the broker, but the launcher's configuration names it.
            **cluster_environment(postgres, RabbitMQServer(directory / "rabbitmq"), seaweed),
            "DAGSTER_HOME": str(home),
            "STORAGE_MODE": "s3",
            "YTDLP_DOWNLOAD_DIR": str(directory / "media"),
            "YTDLP_ALLOWED_EXTRACTORS": "generic",
            "EGRESS_ALLOWED_HOSTS": site.host_and_port,
            "WHISPER_MODEL": "tiny.en",
            "LEASE_SECONDS": "60",
            "PYTHONPATH": str(PROJECT),
        }
        upgrade_catalog(os.environ["CATALOG_URL"])
        instance = stack.enter_context(dg.DagsterInstance.get())
        catalog = stack.enter_context(open_catalog(os.environ["CATALOG_URL"]))
        worker = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=(directory / "worker.log").open("wb"),
                text=True,
            )
        )
        try:
            measure(
                instance, catalog, site, worker, runs=options.runs, every=options.every, new_every=options.new_every
            )
        except BaseException:
            print((directory / "worker.log").read_text()[-3000:], file=sys.stderr)
            raise
        finally:
            worker.kill()


def measure(
    instance: dg.DagsterInstance,
    catalog: OpenCatalog,
    site: SampleSite,
    worker: subprocess.Popen[str],
    *,
    runs: int,
    every: int,
    new_every: int,
) -> None:
    """Execute the runs in the worker's process, and print a line for every so many."""
    print(f"\n| runs | {' | '.join(COLUMNS.values())} | s a run |\n|{' --- |' * (len(COLUMNS) + 2)}", flush=True)
    assert worker.stdin is not None  # noqa: S101 - as it was started
    assert worker.stdout is not None  # noqa: S101 - as above
    began, before = time.monotonic(), None
    for number in range(1, runs + 1):
        share_id = add(catalog, site, video=(number - 1) // new_every)
        instance.add_dynamic_partitions("shares", [share_id])
        run_id = make_run_of_partition(instance, "share_to_transcript", share_id)
        is_shown = number in {1, 10} or number % every == 0 or number == runs
        worker.stdin.write(f"{run_id} count\n" if is_shown else f"{run_id}\n")
        worker.stdin.flush()
        figures = json.loads(worker.stdout.readline())
        status = catalog.shares.get(share_id).status
        if status != "done":
            raise SystemExit(f"expected the share of run {number} to be done, found {status}")
        if is_shown:
            seconds = (time.monotonic() - began) / number
            values = " | ".join(f"{figures[name]:.0f}" for name in COLUMNS)
            print(f"| {number} | {values} | {seconds:.1f} |", flush=True)
            if before is not None:
                grown = {name: count - before.get(name, 0) for name, count in figures["types"].items()}
                most = sorted(grown.items(), key=lambda one: -one[1])[:5]
                print(f"more since: {', '.join(f'{name} {count:+,}' for name, count in most)}", file=sys.stderr)
            before = figures["types"]


def add(catalog: OpenCatalog, site: SampleSite, *, video: int) -> str:
    """Share a link to the video of this number, as another user each time, and return the share's id."""
    url = f"{site.url}/videos/{SHORT_SAMPLES[-1].file}?n={video}"
    opened = frozenset({HostPort.parse(site.host_and_port)})
    [added] = add_shares(catalog.shares, [url], user_id=str(uuid.uuid4()), allowed_hosts=opened, now=datetime.now(UTC))
    if not isinstance(added, AddedShare):
        raise SystemExit(f"expected {url} to be accepted, found {added}")
    return added.share.share_id


if __name__ == "__main__":
    main()
