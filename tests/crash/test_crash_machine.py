"""The crash machine finds nothing in the pipeline as it is, and every mistake that is planted in it."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.crash.bugs import BUGS
from tests.support.project import PROJECT

KILLS = 300
GIVE_UP_SECONDS = 1800
"""Far more than either takes, because a slow machine is no failure."""


def run_machine(*arguments: str) -> list[dict[str, Any]]:
    """Run the machine in a small process of its own, without threads when it forks, and return its results."""
    command = [sys.executable, "-m", "tests.crash.machine", "--json", "--seconds", str(GIVE_UP_SECONDS), *arguments]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_nothing_is_lost_however_often_it_is_killed() -> None:
    """After 300 kills and more, at every durable step there is, nothing is lost and recovery leaves nothing behind."""
    [found] = run_machine("--kills", str(KILLS))

    assert found["violation"] is None, "\n".join([found["violation"] or "", *found["trace"]])
    assert found["kills"] >= KILLS
    assert found["missed"] == [], "each failpoint is killed at"
    assert found["unlisted"] == [], "a new durable step is to be listed in failpoints.py"


def test_planted_mistakes_are_found(subtests: pytest.Subtests) -> None:
    """With any of these mistakes in the code, the machine finds a violation."""
    results = {found["bug"]: found for found in run_machine("--kills", "1000000", "--bugs", *BUGS)}

    assert list(results) == list(BUGS)
    for mistake, found in results.items():
        with subtests.test(mistake):
            assert found["violation"], f"{found['kills']} kills found nothing"
            assert re.search(BUGS[mistake].finding, found["violation"]), "not the mistake, but a consequence was met"
