"""Read facts from the pipeline's code, as text: its packages are not installed here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import yaml

from bookmarkai_infra.checks.stacks import Facts

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "bookmarkai_assets"
SETTINGS = PACKAGE / "settings"
CONFIGURATIONS = (*sorted((ROOT / "deploy/ecs").glob("*.yaml")), ROOT / "deploy/cluster/workspace.yaml")


def read_facts() -> Facts:
    """Return what the stacks must agree on."""
    defaults = dict(read_settings())
    return Facts(
        expiry_days=int(str(defaults["S3_EXPIRY_DAYS"])),
        run_log_days=int(str(defaults["DAGSTER_RETENTION_RUN_DAYS"])),
        metrics=frozenset(read_metrics()),
        settings=frozenset(defaults) | frozenset(read_dagster_variables()),
    )


def read_settings() -> Iterator[tuple[str, object]]:
    """Yield each setting's variable and default. None if it has none, or one that is not written as a constant."""
    for file in sorted(SETTINGS.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Settings"):
                for field in node.body:
                    if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                        yield field.target.id.upper(), _default(field.value)


def _default(value: ast.expr | None) -> object:
    if isinstance(value, ast.Call) and value.args and isinstance(value.args[0], ast.Constant):
        return value.args[0].value
    return None


def read_metrics() -> Iterator[str]:
    """Yield the names of the metrics that the pipeline publishes."""
    tree = ast.parse((PACKAGE / "core/rollout/published_metrics.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == "MetricName":
            for member in node.body:
                if isinstance(member, ast.Assign) and isinstance(member.value, ast.Constant):
                    yield str(member.value.value)


def read_dagster_variables() -> Iterator[str]:
    """Yield the variables that Dagster's own configuration reads."""
    for file in CONFIGURATIONS:
        yield from _variables(yaml.safe_load(file.read_text()))


def _variables(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            if key == "env":
                yield str(one)
            else:
                yield from _variables(one)
    elif isinstance(value, list):
        for one in value:
            yield from _variables(one)
