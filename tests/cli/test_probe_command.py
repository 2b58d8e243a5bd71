"""`bookmarkai probe`: one plain line, and an exit code that starts and restarts processes."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from celery.utils.nodenames import host_format

from bookmarkai_assets.dagster_internals import open_instance, required_daemons
from tests.door.live_door import live_door
from tests.plugins.command_line import BookmarkAI
from tests.support.dagster_internals import record_heartbeats
from tests.support.deadlines import HANG_SECONDS
from tests.support.http_stub import Answer, HttpStub
from tests.support.processes import wait_until

BROKER = "memory://localhost/"
"""A broker within this process, by which a real worker here can be asked."""

LONG = ("--timeout", str(HANG_SECONDS))


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Return Dagster's instance in a home of the test's own."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with open_instance(str(home)) as opened:
        yield opened


def beat(instance: dg.DagsterInstance, *, seconds_ago: float, errors: list[str] | None = None) -> None:
    """Record a sign of life of every part of a daemon."""
    record_heartbeats(instance, timestamp=datetime.now(UTC).timestamp() - seconds_ago, errors=errors)


def test_a_daemon_lives_while_all_its_parts_give_signs(bookmarkai: BookmarkAI, instance: dg.DagsterInstance) -> None:
    """Never, an hour ago, and just now; how long is too long is an option."""
    never = bookmarkai("probe", "live", "daemon", *LONG)
    assert (never.code, "never gave one" in never.out) == (1, True)

    beat(instance, seconds_ago=3600)
    dead = bookmarkai("probe", "live", "daemon", *LONG)
    assert dead.code == 1
    assert dead.out.startswith("daemon live: no, expected a sign of life of each part of the daemon within 120 s")
    assert "60 minutes old" in dead.out
    assert required_daemons(instance)[0] in dead.out
    assert bookmarkai("probe", "live", "daemon", "--tolerance", "7200", *LONG).code == 0

    beat(instance, seconds_ago=5)
    alive = bookmarkai("probe", "ready", "daemon", *LONG)
    assert (alive.code, alive.out.count("\n")) == (0, 1)
    assert alive.out.startswith("daemon ready: yes, the daemon lives, all signs at most")


def test_a_daemon_with_errors_lives_and_is_not_ready(bookmarkai: BookmarkAI, instance: dg.DagsterInstance) -> None:
    """A restart would not help. The line names the parts."""
    beat(instance, seconds_ago=5, errors=["something"])
    assert bookmarkai("probe", "live", "daemon", *LONG).code == 0
    unwell = bookmarkai("probe", "ready", "daemon", *LONG)
    assert unwell.code == 1
    assert f"with errors of {', '.join(required_daemons(instance))}" in unwell.out


def test_a_worker_is_asked_by_name_over_the_broker(bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of another name is no answer. To be ready takes the catalog as well."""
    monkeypatch.setenv("CELERY_BROKER_URL", BROKER)
    app = Celery("test", broker=BROKER, set_as_current=False)
    app.conf.worker_hijack_root_logger = False
    with start_worker(app, perform_ping_check=False, pool="solo", hostname=host_format("gpu-1@%h"), loglevel="error"):
        alive = bookmarkai("probe", "live", "worker", "--name", "gpu-1", *LONG)
        other = bookmarkai("probe", "live", "worker", "--name", "gpu-2", "--timeout", "1")
        ready = bookmarkai("probe", "ready", "worker", "--name", "gpu-1", *LONG)
        monkeypatch.setenv("CATALOG_URL", "postgresql://me:hunter2@127.0.0.1:1/none")
        unready = bookmarkai("probe", "ready", "worker", "--name", "gpu-1", *LONG)
    assert (alive.code, "answers over the broker" in alive.out) == (0, True)
    assert (other.code, "expected the worker gpu-2@" in other.out) == (1, True)
    assert (ready.code, "schema revision" in ready.out) == (0, True)
    assert (unready.code, "127.0.0.1:1/none" in unready.out, "hunter2" in unready.out) == (1, True, False)


def test_a_worker_lives_while_the_broker_is_away(bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart would end its run and bring no broker. It is not ready, and the password is in no line."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("CELERY_BROKER_URL", f"pyamqp://me:hunter2@127.0.0.1:{taken.getsockname()[1]}//")
        alive = bookmarkai("probe", "live", "worker", *LONG)
        ready = bookmarkai("probe", "ready", "worker", *LONG)
    assert (alive.code, ready.code) == (0, 1)
    assert "cannot be asked, because the broker does not answer: [Errno 111] Connection refused" in alive.out
    assert "hunter2" not in alive.out + ready.out + ready.err


def test_without_a_broker_no_worker_can_be_asked(bookmarkai: BookmarkAI) -> None:
    """The line names the setting."""
    ended = bookmarkai("probe", "live", "worker", *LONG)
    assert (ended.code, "expected CELERY_BROKER_URL" in ended.out) == (1, True)


@pytest.mark.parametrize(("part", "path"), [("webserver", "/server_info"), ("door", "/readyz")])
def test_an_http_server_is_ready_if_it_says_so(bookmarkai: BookmarkAI, part: str, path: str) -> None:
    """Any answer but 200 is no, and so is none."""
    with HttpStub() as stub:
        port = stub.url.rpartition(":")[2]
        good = bookmarkai("probe", "ready", part, "--port", port, *LONG)
        stub.answer = Answer(503)
        bad = bookmarkai("probe", "ready", part, "--port", port, *LONG)
    gone = bookmarkai("probe", "ready", part, "--port", port, *LONG)
    assert (good.code, good.out) == (0, f"{part} ready: yes, http://127.0.0.1:{port}{path} answers\n")
    assert (bad.code, bad.out) == (
        1,
        f"{part} ready: no, expected http://127.0.0.1:{port}{path} to answer with 200, found 503\n",
    )
    assert (gone.code, "Connection refused" in gone.out) == (1, True)


def test_a_server_that_does_not_answer_is_not_waited_for(bookmarkai: BookmarkAI) -> None:
    """It takes the connection and says nothing, until the time is over."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ended = bookmarkai("probe", "live", "door", "--port", str(silent.getsockname()[1]), "--timeout", "0.5")
    assert (ended.code, "found: TimeoutError" in ended.out) == (1, True)


def test_a_real_door_is_live_and_ready(
    bookmarkai: BookmarkAI, tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked where the settings say that it listens; a door for all addresses is asked on this machine."""
    with live_door(tmp_path, CATALOG_URL=sqlite_url) as door:
        monkeypatch.setenv("DOOR_PORT", str(door.port))
        monkeypatch.setenv("DOOR_HOST", "0.0.0.0")  # noqa: S104 - as in a container; here nothing listens on it
        assert bookmarkai("probe", "live", "door", *LONG).code == 0
        assert bookmarkai("probe", "ready", "door", *LONG).code == 0


@contextmanager
def code_server(directory: Path, source: str) -> Iterator[int]:
    """Start a real code server with these definitions, and yield its port once it answers."""
    (directory / "these_definitions.py").write_text(source)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["dagster", "api", "grpc", "--lazy-load-user-code", "--python-file", "these_definitions.py"]
    process = subprocess.Popen(
        [sys.executable, "-m", *command, "--host", "127.0.0.1", "--port", str(port)],
        cwd=directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        process.kill()
        process.wait(HANG_SECONDS)


@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "broken"])
def test_a_code_server_is_ready_once_it_has_the_definitions(
    bookmarkai: BookmarkAI, tmp_path: Path, *, is_whole: bool
) -> None:
    """A real one. Without them it lives, and the line has the error that it has, without a URL's secrets."""
    source = "import dagster as dg\ndefs = dg.Definitions()\n"
    broken = "raise RuntimeError('no way to https://me:hunter2@db.example.com/x?token=1')\n"
    with code_server(tmp_path, source if is_whole else broken) as port:
        at = ("--port", str(port), *LONG)
        wait_until(lambda: bookmarkai("probe", "live", "code-server", *at).code == 0, seconds=4 * HANG_SECONDS)
        ready = bookmarkai("probe", "ready", "code-server", *at)
    gone = bookmarkai("probe", "live", "code-server", *at)
    if is_whole:
        assert (ready.code, "has the definitions" in ready.out) == (0, True)
    else:
        assert ready.code == 1
        assert "found: RuntimeError: no way to https://db.example.com/x" in ready.out
        assert "hunter2" not in ready.out
    assert (gone.code, "found: UNAVAILABLE" in gone.out) == (1, True)
