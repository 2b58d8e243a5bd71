"""Dagster's status of partitions and checks as its UI gets it, by GraphQL from definitions in this process."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster_graphql.schema import create_schema

from tests.support.dagster_internals import loaded_definitions

_QUESTION = """query ($key: AssetKeyInput!, $partition: String!) { assetNodeOrError(assetKey: $key) {
  ... on AssetNode { staleStatus(partition: $partition) staleCauses(partition: $partition) { category reason } } } }"""

_CHECKS = """query ($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) {
  ... on AssetNode { assetChecksOrError { ... on AssetChecks { checks {
    name executionForLatestMaterialization { status evaluation { severity description } } } } } } } }"""

_CODE_LOCATION = """from bookmarkai_assets.definitions import build_defs
from bookmarkai_assets.settings.settings import load_settings

defs = build_defs(load_settings(env_file=None, **{settings!r}))
"""


@contextmanager
def code_location(instance: dg.DagsterInstance, settings: dict[str, Any], directory: Path) -> Iterator["StaleStatus"]:
    """Load the definitions of these settings, as a webserver would, and yield access to their assets' status."""
    # Another file each time, because Python would reuse the bytecode of one that was written in the same second.
    file = directory / f"location_{uuid4().hex}.py"
    values = {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
    file.write_text(_CODE_LOCATION.format(settings=values))
    with loaded_definitions(instance, file) as new_request:
        yield StaleStatus(new_request)


class StaleStatus:
    """Sends the queries of a partition's page."""

    def __init__(self, new_request: Callable[[], Any]) -> None:
        self._new_request = new_request
        self._schema = create_schema()

    def of(self, asset: str, partition: str) -> tuple[str, list[str]]:
        """Return a partition's status (FRESH, STALE, MISSING) and, sorted, the categories of its stale causes."""
        answer = self._schema.execute(
            _QUESTION,
            context_value=self._new_request(),
            variable_values={"key": {"path": [asset]}, "partition": partition},
        )
        assert not answer.errors, answer.errors
        node = answer.data["assetNodeOrError"]
        return node["staleStatus"], sorted(cause["category"] for cause in node["staleCauses"])

    def checks(self, asset: str) -> dict[str, tuple[str, str]]:
        """Return an asset's checks that have run: each one's status, such as SUCCEEDED, and what it says.

        A check that fails has its severity as its status, WARN or ERROR.
        """
        answer = asyncio.run(
            self._schema.execute_async(
                _CHECKS, context_value=self._new_request(), variable_values={"key": {"path": [asset]}}
            )
        )
        assert not answer.errors, answer.errors
        found = {}
        for check in answer.data["assetNodeOrError"]["assetChecksOrError"]["checks"]:
            if (execution := check["executionForLatestMaterialization"]) is not None:
                evaluation = execution["evaluation"] or {"severity": "", "description": None}
                status = evaluation["severity"] if execution["status"] == "FAILED" else execution["status"]
                found[check["name"]] = (status, evaluation["description"] or "")
        return found

    def statuses(self, asset: str, partitions: Sequence[str]) -> list[str]:
        """Return the partitions' statuses."""
        return [self.of(asset, partition)[0] for partition in partitions]
