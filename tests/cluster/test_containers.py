"""The cluster as containers run it: secrets in files, JSON logs, probes, and workers that are stopped for good."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.demo.cluster.rabbitmq import is_installed
from bookmarkai_assets.demo.samples import SHORT_SAMPLES
from tests.cluster.judge import faults, unfinished_runs
from tests.cluster.live_cluster import LiveCluster, running_cluster
from tests.support.deadlines import PIPELINE_SECONDS
from tests.support.processes import wait_until

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not is_installed(), reason="needs Debian's RabbitMQ: apt-get install rabbitmq-server"),
]

WORKER = "worker-1"
IN_FILES = ("CATALOG_URL", "DAGSTER_POSTGRES_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND")
GRACE_SECONDS = 60
"""What a container gets to end in order, before it is killed."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCluster]:
    """Return a running cluster with one worker, which does not wait long for its run when it is stopped."""
    settings = {"LOG_FORMAT": "json", "WORKER_STOP_SECONDS": "2"}
    try:
        with running_cluster(tmp_path_factory.mktemp("cluster"), workers=1, **settings) as running:
            yield running
    except ConfigurationError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def with_files(live: LiveCluster) -> Mapping[str, str]:
    """Return the environment of the cluster's processes with all secrets in files."""
    environment = dict(live.cluster.environment)
    for name in IN_FILES:
        file = live.cluster.directory / name.lower()
        file.write_text(environment.pop(name) + "\n")
        environment[f"{name}_FILE"] = str(file)
    return environment


def ask(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a probe."""
    return subprocess.run(
        [sys.executable, "-m", "bookmarkai_assets.cli", "probe", *arguments, "--timeout", "60"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("question", ["live", "ready"])
def test_every_part_of_a_running_cluster_says_yes(
    live: LiveCluster, with_files: Mapping[str, str], question: str
) -> None:
    """Asked with the secrets in files, as a container's health check is."""
    asked = {
        "worker": ("--name", WORKER),
        "daemon": (),
        "code-server": ("--port", live.cluster.environment["BOOKMARKAI_CODE_PORT"]),
        "webserver": ("--port", str(live.cluster.port)),
    }
    for part, options in asked.items():
        wait_until(lambda: ask(with_files, question, part, *options).returncode == 0, seconds=PIPELINE_SECONDS)  # noqa: B023 - called before the next one
        answer = ask(with_files, question, part, *options)
        assert answer.stdout.startswith(f"{part} {question}: yes, "), answer.stdout
        assert answer.stdout.count("\n") == 1


def test_a_program_of_dagsters_reads_its_secrets_from_files(with_files: Mapping[str, str]) -> None:
    """Below `bookmarkai run`, Dagster opens its storage in PostgreSQL."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "bookmarkai_assets.cli",
            "run",
            "--",
            sys.executable,
            "-m",
            "dagster",
            "instance",
            "info",
        ],
        env=with_files,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "PostgresRunStorage" in done.stdout or "DagsterPostgresStorage" in done.stdout


def test_a_worker_that_is_stopped_frees_its_share(live: LiveCluster) -> None:
    """Its run would take for ever. Within a container's time it is interrupted, and the share is due at once."""
    path = "/stopped.mp4"
    (share,) = live.share(live.odd_site.silent(path))
    wait_until(lambda: path in live.odd_site.asked, seconds=PIPELINE_SECONDS)

    (holder,) = _holders(live)
    began = time.monotonic()
    os.kill(live.cluster.pid_of(WORKER), signal.SIGTERM)
    wait_until(lambda: not _is_there(live.cluster.pid_of(WORKER)), seconds=GRACE_SECONDS)
    took = time.monotonic() - began

    # A tick of the sensor may have claimed the share for its next run by now.
    assert holder not in _holders(live)
    assert live.statuses([share]) != ["error"]
    lines = [json.loads(line) for line in live.cluster.log_of(WORKER).read_text().splitlines() if line.startswith("{")]
    assert any("takes longer than WORKER_STOP_SECONDS" in line["message"] for line in lines)
    assert {line["run_id"] for line in lines if "run_id" in line}
    live.odd_site.file(path, SHORT_SAMPLES[0].path.read_bytes())
    live.cluster.stop_process(WORKER)
    live.cluster.start_process(WORKER)
    assert live.wait_until_ended([share]) == ["done"]
    wait_until(lambda: not unfinished_runs(live), seconds=PIPELINE_SECONDS)
    assert faults(live, [share]) == []
    print(f"the worker ended {took:.1f} s after SIGTERM")  # noqa: T201 - a figure


def test_every_line_of_a_worker_is_json(live: LiveCluster) -> None:
    """The run's and ours, and Celery's but the one that it prints when it is told to stop. None has a password."""
    log = live.cluster.log_of(WORKER).read_text()
    assert {line for line in log.splitlines() if not line.startswith("{")} <= {
        "",
        "worker: Warm shutdown (MainProcess)",
    }
    assert not [name for name in IN_FILES if _password_of(live.cluster.environment[name]) in log]


def test_an_idle_worker_ends_at_once(live: LiveCluster) -> None:
    """It waits for nothing."""
    pid = live.cluster.pid_of(WORKER)
    wait_until(lambda: ask(live.cluster.environment, "live", "worker", "--name", WORKER).returncode == 0, seconds=60)
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not _is_there(pid), seconds=GRACE_SECONDS)


def _is_there(pid: int) -> bool:
    return (
        Path(f"/proc/{pid}/exe").exists() and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    )


def _holders(live: LiveCluster) -> list[str]:
    engine = create_engine(live.postgres.url_of("bookmarkai"))
    with engine.connect() as connection:
        owners = connection.execute(text("SELECT owner FROM leases WHERE expires_at > now()")).scalars().all()
    engine.dispose()
    return list(owners)


def _password_of(url: str) -> str:
    return url.partition("://")[2].partition("@")[0].partition(":")[2] or "no password"
