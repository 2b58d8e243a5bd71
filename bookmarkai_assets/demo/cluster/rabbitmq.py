"""A real RabbitMQ on this machine: Debian's, on loopback, with a node and a directory of its own."""

import os
import secrets
import shutil
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bookmarkai_assets.core.errors import BookmarkAIError, ConfigurationError
from bookmarkai_assets.demo.dagster_dev import free_port
from bookmarkai_assets.demo.interrupts import later_interrupts
from bookmarkai_assets.demo.programs import end_group, start_group, tail

if TYPE_CHECKING:
    import subprocess

HOST = "127.0.0.1"
_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""Debian's script itself. The one in /usr/sbin changes to the user rabbitmq and to the machine's own node."""

_POLL_SECONDS = 0.2
_STOP_SECONDS = 15


class RabbitMQStartError(BookmarkAIError):
    """RabbitMQ did not answer in time, or has stopped."""


def is_installed() -> bool:
    """Whether this machine has Debian's RabbitMQ."""
    return _SERVER.exists() and shutil.which("erl") is not None


class RabbitMQServer:
    """RabbitMQ as a context manager, ready when entered and gone when left. It may be stopped and started again.

    Entering raises `ConfigurationError` if it is not installed, and `RabbitMQStartError` with the end of its log if it
    does not answer. 10 to 15 seconds are usual on two cores.
    """

    def __init__(self, directory: Path, *, start_timeout_seconds: float = 120) -> None:
        self.port = free_port()
        self.password = secrets.token_hex(16)
        self._directory = directory.absolute()
        self._start_timeout_seconds = start_timeout_seconds
        self._node = f"bookmarkai-{secrets.token_hex(6)}@localhost"
        self._ports = {"ERL_EPMD_PORT": free_port(), "RABBITMQ_DIST_PORT": free_port()}
        self._server: subprocess.Popen[bytes] | None = None
        self._port_mapper: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The broker's URL for Celery."""
        return f"pyamqp://pipeline:{self.password}@{HOST}:{self.port}//"

    @property
    def pid(self) -> int | None:
        """The server's process id, or None while it is not running."""
        return self._server.pid if self._server else None

    def __enter__(self) -> Self:
        """Do what `start` does."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until it takes connections. Raises as described for the class."""
        if not is_installed():
            raise ConfigurationError(
                "expected RabbitMQ for a cluster, found none; on Debian and Ubuntu: apt-get install rabbitmq-server"
            )
        self._directory.mkdir(parents=True, exist_ok=True)
        self._write_configuration()
        try:
            self._start()
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the node with its port mapper. Safe to call twice. What was queued durably is there at the next start."""
        for process in (self._server, self._port_mapper):
            if process is not None:
                end_group(process, seconds=_STOP_SECONDS)
        self._server = self._port_mapper = None

    @property
    def _log(self) -> Path:
        return self._directory / "output.log"

    def _write_configuration(self) -> None:
        (self._directory / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = {HOST}:{self.port}\n"
            "default_user = pipeline\n"
            f"default_pass = {self.password}\n"
            "log.console = true\n"
            "log.console.level = info\n"
            "log.file = false\n"
            "disk_free_limit.absolute = 50MB\n"
        )
        (self._directory / "enabled_plugins").write_text("[].\n")

    def _start(self) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._directory),  # of its cookie
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_MNESIA_BASE": str(self._directory / "data"),
            "RABBITMQ_LOG_BASE": str(self._directory),
            "RABBITMQ_PID_FILE": str(self._directory / "pid"),
            "RABBITMQ_CONFIG_FILE": str(self._directory / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._directory / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            # One scheduler for each core by default, and each takes memory and time at the start.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_ADDRESS": HOST,
            **{name: str(port) for name, port in self._ports.items()},
        }
        # The node would start a port mapper by itself, which would outlive it.
        with later_interrupts():
            self._port_mapper = start_group(["epmd"], environment, directory=self._directory, log=self._log)
        with later_interrupts():
            self._server = start_group([str(_SERVER)], environment, directory=self._directory, log=self._log)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + self._start_timeout_seconds
        while time.monotonic() < deadline:
            assert self._server is not None  # noqa: S101 - _start has run
            if self._server.poll() is not None:
                raise RabbitMQStartError(
                    f"expected RabbitMQ to run, found it ended with code {self._server.returncode}; the end of its "
                    f"log:\n{tail(self._log)}"
                )
            try:
                with socket.create_connection((HOST, self.port), timeout=5) as connection:
                    connection.sendall(b"AMQP\x00\x00\x09\x01")
                    if connection.recv(1):  # the first byte of its answer
                        return
            except OSError:
                pass
            time.sleep(_POLL_SECONDS)
        raise RabbitMQStartError(
            f"expected RabbitMQ to answer within {self._start_timeout_seconds:g} s, found that it does not; the end of "
            f"its log:\n{tail(self._log)}"
        )
