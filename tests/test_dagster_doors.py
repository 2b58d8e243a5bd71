"""Who looks behind Dagster's doors: one module of ours, and one of the tests."""

import ast
from pathlib import Path

from bookmarkai_assets import dagster_internals
from tests.support.project import PROJECT

UNPUBLISHED = {
    "all_instigator_state",
    "asset_layer",
    "from_config",
    "get_concurrency_config",
    "get_daemon_heartbeats",
    "get_partition_keys_in_range",
    "get_required_daemon_types",
    "report_run_failed",
    "step_context",
    "step_failure_data",
}
"""What `dagster_internals` uses of Dagster without a leading underscore, and Dagster does not mark as public."""


def private_imports(tree: ast.AST) -> set[str]:
    """Name the modules of Dagster's own that are imported anywhere in a file."""
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    return {name for name in modules if name.startswith("dagster") and "._" in name}


def foreign_private_attributes(tree: ast.AST) -> set[str]:
    """Name the private attributes that a file touches of anything but `self` and `cls`."""
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
    """Its own modules, private attributes of its objects, and what it exports without a promise."""
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


def test_tests_keep_their_own_doors_into_dagster_in_one_place() -> None:
    """The second file is loaded by Dagster's own processes, where nothing of ours can be imported yet."""
    importers = {
        str(path.relative_to(PROJECT))
        for folder in ("tests", "bench", "tools")
        for path in (PROJECT / folder).rglob("*.py")
        if private_imports(ast.parse(path.read_text()))
    }
    assert importers == {
        "tests/support/dagster_internals.py",
        "tests/support/short_daemon_interval/sitecustomize.py",
    }
