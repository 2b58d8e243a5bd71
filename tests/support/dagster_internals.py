"""What tests need of Dagster beyond `bookmarkai_assets.dagster_internals`, and Dagster does not publish.

No other test imports it, except `short_daemon_interval`, which Dagster's own processes load.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions import executor_definition
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import StepMaterializationData
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorType
from dagster._core.storage.event_log import in_memory as in_memory_events
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from dagster._core.storage.runs import in_memory as in_memory_runs
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.storage.tags import TagType, get_tag_type
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.controller import create_daemon_of_type
from dagster._daemon.run_coordinator import QueuedRunCoordinatorDaemon
from dagster._daemon.types import DaemonHeartbeat
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import pack_value
from dagster_shared.error import SerializableErrorInfo
from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection

from bookmarkai_assets.dagster_internals import required_daemons


def interruption() -> BaseException:
    """Return what Dagster raises in a run's thread when a person ends the run."""
    return DagsterExecutionInterruptedError()


def is_hidden(tag: str) -> bool:
    """Whether the webserver leaves a run's tag out of what it sends to the UI."""
    kind: TagType = get_tag_type(tag)  # type: ignore[no-untyped-call]
    return kind is TagType.HIDDEN


def execute_in_process_with(patch: pytest.MonkeyPatch, executor: dg.ExecutorDefinition) -> None:
    """Have `execute_in_process` use this executor. Dagster replaces that of the definitions by one of its own."""
    patch.setattr(executor_definition, "execute_in_process_executor", executor)


def make_ephemeral_instances_quick(patch: pytest.MonkeyPatch) -> None:
    """Spare ephemeral instances what costs time and changes nothing in an in-memory database.

    That is Alembic's stamp, for which Dagster reads each of its migrations, twice per instance: a quarter of a second.
    And it is opening and preparing a connection for each of the hundreds of statements of a run: a tenth of its time.
    """
    for module in (in_memory_events, in_memory_runs):
        patch.setattr(module, "stamp_alembic_rev", lambda *_: None)
        patch.setattr(module, "create_engine", _pooled_engine)
    patch.setattr(in_memory_events.InMemoryEventLogStorage, "_connect", _connect_to_events)
    patch.setattr(in_memory_runs.InMemoryRunStorage, "connect", _connect_to_runs)


def _pooled_engine(url: str, **_: object) -> Engine:
    engine = create_engine(url, poolclass=QueuePool, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _record: object) -> None:
        connection.cursor().execute("PRAGMA foreign_keys=ON")

    return engine


@contextmanager
def _connect_to_events(storage: Any) -> Iterator[Connection]:
    with storage._db_lock, storage._engine.begin() as connection:
        yield connection


@contextmanager
def _connect_to_runs(storage: Any) -> Iterator[Connection]:
    with storage._engine.begin() as connection:
        yield connection


def record_materialization(instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str, at: datetime) -> None:
    """Record that a partition was materialized at a given time."""
    materialization = dg.DagsterEvent(
        dg.DagsterEventType.ASSET_MATERIALIZATION.value,
        job_name="RUNLESS",
        event_specific_data=StepMaterializationData(dg.AssetMaterialization(asset, partition=partition)),
    )
    instance.report_dagster_event(materialization, run_id="", timestamp=at.timestamp())


def rows_of_run(instance: dg.DagsterInstance, run_id: str) -> dict[str, int]:
    """Return how many rows Dagster's tables have of a run, by table, without those that have none."""
    runs, events = instance.run_storage, instance.event_log_storage
    assert isinstance(runs, SqlRunStorage)
    assert isinstance(events, SqlEventLogStorage)
    tables = {"runs": runs.connect, "run_tags": runs.connect}
    tables |= dict.fromkeys(("event_logs", "asset_check_executions"), events.index_connection)
    found = {}
    for table, connect in tables.items():
        with connect() as connection:
            found[table] = connection.execute(
                text(f"SELECT COUNT(*) FROM {table} WHERE run_id = :run_id"),  # noqa: S608 - a name from above
                {"run_id": run_id},
            ).scalar_one()
    return {table: count for table, count in found.items() if count}


def shown_as_materialized(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partitions: dg.PartitionsDefinition[str]
) -> set[str]:
    """Return the partitions that the UI counts as materialized, by what Dagster keeps of their statuses."""
    status = get_and_update_asset_status_cache_value(instance, asset, partitions)
    subset = status.deserialize_materialized_partition_subsets(partitions) if status else None
    return set(subset.get_partition_keys()) if subset else set()


def record_backfill(instance: dg.DagsterInstance, *, has_ended: bool) -> None:
    """Record a backfill of nothing, as the UI begins one."""
    status = BulkActionStatus.COMPLETED_SUCCESS if has_ended else BulkActionStatus.REQUESTED
    instance.add_backfill(
        PartitionBackfill(
            backfill_id=f"backfill-{has_ended}",
            status=status,
            from_failure=False,
            tags={},
            backfill_timestamp=0.0,
            asset_selection=[],
        )
    )


def record_heartbeats(instance: dg.DagsterInstance, *, timestamp: float, errors: list[str] | None = None) -> None:
    """Record a heartbeat of every part of a daemon, in seconds since 1970, with its errors."""
    infos = [SerializableErrorInfo(text, [], None) for text in errors or []]
    for kind in required_daemons(instance):
        instance.add_daemon_heartbeat(DaemonHeartbeat(timestamp, kind, "id", infos))


def record_switch(instance: dg.DagsterInstance, sensor: str, *, is_on: bool) -> None:
    """Switch a sensor, as a person does in the UI."""
    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(attribute="defs"))
    origin = RemoteRepositoryOrigin(code_location_origin=location, repository_name="repository")
    status = InstigatorStatus.RUNNING if is_on else InstigatorStatus.STOPPED
    state = InstigatorState(origin.get_instigator_origin(sensor), InstigatorType.SENSOR, status)
    instance.add_instigator_state(state)


@contextmanager
def loaded_definitions(instance: dg.DagsterInstance, file: Path) -> Iterator[Callable[[], Any]]:
    """Load the file's `defs` as a webserver would, and yield a maker of contexts for GraphQL requests."""
    origin = InProcessCodeLocationOrigin(LoadableTargetOrigin(python_file=str(file), attribute="defs"))
    with WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as workspace:
        yield workspace.create_request_context


def make_run_of_partition(instance: dg.DagsterInstance, job: str, partition: str) -> str:
    """Record a run of a job of the code location over one partition, as the sensor's daemon does. Returns its id."""
    location = ReconstructableRepository.for_module("bookmarkai_assets.definitions", "defs")
    made = location.get_reconstructable_job(job)
    run = instance.create_run_for_job(
        made.get_definition(), tags={"dagster/partition": partition}, job_code_origin=made.get_python_origin()
    )
    return run.run_id


def execute_as_a_celery_task(instance: dg.DagsterInstance, run_id: str) -> None:
    """Do in this process what a worker does with the task of a run, without a broker."""
    from dagster_celery.app import execute_job  # noqa: PLC0415 - Celery is an extra

    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.job_code_origin is not None
    arguments = ExecuteRunArgs(run.job_code_origin, run_id, instance.get_ref(), set_exit_code_on_failure=True)
    execute_job.run(execute_job_args_packed=pack_value(arguments))


def seconds_between_looks_at_the_queue(instance: dg.DagsterInstance) -> float:
    """Return the interval at which Dagster's daemon would look at this instance's queue of runs."""
    daemon = create_daemon_of_type(QueuedRunCoordinatorDaemon.daemon_type(), instance)
    assert isinstance(daemon, QueuedRunCoordinatorDaemon)
    return float(daemon.interval_seconds)
