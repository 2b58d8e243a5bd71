"""The demo's links on a cluster: PostgreSQL, RabbitMQ, a code server, a daemon, a webserver and some workers."""

import json
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bookmarkai_assets.core.errors import BookmarkAIError
from bookmarkai_assets.demo.cluster.postgres import PostgresServer
from bookmarkai_assets.demo.cluster.processes import Cluster
from bookmarkai_assets.demo.cluster.rabbitmq import RabbitMQServer
from bookmarkai_assets.demo.run import (
    DemoResult,
    DemoView,
    WorkerRun,
    demo_environment,
    own_environment,
    share_and_watch,
)
from bookmarkai_assets.demo.seaweed import SeaweedServer
from bookmarkai_assets.demo.site import SampleSite
from bookmarkai_assets.demo.state import fresh_state, write_environment_file
from bookmarkai_assets.run_tags import WORKER_TAG

SHARE_JOB = "share_to_transcript"
_RUNS_SECONDS = 60
"""From the shares' end to the end of their runs, at most. A run that takes longer is left over."""

_ENDED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
_POLL_SECONDS = 0.5
_RUNS = """
query ($job: String!) {
  runsOrError(filter: {pipelineName: $job}) {
    ... on Runs { results { runId status startTime endTime tags { key value } } }
  }
}
"""


def run_cluster_demo(directory: Path, view: DemoView, *, port: int, workers: int) -> DemoResult:
    """Run the demo in `directory` on a cluster of its own. When this returns or raises, everything is stopped.

    `view.finished` is called while everything still runs. Raises `BookmarkAIError` if a server does not start or the
    work does not end in time.
    """
    with ExitStack() as running:
        state = running.enter_context(fresh_state(directory))
        view.say("Starting PostgreSQL, RabbitMQ, a local S3 server (SeaweedFS) and a site with sample videos …")
        postgres = running.enter_context(PostgresServer())
        rabbitmq = running.enter_context(RabbitMQServer(state / "rabbitmq"))
        seaweed = running.enter_context(SeaweedServer(state / "s3", bucket="bookmarkai-demo"))
        site = running.enter_context(SampleSite())
        environment = {
            **demo_environment(state, seaweed, site),
            **cluster_environment(postgres, rabbitmq, seaweed),
        }
        view.say(f"Starting Dagster with {workers} workers: its UI will be on http://127.0.0.1:{port} …")
        cluster = Cluster(state, {**own_environment(), **environment}, port=port, workers=workers)
        running.callback(cluster.stop)
        cluster.start()
        write_environment_file(state / "environment", {**environment, "DAGSTER_HOME": str(cluster.home)})
        shared = share_and_watch(site, cluster, view)
        runs = wait_for_runs(cluster.url)
        result = replace(shared, runs=runs, problems=[*shared.problems, *problems_of_runs(runs, cluster.workers)])
        view.finished(result, state, cluster.url)
        return result


def cluster_environment(postgres: PostgresServer, rabbitmq: RabbitMQServer, seaweed: SeaweedServer) -> dict[str, str]:
    """Return what deploy/cluster/bookmarkai.env has, with the addresses of these servers."""
    return {
        "CATALOG_URL": postgres.url_of("bookmarkai"),
        "DAGSTER_POSTGRES_URL": postgres.url_of("dagster"),
        "CELERY_BROKER_URL": rabbitmq.url,
        "CELERY_RESULT_BACKEND": f"db+{postgres.url_of('dagster')}",
        # Dagster's own logs go to the bucket as well, by way of AWS's own variables.
        "AWS_ENDPOINT_URL_S3": seaweed.endpoint,
        "AWS_ACCESS_KEY_ID": seaweed.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweed.secret_key,
    }


def wait_for_runs(url: str) -> list[WorkerRun]:
    """Return the runs of shares, once all have ended, or as they are when that takes too long."""
    deadline = time.monotonic() + _RUNS_SECONDS
    while True:
        runs = _read_runs(url)
        if (runs and all(run.status in _ENDED for run in runs)) or time.monotonic() > deadline:
            return runs
        time.sleep(_POLL_SECONDS)


def problems_of_runs(runs: Sequence[WorkerRun], workers: Sequence[str]) -> list[str]:
    """List everything about the runs that is not as it should be: each ended, and on a worker of this cluster."""
    problems = [
        f"run {run.run_id}: expected it to have ended, found {run.status}" for run in runs if run.status not in _ENDED
    ]
    problems += [
        f"run {run.run_id}: expected one of {', '.join(workers)} to have had it, found {run.worker}"
        for run in runs
        if run.worker not in workers
    ]
    if not runs:
        problems.append(f"expected runs of {SHARE_JOB}, found none")
    return problems


def _read_runs(url: str) -> list[WorkerRun]:
    request = urllib.request.Request(  # noqa: S310 - the cluster's own address
        f"{url}/graphql",
        data=json.dumps({"query": _RUNS, "variables": {"job": SHARE_JOB}}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
        answered = json.load(answer)
    if "errors" in answered:
        raise BookmarkAIError(f"expected Dagster to list its runs, found: {answered['errors']}")
    return [
        WorkerRun(
            run["runId"],
            run["status"],
            next((tag["value"] for tag in run["tags"] if tag["key"] == WORKER_TAG), None),
            max(0.0, (run["endTime"] or 0) - (run["startTime"] or 0)),
        )
        for run in reversed(answered["data"]["runsOrError"]["results"])
    ]
