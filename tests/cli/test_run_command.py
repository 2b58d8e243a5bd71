"""`bookmarkai run`: a program of Dagster's gets the secrets that are in files, and this process."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deadlines import HANG_SECONDS
from tests.support.processes import wait_until

RUN = (sys.executable, "-m", "bookmarkai_assets.cli", "run", "--")
TELL = "import json, os, sys; print(json.dumps([os.getpid(), sys.argv[1:], dict(os.environ)]))"


def started(tmp_path: Path, *command: str, **settings: str) -> subprocess.Popen[str]:
    """Start a command below `bookmarkai run`, with an environment of its own."""
    return subprocess.Popen(
        [*RUN, *command],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "DAGSTER_HOME": str(tmp_path), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_program_gets_what_the_files_hold(tmp_path: Path) -> None:
    """Under the names that dagster.yaml reads, without the secrets that only our settings read, and in this process."""
    (tmp_path / "broker").write_text("pyamqp://me:hunter2@mq//\n")
    (tmp_path / "postgres").write_text("postgresql://me:hunter2@db/dagster\n")
    process = started(
        tmp_path,
        sys.executable,
        "-c",
        TELL,
        "--flag",
        CELERY_BROKER_URL_FILE=f"{tmp_path}/broker",
        DAGSTER_POSTGRES_URL_FILE=f"{tmp_path}/postgres",
        S3_ACCESS_KEY_FILE=f"{tmp_path}/broker",
        S3_SECRET_KEY_FILE=f"{tmp_path}/broker",
    )
    out, err = process.communicate(timeout=HANG_SECONDS)

    pid, arguments, environment = json.loads(out)
    assert (pid, arguments, err) == (process.pid, ["--flag"], "")
    assert environment["CELERY_BROKER_URL"] == "pyamqp://me:hunter2@mq//"
    assert environment["DAGSTER_POSTGRES_URL"] == "postgresql://me:hunter2@db/dagster"
    assert environment["DAGSTER_POSTGRES_URL_FILE"] == environment["CELERY_BROKER_URL_FILE"] == ""
    assert "S3_ACCESS_KEY" not in environment
    assert environment["S3_ACCESS_KEY_FILE"] == f"{tmp_path}/broker"


def test_one_below_the_other_finds_each_secret_once(tmp_path: Path) -> None:
    """An entry point and a command may both be `bookmarkai`."""
    (tmp_path / "broker").write_text("pyamqp://me:hunter2@mq//\n")
    process = started(tmp_path, *RUN, sys.executable, "-c", TELL, CELERY_BROKER_URL_FILE=f"{tmp_path}/broker")
    out, _ = process.communicate(timeout=HANG_SECONDS)
    assert json.loads(out)[2]["CELERY_BROKER_URL"] == "pyamqp://me:hunter2@mq//"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["dagster-daemon", "run"], ["run", "--log-format", "json"]),
        (["dagster-webserver", "--read-only"], ["--read-only", "--log-format", "json"]),
        (["dagster", "api", "grpc", "-p", "1"], ["api", "grpc", "-p", "1", "--log-format", "json"]),
        (["dagster", "api", "grpc", "--log-format=rich"], ["api", "grpc", "--log-format=rich"]),
        (["dagster", "instance", "migrate"], ["instance", "migrate"]),
    ],
)
def test_dagsters_programs_log_as_json(tmp_path: Path, command: list[str], expected: list[str]) -> None:
    """With LOG_FORMAT=json, unless the command says otherwise or knows no such option."""
    program = tmp_path / command[0]
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{TELL}' \"$@\"\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    out, _ = started(tmp_path, *command, LOG_FORMAT="json").communicate(timeout=HANG_SECONDS)
    assert json.loads(out)[1] == expected


def test_a_signal_reaches_the_program(tmp_path: Path) -> None:
    """There is no process between, and no handler of ours is left."""
    process = started(tmp_path, sys.executable, "-c", "import signal; open('ready', 'w'); signal.pause()")
    wait_until((tmp_path / "ready").exists)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == -signal.SIGTERM


def test_nothing_starts_with_settings_that_are_not_usable(tmp_path: Path) -> None:
    """The message names the variable and no content."""
    (tmp_path / "empty").write_text("\n")
    process = started(tmp_path, "touch", "begun", CELERY_BROKER_URL_FILE=f"{tmp_path}/empty")
    _, err = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 1
    assert "expected a secret in the file" in err
    assert not (tmp_path / "begun").exists()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The exit code is 1."""
    process = started(tmp_path, "dagster-demon", "run")
    _, err = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 1
    assert "expected a program that can be run as 'dagster-demon', found: No such file or directory" in err
