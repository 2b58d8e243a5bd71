"""Run Dagster's daemon, webserver and code server as one process group, which is gone at the end."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from bookmarkai_assets.core.errors import BookmarkAIError
from bookmarkai_assets.demo.interrupts import later_interrupts
from bookmarkai_assets.demo.programs import start_group, tail, ui_answers

START_SECONDS = 180
STOP_SECONDS = 8
GROUP_SECONDS = 3
_DAGSTER_YAML = """\
concurrency:
  runs:
    max_concurrent_runs: 2
run_queue:
  dequeue_interval_seconds: 1
sensors:
  use_threads: true
  num_workers: 4
run_monitoring:
  enabled: true
  max_resume_run_attempts: 0
telemetry:
  enabled: false
"""


# A script's background job ignores SIGINT, and Dagster would pass that on to every process that it starts.
_DAGSTER = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("dagster", run_name="__main__", alter_sys=True)
"""


class DagsterStartError(BookmarkAIError):
    """Dagster did not answer in time, or has stopped."""


def free_port() -> int:
    """Return a loopback TCP port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class DagsterDev:
    """`dagster dev` with a Dagster home of its own, as a context manager.

    `environment` is the whole environment of the processes, except for DAGSTER_HOME. The home is created with a small
    dagster.yaml, unless it already has one. Output goes to `log`. Leaving the block ends the whole process group. So
    does `stop`, which may also be called before the start.
    """

    def __init__(self, home: Path, environment: Mapping[str, str], *, port: int, log: Path) -> None:
        self.home, self.port, self.log = home, port, log
        self.environment = {**environment, "DAGSTER_HOME": str(home)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The UI's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The id of its first process. Raises `DagsterStartError` if it is not running."""
        if self._process is None:
            raise DagsterStartError("expected Dagster to run, found it stopped")
        return self._process.pid

    def __enter__(self) -> Self:
        """Do what `start` does."""
        self.start()
        return self

    def start(self) -> None:
        """Start and wait until the webserver answers. Raises `DagsterStartError` with the end of the log."""
        try:
            self._start()
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        config = self.home / "dagster.yaml"
        if not config.exists():
            config.write_text(_DAGSTER_YAML)
        # Dagster recommends `dg dev` instead, which needs a project directory; an installed package has none.
        quiet = ["-W", "ignore:Function `dev_command` is superseded"]
        command = [sys.executable, *quiet, "-c", _DAGSTER, "dev", "--module-name", "bookmarkai_assets.definitions"]
        address = ["--host", "127.0.0.1", "--port", str(self.port)]
        with later_interrupts():
            self._process = start_group([*command, *address], self.environment, directory=self.home, log=self.log)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop every process that was started."""
        self.stop()

    def check_alive(self) -> None:
        """Raise `DagsterStartError` if Dagster has stopped."""
        if self._process is not None and self._process.poll() is not None:
            raise DagsterStartError(
                f"expected Dagster to run, found it ended with code {self._process.returncode}; "
                f"the end of {self.log}:\n{tail(self.log)}"
            )

    def stop(self) -> None:
        """End the process group, first politely and then by force. Safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        # Killing what does not end in time loses nothing. The leases say which shares a run was working on.
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=STOP_SECONDS)
        # The code servers end a little later, and remove their sockets in /tmp.
        deadline = time.monotonic() + GROUP_SECONDS
        while process.poll() is not None and time.monotonic() < deadline:
            try:
                os.killpg(process.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self.check_alive()
            if ui_answers(self.url):
                return
            time.sleep(0.2)
        raise DagsterStartError(
            f"expected the UI at {self.url} within {START_SECONDS} s, found none; the end of {self.log}:\n"
            + tail(self.log)
        )
