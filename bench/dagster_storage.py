"""Simulate years of Dagster's records on PostgreSQL: their size, and how long the UI's queries take.

A day of real records is made by the pipeline itself, with fakes for sites and speech: runs of four shares each, and the
runs of an hour's upkeep. Each simulated day has copies of them, with ids of their own and the day's dates. Every night
`prune_history` removes what is older than it may be, as `dagster_retention` does, through Dagster's own API. With 90
days kept, each later day takes away what the day before the last 90 had left, so some days beyond 90 stand for years.
"""

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from common import machine
from sqlalchemy import Connection, create_engine, inspect, text

sys.path.insert(0, str(Path(__file__).parents[1]))  # for what is shared with the tests

from bookmarkai_assets.core.history import HistoryRules
from bookmarkai_assets.dagster_internals import open_instance, partition_range_tags
from bookmarkai_assets.definitions import EXECUTOR
from bookmarkai_assets.defs.dagster_retention import SHARE_ASSETS, InstanceHistory
from bookmarkai_assets.demo.dagster_dev import free_port
from bookmarkai_assets.demo.programs import ui_answers
from bookmarkai_assets.operations.history import prune_history
from tests.plugins.pipeline import Pipeline, make_pipeline
from tests.support.dagster_internals import execute_in_process_with
from tests.support.graphql import GraphQL
from tests.support.postgres import running_postgres

UPKEEP = "hourly_retry_debt"
"""The schedule of the upkeep that is simulated."""

_START_SECONDS = 300

QUERIES = {
    "runs": "{ runsOrError(limit: 30) { ... on Runs { results { id status startTime endTime tags { key value } "
    "assetSelection { path } } } } }",
    "a run's events": '{{ logsForRun(runId: "{run}", limit: 1000) {{ ... on EventConnection {{ events {{ __typename '
    "... on MessageEvent {{ message timestamp stepKey }} }} }} }} }}",
    "lineage": "{ assetNodes { assetKey { path } assetMaterializations(limit: 1) { timestamp runId } "
    "partitionStats { numMaterialized numPartitions numFailed } } }",
    "partitions": '{ assetNodeOrError(assetKey: {path: ["raw_video"]}) { ... on AssetNode { '
    "partitionKeysByDimension { partitionKeys } assetPartitionStatuses { ... on DefaultPartitionStatuses { "
    "materializedPartitions failedPartitions } } } } }",
    "an asset's events": '{ assetOrError(assetKey: {path: ["transcript"]}) { ... on Asset { '
    "assetMaterializations(limit: 50) { runId timestamp partition metadataEntries { label } } } } }",
}
"""What the pages of the UI ask most, shortened to what takes the server's time."""


@dataclass(frozen=True)
class Template:
    """A run whose rows are copied, and the shares that it names."""

    run_id: str
    shares: Sequence[str]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shares", type=int, default=1000, help="shares a day")
    parser.add_argument("--batch", type=int, default=4, help="shares a run")
    parser.add_argument("--keep", type=int, default=90, help="days that runs and partitions are kept")
    parser.add_argument("--beyond", type=int, default=5, help="days beyond these")
    parser.add_argument("--rounds", type=int, default=5, help="of each query")
    options = parser.parse_args()
    print(f"machine: {machine()}; {options.shares:,} shares a day in runs of {options.batch}", flush=True)
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        execute_in_process_with(patch, EXECUTOR)
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bookmarkai-bench-")))
        server = stack.enter_context(running_postgres())
        url = stack.enter_context(server.database())
        (directory / "dagster.yaml").write_text(
            f"storage:\n  postgres:\n    postgres_url: {url!r}\ntelemetry:\n  enabled: false\n"
            "python_logs:\n  python_log_level: ERROR\n"
        )
        instance = stack.enter_context(open_instance(str(directory)))
        pipeline = make_pipeline(directory, f"sqlite:///{directory / 'catalog.db'}")
        stack.callback(pipeline.catalog.close)
        pipeline.use_instance(instance)
        simulate(pipeline, url, directory, options)


def simulate(pipeline: Pipeline, url: str, directory: Path, options: argparse.Namespace) -> None:
    """Simulate the days and print what they left."""
    began = datetime.now(UTC).replace(hour=0, minute=0) - timedelta(days=options.keep + options.beyond)
    of_shares, of_upkeep = make_templates(pipeline, options.batch)
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    size_before = size(engine.connect())
    show_events(engine.connect(), of_shares)
    print("\n| day | runs | partitions | size MB | after the night MB | pruning s |\n|" + " --- |" * 6, flush=True)
    for number in range(1, options.keep + options.beyond + 1):
        day = began + timedelta(days=number)
        with engine.begin() as connection:
            for template, copies in ((of_shares, options.shares // options.batch), (of_upkeep, 24)):
                copy(connection, template, copies, day)
        if number == 1:
            measure_ui(directory, of_shares.run_id, "after the first day", options.rounds)
        is_shown = number in {1, options.keep // 3, options.keep} or number > options.keep
        before = size(engine.connect()) if is_shown else 0
        seconds = 0.0
        if number > options.keep:
            write_shares(pipeline, of_shares, options.shares // options.batch, day - timedelta(days=options.keep))
            seconds = prune(pipeline, options.keep, now=day + timedelta(days=1))
        if is_shown:
            with engine.connect() as connection:
                connection.execute(text("VACUUM ANALYZE"))
                runs, partitions = (
                    connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608 - as named here
                    for table in ("runs", "dynamic_partitions")
                )
                after = size(connection) - size_before
            print(
                f"| {number} | {runs:,} | {partitions:,} | {(before - size_before) / 1e6:,.0f} | {after / 1e6:,.0f} | "
                f"{seconds:.0f} |",
                flush=True,
            )
    measure_ui(directory, of_shares.run_id, f"after day {options.keep + options.beyond}", options.rounds)
    engine.dispose()


def make_templates(pipeline: Pipeline, batch: int) -> tuple[Template, Template]:
    """Run the pipeline over some shares, and an hour's upkeep. Their rows are what a day's are copied from."""
    shares = pipeline.share(*(f"template-{number}" for number in range(batch)))
    pipeline.instance.add_dynamic_partitions("shares", shares)
    of_shares = (
        pipeline.defs()
        .resolve_job_def("share_to_transcript")
        .execute_in_process(
            instance=pipeline.instance, tags=partition_range_tags(shares[0], shares[-1]), raise_on_error=False
        )
    )
    return Template(of_shares.run_id, shares), Template(pipeline.run_schedule(UPKEEP).run_id, ())


def show_events(connection: Connection, template: Template) -> None:
    """Print of which kinds the events of a run are that take most room."""
    statement = text(
        "SELECT coalesce(dagster_event_type, 'a log line'), count(*), sum(length(event)) AS bytes FROM event_logs "
        "WHERE run_id = :run GROUP BY 1 ORDER BY bytes DESC LIMIT 8"
    )
    for kind, count, length in connection.execute(statement, {"run": template.run_id}):
        print(f"{kind}: {count / len(template.shares):.1f} a share, {length / len(template.shares):,.0f} bytes a share")


def size(connection: Connection) -> int:
    """Return the bytes of the database, with its indexes."""
    return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def copy(connection: Connection, template: Template, copies: int, day: datetime) -> None:
    """Copy a run with all that belongs to it, each copy with ids of its own, spread over a day."""
    names = [template.run_id, *template.shares]
    salt = f"{day:%Y%m%d}"

    def renamed(column: str) -> str:
        for name in names:
            column = f"replace({column}, '{name}', md5('{name}{salt}' || n)::uuid::text)"
        return column

    moment = f"(timestamp '{day:%Y-%m-%d}' + n * interval '{86_000 // max(copies, 1)} seconds')"
    seconds = f"extract(epoch FROM {moment})"
    of_run = f"run_id = '{template.run_id}'"
    named = ", ".join(f"'{name}'" for name in names)
    changed = {
        "run_id": renamed("run_id"),
        "run_body": renamed("run_body"),
        "value": renamed("value"),
        "event": renamed("event"),
        "partition": renamed("partition"),
        "evaluation_event": renamed("evaluation_event"),
        "create_timestamp": moment,
        "update_timestamp": moment,
        "timestamp": moment,
        "evaluation_event_timestamp": moment,
        "start_time": seconds,
        "end_time": f"{seconds} + 9",
    }
    for table, condition in (
        ("runs", of_run),
        ("run_tags", of_run),
        ("event_logs", of_run),
        ("asset_check_executions", of_run),
        ("dynamic_partitions", f"partition IN ({named})"),
    ):
        columns = [column["name"] for column in inspect(connection).get_columns(table) if column["name"] != "id"]
        values = [changed.get(name, f'"{name}"') for name in columns]
        connection.exec_driver_sql(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} "  # noqa: S608 - as named here
            f"FROM (SELECT * FROM {table} WHERE {condition} ORDER BY id) AS one, generate_series(0, {copies - 1}) AS n "
            "ORDER BY n, id"
        )


def write_shares(pipeline: Pipeline, template: Template, copies: int, day: datetime) -> None:
    """Write the catalog's rows of a day's shares, which say that they were done that day."""
    rows = [
        str(uuid.UUID(hashlib.md5(f"{name}{day:%Y%m%d}{number}".encode(), usedforsecurity=False).hexdigest()))
        for number in range(copies)
        for name in template.shares
    ]
    with pipeline.catalog.database.writing() as connection:
        for share_id in rows:
            values = {"id": share_id, "moment": day.isoformat(timespec="microseconds")}
            connection.execute(
                text(
                    "INSERT INTO shares (id, user_id, url, status, created_at, updated_at) "
                    "VALUES (:id, :id, 'https://example.com/' || :id, 'done', :moment, :moment)"
                ),
                values,
            )
            connection.execute(
                text(
                    "INSERT INTO share_work (share_id, state, media_id, attempts, crashes, outcome, finished_at, "
                    "updated_at) VALUES (:id, 'done', :id, 1, 0, 'done', :moment, :moment)"
                ),
                values,
            )


def prune(pipeline: Pipeline, days: int, *, now: datetime) -> float:
    """Prune as the asset would that night, without its limit of time, and return the seconds."""
    began = time.monotonic()
    prune_history(
        InstanceHistory(pipeline.instance),
        pipeline.catalog,
        HistoryRules(days, days, None),
        share_assets={key.to_user_string() for key in SHARE_ASSETS},
        now=now,
        is_time_left=lambda: True,
    )
    return time.monotonic() - began


def measure_ui(directory: Path, run_id: str, when: str, rounds: int) -> None:
    """Print how long Dagster's webserver takes for each query: the first time, and the median after it."""
    with webserver(directory) as url:
        client = GraphQL(url)
        client.ask("{ version }")
        for name, query in QUERIES.items():
            times = []
            for _ in range(rounds):
                began = time.perf_counter()
                client.ask(query.format(run=run_id) if "{run}" in query else query)
                times.append(time.perf_counter() - began)
            print(f"UI {when}, {name}: first {times[0]:.2f} s, then {statistics.median(times[1:]):.2f} s", flush=True)


@contextmanager
def webserver(directory: Path) -> Iterator[str]:
    """Run Dagster's webserver over the storage. Yields its address."""
    port = free_port()
    command = [sys.executable, "-m", "dagster_webserver", "-m", "bookmarkai_assets.definitions", "-p", str(port)]
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(directory),
        "CATALOG_URL": f"sqlite:///{directory / 'catalog.db'}",
        "YTDLP_DOWNLOAD_DIR": str(directory / "media"),
    }
    with (
        (directory / "webserver.log").open("ab") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=Path(__file__).parents[1]) as process,
    ):
        try:
            url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + _START_SECONDS
            while not ui_answers(url):
                if time.monotonic() > deadline:
                    raise SystemExit(f"expected the UI, found: {(directory / 'webserver.log').read_text()[-2000:]}")
                time.sleep(0.5)
            yield url
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
