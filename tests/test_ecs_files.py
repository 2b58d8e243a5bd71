"""What deploy/ecs has for Dagster on AWS fits together, and is what Dagster and the stacks in infra/ read."""

import ast
import inspect
import os
import sqlite3
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]
from dagster_aws.ecs import EcsRunLauncher
from dagster_celery.launcher import CeleryRunLauncher
from moto import mock_aws

from bookmarkai_assets.adapters.catalog.tables.base import SCHEMA_VERSION_TABLE, metadata
from tests.support.project import PROJECT

ECS = PROJECT / "deploy" / "ecs"
OF_CELERY_ALONE = {"run_launcher", "run_monitoring"}
OF_ECS_ALONE = {"storage", "run_launcher", "run_monitoring", "run_coordinator", "concurrency"}


def configuration(path: Path) -> dict[str, Any]:
    """Return one of Dagster's files."""
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def test_with_and_without_celery_differ_only_in_the_launcher() -> None:
    """And in how long a run may take to begin: a task of its own is slower than a worker that waits."""
    tasks, celery = configuration(ECS / "dagster.yaml"), configuration(ECS / "dagster-celery.yaml")
    assert tasks.keys() == celery.keys()
    assert {name for name in tasks if tasks[name] != celery[name]} == OF_CELERY_ALONE


def test_ecs_and_cluster_differ_only_where_they_must() -> None:
    """The queue's limit comes from the stage, and the database's password by itself instead of in a URL."""
    ecs = configuration(ECS / "dagster-celery.yaml")
    cluster = configuration(PROJECT / "deploy" / "cluster" / "dagster.yaml")
    different = {name for name in ecs.keys() | cluster.keys() if ecs.get(name) != cluster.get(name)}
    assert different == OF_ECS_ALONE - OF_CELERY_ALONE
    assert ecs["run_coordinator"]["config"] == {
        **cluster["run_coordinator"]["config"],
        "max_concurrent_runs": {"env": "DAGSTER_MAX_RUNS"},
        "tag_concurrency_limits": cluster["concurrency"]["runs"]["tag_concurrency_limits"],
    }


def test_celerys_launcher_is_that_of_the_cluster() -> None:
    """The same broker, the same results, the same queue."""
    ecs = configuration(ECS / "dagster-celery.yaml")["run_launcher"]
    assert ecs == configuration(PROJECT / "deploy" / "cluster" / "dagster.yaml")["run_launcher"]
    assert ecs["config"].keys() <= CeleryRunLauncher.config_type().keys()


def test_the_launcher_takes_the_task_definition_that_infra_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named by RUN_TASK, and has a container named `run`. The launcher registers none of its own."""
    monkeypatch.setenv("RUN_TASK", "bookmarkai-dev-run")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    config = configuration(ECS / "dagster.yaml")["run_launcher"]["config"]
    assert config.keys() <= EcsRunLauncher.config_type().keys()  # type: ignore[no-untyped-call]
    with mock_aws():
        from boto3 import client

        container = {"name": "run", "image": "bookmarkai:0123abc", "memory": 4096}
        client("ecs").register_task_definition(family=os.environ["RUN_TASK"], containerDefinitions=[container])
        launcher = EcsRunLauncher(**config)
        assert str(launcher.task_definition).endswith("task-definition/bookmarkai-dev-run:1")
        assert len(client("ecs").list_task_definitions()["taskDefinitionArns"]) == 1
    assert launcher.secrets_tags == []


def calls_of_the_launcher() -> set[str]:
    """Return the methods of AWS's clients that the launcher's modules call."""
    calls = set()
    for name in ("launcher.py", "tasks.py", "utils.py"):
        tree = ast.parse((Path(inspect.getfile(EcsRunLauncher)).parent / name).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value).removeprefix("self.")
                if owner in {"ecs", "ec2", "logs", "logs_client", "secrets_manager"}:
                    calls.add(node.func.attr)
    return calls


def test_the_launcher_calls_what_its_role_allows() -> None:
    """A release of Dagster that calls more needs more. It registers a task definition only if none is named."""
    roles = (PROJECT / "infra" / "bookmarkai_infra" / "parts" / "roles.py").read_text(encoding="utf-8")
    expected = {
        "describe_task_definition": "ecs:DescribeTaskDefinition",
        "describe_tasks": "ecs:DescribeTasks",
        "get_log_events": "logs:GetLogEvents",
        "NetworkInterface": "ec2:DescribeNetworkInterfaces",
        "run_task": "ecs:RunTask",
        "stop_task": "ecs:StopTask",
    }
    assert calls_of_the_launcher() - {"register_task_definition"} == expected.keys()
    for action in (*expected.values(), "ecs:TagResource", "iam:PassRole"):
        assert f'"{action}"' in roles
    assert "RegisterTaskDefinition" not in roles


def test_the_tables_of_catalog_and_dagster_do_not_meet(tmp_path: Path) -> None:
    """Both are in one database there."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.get_runs(limit=1)
        instance.get_asset_keys()
    dagsters: set[str] = set()
    for file in tmp_path.rglob("*.db"):
        with sqlite3.connect(file) as database:
            dagsters |= {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        database.close()
    assert {"runs", "event_logs", "alembic_version"} <= dagsters
    assert {"shares", "media", "workers"} <= metadata.tables.keys()
    assert dagsters & {*metadata.tables, SCHEMA_VERSION_TABLE} == set()
