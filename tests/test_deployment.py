"""What operators copy from deploy/ fits together, and is what the programs read."""

import re
import shlex
from pathlib import Path

import pytest

from bookmarkai_assets.demo.cluster.run import problems_of_runs
from bookmarkai_assets.demo.run import WorkerRun
from bookmarkai_assets.settings.settings import Settings, load_settings
from tests.support.project import PROJECT

CLUSTER = PROJECT / "deploy" / "cluster"
UNITS = sorted((CLUSTER / "systemd").iterdir())
PROGRAMS = {"bookmarkai", "dagster", "dagster-daemon", "dagster-webserver"}
DAGSTERS_OWN = {"DAGSTER_POSTGRES_URL", "BOOKMARKAI_CODE_HOST", "BOOKMARKAI_CODE_PORT"}
"""Variables that only Dagster's files and the units read."""


def environment() -> dict[str, str]:
    """Return the variables of the environment file."""
    lines = (CLUSTER / "bookmarkai.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("name", ["dagster.yaml", "workspace.yaml"])
def test_dagsters_files_read_what_the_environment_file_has(name: str) -> None:
    """Each variable that they name is set there, so that no process starts half configured."""
    named = set(re.findall(r"env: (\w+)", (CLUSTER / name).read_text(encoding="utf-8")))
    assert named
    assert named <= environment().keys()


def test_the_environment_file_has_only_settings_that_exist() -> None:
    """Each is a setting of ours with a usable value, or one of the few that Dagster's own files read."""
    ours = {name: value for name, value in environment().items() if name not in DAGSTERS_OWN}
    assert ours.keys() <= {name.upper() for name in Settings.model_fields}
    settings = load_settings(env_file=None, **{name.lower(): value for name, value in ours.items()})
    assert settings.celery_broker_url is not None
    assert "PASSWORD" not in str(settings.shown().values())


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_a_program_of_ours_as_a_user_without_privileges(unit: Path) -> None:
    """It reads the environment file, and comes back after a crash."""
    text = unit.read_text(encoding="utf-8")
    (command,) = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)
    program = Path(shlex.split(command)[0])
    assert (str(program.parent), program.name in PROGRAMS) == ("/opt/bookmarkai/bin", True)
    for line in ("User=bookmarkai", "EnvironmentFile=/etc/bookmarkai/bookmarkai.env", "Restart=always"):
        assert f"\n{line}\n" in text
    assert "PASSWORD" not in text


def test_one_machine_and_cluster_differ_only_where_they_must() -> None:
    """What is set for one machine is set for a cluster as well: limits, monitoring, retries, retention, logs."""
    of_cluster = (CLUSTER / "dagster.yaml").read_text(encoding="utf-8")
    of_one = (PROJECT / "dagster_home" / "dagster.yaml").read_text(encoding="utf-8")
    settings = {line.strip() for line in of_one.splitlines() if line.strip() and not line.strip().startswith("#")}
    assert {line for line in settings if line not in of_cluster} == set()


def test_a_run_that_is_left_over_or_on_no_worker_is_a_problem() -> None:
    """So is a cluster without any run."""
    good = WorkerRun("a", "SUCCESS", "worker-1", 1.0)
    failed = WorkerRun("b", "FAILURE", "worker-1", 1.0)
    assert problems_of_runs([good, failed], ["worker-1"]) == []
    [left] = problems_of_runs([good, WorkerRun("c", "STARTED", "worker-1", 1.0)], ["worker-1"])
    assert "found STARTED" in left
    [stray] = problems_of_runs([good, WorkerRun("d", "SUCCESS", None, 1.0)], ["worker-1"])
    assert "found None" in stray
    assert problems_of_runs([], ["worker-1"]) != []
