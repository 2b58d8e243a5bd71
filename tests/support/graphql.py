"""A client of Dagster's webserver: it sends the UI's queries, and keeps every answer for later checks."""

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.deadlines import HANG_SECONDS


class GraphQLError(AssertionError):
    """The webserver refused a query, or an operation ended in one of its error types."""


@dataclass
class GraphQL:
    """Queries the webserver at `url`. `answers` are the raw texts that came back, oldest first."""

    url: str
    answers: list[str] = field(default_factory=list)

    def ask(self, query: str, **variables: Any) -> Any:
        """Return the `data` of an answer. Raises `GraphQLError` with the server's errors."""
        request = urllib.request.Request(
            f"{self.url}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=HANG_SECONDS) as response:
            text = response.read().decode()
        self.answers.append(text)
        answer = json.loads(text)
        if answer.get("errors"):
            raise GraphQLError(f"expected an answer to {query}, found {answer['errors']}")
        return answer["data"]

    def launch_backfill(self, assets: Sequence[str], partitions: Sequence[str]) -> str:
        """Launch the backfill that the UI's Materialize dialog launches, and return its id."""
        result = self.ask(
            """mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
                 __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }""",
            params={"assetSelection": [{"path": [asset]} for asset in assets], "partitionNames": partitions},
        )["launchPartitionBackfill"]
        if result["__typename"] != "LaunchBackfillSuccess":
            raise GraphQLError(f"expected a backfill of {assets}, found {result}")
        return str(result["backfillId"])

    def launch_job(self, job: str) -> str:
        """Launch a job as the UI's launchpad does, and return the run's id."""
        found = self.ask("{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }")
        (repository,) = found["repositoriesOrError"]["nodes"]
        result = self.ask(
            """mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
                 __typename ... on LaunchRunSuccess { run { id } } ... on PythonError { message } } }""",
            params={
                "selector": {
                    "jobName": job,
                    "repositoryName": repository["name"],
                    "repositoryLocationName": repository["location"]["name"],
                },
                "runConfigData": {},
            },
        )["launchRun"]
        if result["__typename"] != "LaunchRunSuccess":
            raise GraphQLError(f"expected a run of {job}, found {result}")
        return str(result["run"]["id"])

    def status_of(self, run_id: str) -> str:
        """Return a run's status."""
        found = self.ask("query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }", id=run_id)
        return str(found["runOrError"]["status"])

    def backfill(self, backfill_id: str) -> dict[str, Any]:
        """Return a backfill's status, counts per asset (`{asset: {targeted, materialized, failed}}`) and runs."""
        found = self.ask(
            """query ($id: String!) { partitionBackfillOrError(backfillId: $id) { __typename
                 ... on PartitionBackfill { status error { message } runs(limit: 100) { id status }
                   assetBackfillData { assetBackfillStatuses { ... on AssetPartitionsStatusCounts {
                     assetKey { path } numPartitionsTargeted numPartitionsMaterialized numPartitionsFailed } } }
               } } }""",
            id=backfill_id,
        )["partitionBackfillOrError"]
        if found["__typename"] != "PartitionBackfill":
            raise GraphQLError(f"expected the backfill {backfill_id}, found {found}")
        data = found["assetBackfillData"] or {"assetBackfillStatuses": []}
        counts = {
            status["assetKey"]["path"][-1]: {
                "targeted": status["numPartitionsTargeted"],
                "materialized": status["numPartitionsMaterialized"],
                "failed": status["numPartitionsFailed"],
            }
            for status in data["assetBackfillStatuses"]
        }
        return {"status": found["status"], "error": found["error"], "assets": counts, "runs": found["runs"]}

    def partition_keys(self, asset: str) -> list[str]:
        """Return an asset's partition keys in the order of their insertion."""
        keys: list[str] = self._asset(asset, "partitionKeys")["partitionKeys"]
        return keys

    def partitions(self, asset: str) -> dict[str, list[str]]:
        """Return an asset's partition keys by state: materialized, failed, unmaterialized, materializing."""
        node = self._asset(
            asset,
            """assetPartitionStatuses { ... on DefaultPartitionStatuses {
                 materializedPartitions failedPartitions unmaterializedPartitions materializingPartitions } }""",
        )
        return {name.removesuffix("Partitions"): keys for name, keys in node["assetPartitionStatuses"].items()}

    def materializations(self, asset: str, partition: str) -> list[dict[str, Any]]:
        """Return a partition's materializations, newest first: `runId`, `timestamp`, `metadataEntries`."""
        fields = (
            "label ... on TextMetadataEntry { text } ... on UrlMetadataEntry { url } ... on PathMetadataEntry { path }"
        )
        node = self._asset(
            asset,
            f"assetMaterializations(partitions: [$partition]) {{ runId timestamp metadataEntries {{ {fields} }} }}",
            declared="$partition: String!",
            partition=partition,
        )
        found: list[dict[str, Any]] = node["assetMaterializations"]
        return found

    def runs_of(self, partition: str) -> list[dict[str, Any]]:
        """Return the runs of a single partition, newest first, with `id`, `status` and log `messages`."""
        found = self.ask(
            """query ($filter: RunsFilter!) { runsOrError(filter: $filter) { ... on Runs { results {
                 id status eventConnection { events { ... on MessageEvent { message } } } } } } }""",
            filter={"tags": [{"key": "dagster/partition", "value": partition}]},
        )["runsOrError"]["results"]
        return [
            {
                "id": run["id"],
                "status": run["status"],
                "messages": [event["message"] for event in run["eventConnection"]["events"]],
            }
            for run in found
        ]

    def _asset(self, asset: str, selection: str, *, declared: str = "", **variables: Any) -> dict[str, Any]:
        declarations = ", ".join(filter(None, ("$key: AssetKeyInput!", declared)))
        query = (
            f"query ({declarations}) {{ assetNodeOrError(assetKey: $key) {{ __typename "
            f"... on AssetNode {{ {selection} }} }} }}"
        )
        node: dict[str, Any] = self.ask(query, key={"path": [asset]}, **variables)["assetNodeOrError"]
        if node["__typename"] != "AssetNode":
            raise GraphQLError(f"expected the asset {asset}, found {node}")
        return node
