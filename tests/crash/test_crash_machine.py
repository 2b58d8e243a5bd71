"""The crash machine finds nothing in the pipeline as it is, and every mistake that is planted in it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash.bugs import BUGS

PROJECT = Path(__file__).parents[2]
KILLS = 300
GIVE_UP_SECONDS = 400
"""Far beyond what either takes: a slow machine is no failure."""


def run_machine(*arguments: str) -> dict[str, Any]:
    """Run the machine in a process of its own, which is small and has no threads to be forked."""
    command = [sys.executable, "-m", "tests.crash.machine", "--json", "--seconds", str(GIVE_UP_SECONDS), *arguments]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[0])
    return result


def test_nothing_is_lost_however_often_it_is_killed() -> None:
    """After 300 kills and more, at every durable step there is, nothing is lost and recovery leaves nothing behind."""
    found = run_machine("--kills", str(KILLS))

    assert found["violation"] is None, "\n".join([found["violation"] or "", *found["trace"]])
    assert found["kills"] >= KILLS
    assert found["missed"] == [], "each failpoint is killed at"
    assert found["unlisted"] == [], "a new durable step is to be listed in failpoints.py"


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_mistake_is_found(bug: str) -> None:
    """The machine would notice: with this mistake in the code it finds a violation."""
    found = run_machine("--bugs", bug, "--kills", "1000000")

    assert found["violation"], f"{found['kills']} kills found nothing"
    assert "Traceback" not in found["violation"], "the mistake itself, and not a consequence, was met"
