"""Each stage, the first deployment and an app with mistakes are synthesized once for all tests, at the same time."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bookmarkai_infra.build import ROOT
from bookmarkai_infra.checks.stacks import Facts, Stacks
from bookmarkai_infra.stages import STAGES
from tests.pipeline import read_facts

KEYS = Path(__file__).parent / "keys"
DEADLINE_SECONDS = 600


FAULTY, PAUSED = "faulty", "paused"


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Return the folder of each stage's templates and findings, and those of `FAULTY` and `PAUSED`."""
    folders = {name: tmp_path_factory.mktemp(name) for name in (*STAGES, FAULTY, PAUSED)}
    commands = {name: ["bookmarkai_infra.checks.synthesis", name, str(KEYS)] for name in STAGES}
    commands |= {FAULTY: ["tests.faulty_app"], PAUSED: ["tests.paused_app"]}
    processes = {
        name: subprocess.Popen(
            [sys.executable, "-m", *commands[name], str(folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, folder in folders.items()
    }
    for name, process in processes.items():
        said, _ = process.communicate(timeout=DEADLINE_SECONDS)
        assert process.returncode == 0, f"{name}: {said}"
    return folders


@pytest.fixture(scope="session")
def stacks(synthesized: Mapping[str, Path]) -> Mapping[str, Stacks]:
    """Return each stage's templates. Tests that change them work on copies."""
    return {name: Stacks.read(synthesized[name]) for name in STAGES}


@pytest.fixture(scope="session")
def facts() -> Facts:
    """Return what the pipeline's code says."""
    return read_facts()
