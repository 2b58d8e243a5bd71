"""Which modules use Dagster's internals: one of ours, and one of the tests."""

import ast
from pathlib import Path

from bookmarkai_assets import dagster_internals
from tests.support.project import PROJECT

UNPUBLISHED = {
    "all_instigator_state",
    "asset_layer",
    "compute_log_manager",
    "event_log_storage",
    "from_config",
    "get_backfills_count",
    "get_concurrency_config",
    "get_daemon_heartbeats",
    "get_partition_keys_in_range",
    "get_required_daemon_types",
    "report_run_failed",
    "run_storage",
    "step_context",
    "step_failure_data",
    "wipe_asset_cached_status",
}
"""What `dagster_internals` uses of Dagster that has no leading underscore and that Dagster does not mark as public."""


def private_imports(tree: ast.AST) -> set[str]:
    """Return Dagster's private modules that a file imports anywhere."""
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    return {name for name in modules if name.startswith("dagster") and "._" in name}


def foreign_private_attributes(tree: ast.AST) -> set[str]:
    """Return the private attributes that a file uses of anything except `self` and `cls`."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.endswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"})
    }


def knows_dagster(tree: ast.AST) -> bool:
    """Whether a file imports Dagster."""
    return any(
        (isinstance(node, ast.Import) and any(alias.name == "dagster" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "dagster")
        for node in ast.walk(tree)
    )


def test_no_other_module_touches_what_dagster_does_not_publish() -> None:
    """Dagster's private modules, private attributes and unpublished exports are used in no other module."""
    package = Path(dagster_internals.__file__).parent
    found = {}
    for path in package.rglob("*.py"):
        tree = ast.parse(path.read_text())
        touched = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        private = foreign_private_attributes(tree) if knows_dagster(tree) else set()
        found[str(path.relative_to(package))] = private_imports(tree) | private | (touched & UNPUBLISHED)
    ours = found.pop("dagster_internals.py")
    assert {name: things for name, things in found.items() if things} == {}
    assert ours >= UNPUBLISHED, "a name that is not used any more"


def test_tests_use_dagsters_internals_in_one_place() -> None:
    """A second file is loaded by Dagster's own processes, where nothing of ours can be imported yet."""
    importers = {
        str(path.relative_to(PROJECT))
        for folder in ("tests", "bench", "tools")
        for path in (PROJECT / folder).rglob("*.py")
        if "dagster" in path.read_text() and private_imports(ast.parse(path.read_text()))
    }
    assert importers == {
        "tests/support/dagster_internals.py",
        "tests/support/short_daemon_interval/sitecustomize.py",
    }
