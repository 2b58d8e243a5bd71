"""The processes of a cluster, started as the systemd units of deploy/cluster start them."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bookmarkai_assets.adapters.catalog import upgrade_catalog
from bookmarkai_assets.core.errors import BookmarkAIError, ConfigurationError
from bookmarkai_assets.demo.dagster_dev import free_port
from bookmarkai_assets.demo.interrupts import later_interrupts
from bookmarkai_assets.demo.programs import end_group, start_group, tail, ui_answers

DEPLOYMENT = Path(__file__).parents[3] / "deploy" / "cluster"
CODE, DAEMON, WEBSERVER = "code", "daemon", "webserver"
_HOST = "127.0.0.1"
_START_SECONDS = 180
_STOP_SECONDS = 10
_POLL_SECONDS = 0.2


class ClusterStartError(BookmarkAIError):
    """A process of the cluster did not answer in time, or has ended."""


class Cluster:
    """Code server, daemon, webserver and workers, as a context manager. Broker and databases run already.

    `environment` is the whole environment of the processes, as deploy/cluster/bookmarkai.env lists it, but for
    DAGSTER_HOME and the code server's address. Output goes to a log for each process in `directory`. Each may be
    killed, stopped and started again by its name.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str], *, port: int, workers: int) -> None:
        self.directory, self.port = directory, port
        self.home = directory / "dagster_home"
        self.workers = tuple(f"worker-{number + 1}" for number in range(workers))
        self.names = (CODE, DAEMON, WEBSERVER, *self.workers)
        self.environment = {
            **environment,
            "DAGSTER_HOME": str(self.home),
            "BOOKMARKAI_CODE_HOST": _HOST,
            "BOOKMARKAI_CODE_PORT": str(free_port()),
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """The UI's address."""
        return f"http://{_HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The log to look at first, the daemon's. The others are beside it."""
        return self.log_of(DAEMON)

    def log_of(self, name: str) -> Path:
        """Return the log of a process."""
        return self.directory / f"{name}.log"

    def pid_of(self, name: str) -> int:
        """Return the id of a process. Raises `KeyError` if it does not run."""
        return self._running[name].pid

    def __enter__(self) -> Self:
        """Do what `start` does."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Upgrade both databases, start everything, and wait until the UI answers."""
        self._write_home()
        upgrade_catalog(self.environment["CATALOG_URL"])
        self._run_to_its_end(["-m", "dagster", "instance", "migrate"])
        try:
            for name in (CODE, *self.workers):
                self.start_process(name)
            self._wait_until(self._code_answers, "the code server", CODE)
            for name in (DAEMON, WEBSERVER):
                self.start_process(name)
            self._wait_until(lambda: ui_answers(self.url), f"the UI at {self.url}", WEBSERVER)
        except BaseException:
            self.stop()
            raise

    def start_process(self, name: str) -> None:
        """Start one process."""
        command = [sys.executable, *self._command(name)]
        with later_interrupts():
            self._running[name] = start_group(
                command, self.environment, directory=self.directory, log=self.log_of(name)
            )

    def stop_process(self, name: str) -> None:
        """End one process in order, with all that it has started."""
        if name in self._running:
            end_group(self._running.pop(name), seconds=_STOP_SECONDS)

    def stop(self) -> None:
        """End everything, the workers first. Safe to call twice."""
        for name in reversed(self.names):
            self.stop_process(name)

    def check_alive(self) -> None:
        """Raise `ClusterStartError` if a process has ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise ClusterStartError(
                    f"expected {name} to run, found it ended with code {process.returncode}; the end of "
                    f"{self.log_of(name)}:\n{tail(self.log_of(name))}"
                )

    def _write_home(self) -> None:
        if not DEPLOYMENT.is_dir():
            raise ConfigurationError(f"expected the project's {DEPLOYMENT}, found none; run make cluster in a checkout")
        self.home.mkdir(parents=True, exist_ok=True)
        configuration = (DEPLOYMENT / "dagster.yaml").read_text()
        places = re.compile(r"(?<=max_concurrent_runs: )\d+")  # which operators set to the number of workers
        (self.home / "dagster.yaml").write_text(places.sub(str(len(self.workers)), configuration))

    def _command(self, name: str) -> Sequence[str]:
        workspace = str(DEPLOYMENT / "workspace.yaml")
        address = ["--host", _HOST, "--port", self.environment["BOOKMARKAI_CODE_PORT"]]
        module = ["--module-name", "bookmarkai_assets.definitions", "--location-name", "bookmarkai"]
        match name:
            case "code":
                return ["-m", "dagster", "api", "grpc", *module, *address]
            case "daemon":
                return ["-m", "dagster._daemon", "run", "--workspace", workspace]
            case "webserver":
                return ["-m", "dagster_webserver", "--workspace", workspace, "--host", _HOST, "--port", str(self.port)]
            case _:
                return ["-m", "bookmarkai_assets.cli", "worker", "--name", name]

    def _run_to_its_end(self, arguments: Sequence[str]) -> None:
        done = subprocess.run(  # noqa: S603 - as above
            [sys.executable, *arguments], env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ClusterStartError(f"expected {' '.join(arguments)} to work, found: {done.stderr[-2000:]}")

    def _wait_until(self, answers: Callable[[], bool], what: str, name: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            self.check_alive()
            if answers():
                return
            time.sleep(_POLL_SECONDS)
        raise ClusterStartError(
            f"expected {what} within {_START_SECONDS} s, found no answer; the end of {self.log_of(name)}:\n"
            + tail(self.log_of(name))
        )

    def _code_answers(self) -> bool:
        try:
            socket.create_connection((_HOST, int(self.environment["BOOKMARKAI_CODE_PORT"])), timeout=5).close()
        except OSError:
            return False
        return True
