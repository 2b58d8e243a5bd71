"""The cluster as deploy/cluster has it: what runs where, and what happens when its parts die."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.demo.cluster.rabbitmq import is_installed
from bookmarkai_assets.demo.cluster.run import problems_of_runs, wait_for_runs
from bookmarkai_assets.demo.samples import SHORT_SAMPLES
from bookmarkai_assets.run_tags import WORKER_TAG
from tests.cluster.chaos import make_chaos
from tests.cluster.judge import client_of, faults, unfinished_runs
from tests.cluster.live_cluster import LEASE_SECONDS, LiveCluster, running_cluster
from tests.support.deadlines import PIPELINE_SECONDS
from tests.support.processes import children_of, wait_until

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not is_installed(), reason="needs Debian's RabbitMQ: apt-get install rabbitmq-server"),
]

KILLS = 20
TRIES = 5


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCluster]:
    """Return a running cluster with two workers."""
    try:
        with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
            yield running
    except ConfigurationError as missing:
        pytest.skip(str(missing))


def test_both_workers_take_runs(live: LiveCluster) -> None:
    """While one works, the other takes what comes in. Each run says which of them had it."""
    shares: list[str] = []
    for number in range(TRIES):  # a worker may still be starting when the first run is sent
        path = f"/held-{number}.mp4"
        (held,) = live.share(live.odd_site.silent(path))
        wait_until(lambda path=path: path in live.odd_site.asked, seconds=PIPELINE_SECONDS)  # type: ignore[misc]
        others = live.share(*live.links(2))
        assert live.wait_until_ended(others) == ["done", "done"]
        live.odd_site.file(path, SHORT_SAMPLES[0].path.read_bytes())
        assert live.wait_until_ended([held]) == ["done"]
        shares += [held, *others]
        if {run.worker for run in wait_for_runs(live.cluster.url)} == set(live.cluster.workers):
            break
    runs = wait_for_runs(live.cluster.url)
    assert problems_of_runs(runs, live.cluster.workers) == []
    assert {run.worker for run in runs} == set(live.cluster.workers)
    wait_until(lambda: not unfinished_runs(live), seconds=PIPELINE_SECONDS)
    assert faults(live, shares) == []


def test_the_logs_of_runs_are_in_the_bucket(live: LiveCluster) -> None:
    """What a step prints is read by the webserver from S3, whichever machine the run was on."""
    (share,) = live.share(*live.links(1))
    live.wait_until_ended([share])
    (run,) = live.graphql.runs_of(share)
    wait_until(lambda: any(run["id"] in key for key in keys_of_logs(live)))


def test_a_frozen_worker_commits_nothing(live: LiveCluster) -> None:
    """A run that freezes for longer than its lease finds its share done by another, and changes nothing of it."""
    path = "/frozen.mp4"
    (share,) = live.share(live.odd_site.silent(path))
    wait_until(lambda: path in live.odd_site.asked, seconds=PIPELINE_SECONDS)
    (frozen,) = children_of(live.cluster.pid_of(worker_with(live, share)))
    os.kill(frozen, signal.SIGSTOP)
    live.odd_site.file(path, SHORT_SAMPLES[0].path.read_bytes())
    try:
        assert live.wait_until_ended([share]) == ["done"]
        before = _records_of(live, share)
    finally:
        os.kill(frozen, signal.SIGCONT)
    wait_until(lambda: not unfinished_runs(live), seconds=PIPELINE_SECONDS)
    other = live.share(*live.links(2))
    assert live.wait_until_ended(other) == ["done", "done"]
    wait_until(lambda: not unfinished_runs(live), seconds=PIPELINE_SECONDS)
    assert _records_of(live, share) == before
    assert faults(live, [share, *other]) == []


def test_a_killed_workers_share_comes_back_soon(live: LiveCluster) -> None:
    """It is due again within 15 seconds of the end of its lease, while the dead run has freed its place."""
    path = "/killed.mp4"
    (share,) = live.share(live.odd_site.silent(path))
    wait_until(lambda: path in live.odd_site.asked, seconds=PIPELINE_SECONDS)
    live.odd_site.file(path, SHORT_SAMPLES[1].path.read_bytes())
    worker = worker_with(live, share)
    killed = time.monotonic()
    os.killpg(live.cluster.pid_of(worker), signal.SIGKILL)
    live.cluster.stop_process(worker)
    asked = live.odd_site.asked.count(path)
    wait_until(lambda: live.odd_site.asked.count(path) > asked, seconds=PIPELINE_SECONDS)
    came_back = time.monotonic() - killed
    live.cluster.start_process(worker)
    assert live.wait_until_ended([share]) == ["done"]
    wait_until(lambda: not unfinished_runs(live), seconds=PIPELINE_SECONDS)
    assert faults(live, [share]) == []
    print(f"asked for again {came_back:.1f} s after the kill, with a lease of {LEASE_SECONDS} s")  # noqa: T201 - a figure


def test_chaos_loses_and_doubles_nothing(live: LiveCluster) -> None:
    """Runs, workers, daemon, code server, broker and S3 die at random moments while shares come in."""
    chaos = make_chaos(live, kills=KILLS, seed=1)
    assert chaos.faults == []
    assert chaos.killed.total() == KILLS
    print(f"{KILLS} kills in {chaos.seconds:.0f} s: {dict(chaos.killed)}")  # noqa: T201 - a figure


def worker_with(live: LiveCluster, share_id: str) -> str:
    """Return the name of the worker that has a share's latest run."""
    query = """query ($filter: RunsFilter!) { runsOrError(filter: $filter, limit: 1) {
        ... on Runs { results { tags { key value } } } } }"""
    found = live.graphql.ask(query, filter={"tags": [{"key": "dagster/partition", "value": share_id}]})
    (run,) = found["runsOrError"]["results"]
    (worker,) = (tag["value"] for tag in run["tags"] if tag["key"] == WORKER_TAG)
    return str(worker)


def keys_of_logs(live: LiveCluster) -> list[str]:
    """Return the keys of all logs in the bucket."""
    pages = client_of(live.seaweed).get_paginator("list_objects_v2")
    found = pages.paginate(Bucket=live.seaweed.bucket, Prefix="dagster-logs/")
    return [one["Key"] for page in found for one in page.get("Contents", [])]


def _records_of(live: LiveCluster, share_id: str) -> tuple[object, ...]:
    progress = live.catalog.work.progress(share_id)
    return (live.catalog.shares.get(share_id), progress, live.catalog.transcripts.get(share_id))
