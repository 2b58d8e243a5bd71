"""A real `bookmarkai serve`, and requests to it that no client library would send."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bookmarkai_assets.demo.programs import end_group
from tests.support.deadlines import HANG_SECONDS
from tests.support.processes import wait_until

SERVE = (sys.executable, "-m", "bookmarkai_assets.cli", "serve")


@dataclass(frozen=True)
class LiveDoor:
    """The process, where it listens, and what it has printed."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def send(self, *parts: bytes) -> bytes:
        """Send bytes as they are, and return everything that comes back until the door closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=HANG_SECONDS) as connection:
            try:
                for part in parts:
                    connection.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the door has answered and closed before it had everything
            return _read_all(connection)


def environment_of(changes: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a door with these settings."""
    return {"PATH": os.environ["PATH"], **changes}


@contextmanager
def live_door(directory: Path, **settings: str) -> Iterator[LiveDoor]:
    """Start a door with these settings on a free port, and end it."""
    log = directory / "door.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*SERVE, "--port", "0"],
            env=environment_of(settings),
            cwd=directory,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        opened = re.compile(r"open at http://127\.0\.0\.1:(\d+)")
        wait_until(lambda: process.poll() is not None or opened.search(log.read_text()), seconds=4 * HANG_SECONDS)
        found = opened.search(log.read_text())
        assert found is not None, log.read_text()
        yield LiveDoor(process, int(found[1]), log)
    finally:
        end_group(process, seconds=HANG_SECONDS)


def _read_all(connection: socket.socket) -> bytes:
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        pass  # what was sent too much is thrown away with a reset
    return received
