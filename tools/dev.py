"""What `make dev` starts: Dagster's UI and daemon, and beside them the HTTP door. They end together.

From the checkout: `python -m tools.dev`. Ctrl-C ends both, and so does the end of either.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

from bookmarkai_assets.demo.programs import end_group

DAGSTER = (
    sys.executable,
    "-W",
    "ignore:Function `dev_command` is superseded",
    "-m",
    "dagster",
    "dev",
    "--workspace",
    "workspace.yaml",
    "--host",
    "127.0.0.1",
    "--port",
    "3000",
)
DOOR = (sys.executable, "-m", "bookmarkai_assets.cli", "serve")

POLL_SECONDS = 0.2
END_SECONDS = 30
"""How long a program may take to end. Dagster ends its own code server and daemon first."""


def run_together(commands: Sequence[Sequence[str]]) -> int:
    """Run programs until one of them ends or this one is told to end, and then end the others.

    Return the exit code of the first that ended, or 128 and the number of the signal. Each has a session of its own, so
    that a Ctrl-C of the terminal reaches this program alone, which then ends them in order.
    """
    told: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        told.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, remember)
    running: list[subprocess.Popen[bytes]] = []
    try:
        # One by one into the list, so that none is forgotten if the next cannot be started.
        for command in commands:
            running += [subprocess.Popen(command, start_new_session=True)]  # noqa: S603 - our own programs
        while not told:
            ended = next((process for process in running if process.poll() is not None), None)
            if ended is not None:
                return ended.returncode
            time.sleep(POLL_SECONDS)
        return 128 + told[0]
    finally:
        _end(running)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        end_group(process, seconds=END_SECONDS)


if __name__ == "__main__":
    # Partitions in the UI then lead to the pages of the door that is started beside it.
    os.environ.setdefault("DOOR_URL", f"http://127.0.0.1:{os.environ.get('DOOR_PORT', '8080')}")
    sys.exit(run_together([DAGSTER, DOOR]))
