"""What `make dev` starts ends together: by a signal, and when one of the programs ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deadlines import HANG_SECONDS
from tests.support.processes import HAS_PROC, children_of, is_running, wait_until
from tests.support.project import PROJECT

pytestmark = pytest.mark.skipif(not HAS_PROC, reason="reads processes below /proc")

_TWO_PROGRAMS = """
import sys
from tools.dev import run_together
waiting = "import signal; signal.pause()"
sys.exit(run_together([[sys.executable, "-c", waiting], [sys.executable, "-c", waiting]]))
"""


def _started() -> tuple[subprocess.Popen[bytes], set[int]]:
    program = subprocess.Popen([sys.executable, "-c", _TWO_PROGRAMS], cwd=PROJECT, start_new_session=True)
    wait_until(lambda: len(children_of(program.pid)) == 2 and all(_is_waiting(pid) for pid in children_of(program.pid)))
    return program, children_of(program.pid)


def _is_waiting(pid: int) -> bool:
    return b"signal.pause" in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all(number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and a closed terminal end every program, and the exit code names the signal."""
    program, children = _started()

    os.killpg(program.pid, number)

    assert program.wait(HANG_SECONDS) == 128 + number
    assert not [pid for pid in children if is_running(pid)]


def test_the_end_of_one_ends_the_other() -> None:
    """When one of the programs dies, the other is ended, and nothing stays behind."""
    program, children = _started()

    os.kill(min(children), signal.SIGKILL)

    assert program.wait(HANG_SECONDS) != 0
    assert not [pid for pid in children if is_running(pid)]
