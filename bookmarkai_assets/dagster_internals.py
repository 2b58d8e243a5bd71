"""What the pipeline needs of Dagster and Dagster does not publish. No other module touches any of it.

Published is what Dagster exports and marks as public, or shows in its documentation. Each function here says why that
will not do. Dagster's packages are pinned to one release because of this module: `tests/test_dagster_internals` holds
each function to what it promises, and is the first thing to run after raising the version.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import dagster as dg
from dagster._core.definitions.partitions.subset import DefaultPartitionsSubset
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    HIDDEN_TAG_PREFIX,
    MAX_RUNTIME_SECONDS_TAG,
    PARTITION_NAME_TAG,
    PRIORITY_TAG,
)
from typing_extensions import override

if TYPE_CHECKING:
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

# --- A step and its output -------------------------------------------------------------------------------------------


def narrow_to(context: dg.OutputContext, partitions: Collection[str]) -> None:
    """Tell Dagster which of the run's partitions this output materializes: these and no others.

    Dagster materializes all partitions of a run or, when the step fails, none; there is no published way in between
    (docs/adr/0002). An output without partitions would be recorded as a materialization of the asset as a whole. One
    without an asset is recorded as an output alone, so that the steps after it go on (docs/adr/0033).
    """
    if partitions:
        context._asset_partitions_subset = DefaultPartitionsSubset(set(partitions))  # noqa: SLF001 - see the docstring
    else:
        context._asset_key = None  # noqa: SLF001 - see the docstring


def run_of(context: dg.OutputContext | dg.InputContext) -> dg.DagsterRun:
    """Return the run whose step an IO manager stores for, or loads for.

    Published are an output's run id, without the run's tags and what it repeats, and of an input neither.
    """
    return context.step_context.dagster_run


# --- The graph of a run ----------------------------------------------------------------------------------------------


def assets_before(context: dg.AssetExecutionContext) -> list[dg.AssetKey]:
    """Return the assets of the run that this one is made from, directly or beyond others, the first one first.

    A step's context publishes the job, but not the job's graph of assets, nor what a job selects that was not launched
    with a selection.
    """
    graph = context.job_def.asset_layer.asset_graph
    above = _closure(context.asset_key, lambda key: graph.get(key).parent_keys) & _selected(context)
    return [key for key in graph.toposorted_asset_keys if key in above]


def is_last_of_run(context: dg.AssetExecutionContext) -> bool:
    """Whether no asset downstream of this one, of the same partitions, is part of the run.

    Assets of other partitions only look at this one as a whole. Not published, as `assets_before`.
    """
    graph = context.job_def.asset_layer.asset_graph
    partitions = graph.get(context.asset_key).partitions_def

    def children(key: dg.AssetKey) -> set[dg.AssetKey]:
        return {child for child in graph.get(key).child_keys if graph.get(child).partitions_def == partitions}

    return not _closure(context.asset_key, children) & _selected(context)


def _closure(start: dg.AssetKey, follow: Callable[[dg.AssetKey], AbstractSet[dg.AssetKey]]) -> set[dg.AssetKey]:
    found, frontier = set[dg.AssetKey](), {start}
    while frontier:
        frontier = {another for key in frontier for another in follow(key)} - found
        found |= frontier
    return found


def _selected(context: dg.AssetExecutionContext) -> frozenset[dg.AssetKey]:
    return frozenset(context.run.asset_selection or context.job_def.asset_layer.executable_asset_keys)


# --- The tags of a run -----------------------------------------------------------------------------------------------


def partition_range_tags(first: str, last: str) -> dict[str, str]:
    """Return the tags of a run of all partitions from `first` to `last`, in Dagster's order.

    A run request and an in-process run take one partition key; a range goes by tags, whose names are not exported.
    """
    return {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}


def partition_of(run: dg.DagsterRun) -> str | None:
    """Return the one partition of a run; None for a range, and without partitions.

    A run publishes its tags, and not the names of those that have its partitions.
    """
    return run.tags.get(PARTITION_NAME_TAG)


def partitions_named_by(run: dg.DagsterRun) -> list[str]:
    """Return the partition of a run, or the first and the last one of its range. Not published, as `partition_of`."""
    names = (PARTITION_NAME_TAG, ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG)
    return list(dict.fromkeys(run.tags[name] for name in names if name in run.tags))


def hidden_tag(name: str) -> str:
    """Return the full name of a run's tag that the UI does not show. The prefix of such tags is not exported."""
    return f"{HIDDEN_TAG_PREFIX}{name}"


def queue_tags(*, max_runtime_seconds: int, priority: int = 0) -> dict[str, str]:
    """Return the tags of a job that goes before others of lower priority, and is ended when it takes too long.

    The names of both are in Dagster's documentation, and not among its exports.
    """
    return {PRIORITY_TAG: str(priority), MAX_RUNTIME_SECONDS_TAG: str(max_runtime_seconds)}


# --- Failures --------------------------------------------------------------------------------------------------------


def step_failure_text(event: dg.DagsterEvent) -> str:
    """Return what a step says of its failure in one line: its own description, or the error that began it all.

    The sensor for failed runs publishes the events of failed steps, and not what is in them.
    """
    failure = event.step_failure_data
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return "; ".join(failure.user_failure_data.description.splitlines())
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message if error is not None else ""


def step_failure_metadata(event: dg.DagsterEvent, key: str) -> Any:  # noqa: ANN401 - any JSON
    """Return the value of one entry of a failed step's own metadata; None if it has none. As `step_failure_text`."""
    data = event.step_failure_data.user_failure_data
    entry = data.metadata.get(key) if data is not None else None
    return None if entry is None else entry.value


def end_as_failed(instance: dg.DagsterInstance, run: dg.DagsterRun, reason: str) -> None:
    """Record the end of a run whose process is dead: failed, or canceled if a person was ending it.

    Published is only a request to its launcher to end it.
    """
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, reason)
    else:
        instance.report_run_failed(run, reason)


PLACE_HOLDERS = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
"""The states in which a run holds a place in the queue."""


@dataclass(frozen=True)
class LaunchedRun:
    """A run that holds a place, and since when its process should be there, in seconds since 1970."""

    run: dg.DagsterRun
    launched_at: float


def launched_runs(instance: dg.DagsterInstance) -> list[LaunchedRun]:
    """Return the runs that hold a place in the queue, the newest first.

    A run whose process has not reported yet counts from the last change of its record, which was its launch. When a
    record changed is published for no other use than to page through runs.
    """
    records = instance.get_run_records(filters=dg.RunsFilter(statuses=list(PLACE_HOLDERS)))
    return [
        LaunchedRun(
            record.dagster_run,
            record.update_timestamp.replace(tzinfo=UTC).timestamp() if record.start_time is None else record.start_time,
        )
        for record in records
    ]


# --- An instance, its daemon and its limits --------------------------------------------------------------------------


def open_instance(home: str) -> dg.DagsterInstance:
    """Open Dagster on a home; the caller closes it. Published is only the one that DAGSTER_HOME names."""
    return dg.DagsterInstance.from_config(home)


def max_concurrent_runs(instance: dg.DagsterInstance) -> int | None:
    """Return how many runs `dagster.yaml` allows at a time, below 0 for any number; None where it names no limit.

    The instance publishes none of its configuration.
    """
    queue = instance.get_concurrency_config().run_queue_config
    return queue.max_concurrent_runs if queue is not None else None


@dataclass(frozen=True)
class Heartbeat:
    """The last sign of life of one part of the daemon. `timestamp` is in seconds since 1970."""

    timestamp: float
    has_errors: bool


def heartbeats(instance: dg.DagsterInstance) -> dict[str, Heartbeat]:
    """Return the last sign of life of each part of the daemon, by kind. Published by the webserver only (GraphQL)."""
    beats = instance.get_daemon_heartbeats()
    return {kind: Heartbeat(beat.timestamp, bool(beat.errors)) for kind, beat in beats.items()}


def required_daemons(instance: dg.DagsterInstance) -> list[str]:
    """Return the parts of the daemon that this instance needs, sorted. Published as `heartbeats`."""
    return sorted(instance.get_required_daemon_types())


def switch_states(instance: dg.DagsterInstance) -> dict[str, str]:
    """Return the states on record of sensors and schedules, by name: RUNNING, STOPPED, DECLARED_IN_CODE.

    Published as `heartbeats`.
    """
    return {state.instigator_name: str(state.status.value) for state in instance.all_instigator_state()}


def load_error_of_server(host: str, port: int) -> str | None:
    """Return why a code server could not load the definitions; None if it has them.

    Raises `DagsterUserCodeUnreachableError` if it does not answer. Published is the webserver's view of it (GraphQL).
    """
    from dagster._grpc.client import DagsterGrpcClient  # noqa: PLC0415 - only probes need it
    from dagster._serdes import deserialize_value  # noqa: PLC0415 - as above
    from dagster_shared.error import SerializableErrorInfo  # noqa: PLC0415 - as above

    answer = deserialize_value(DagsterGrpcClient(host=host, port=port).list_repositories())
    if not isinstance(answer, SerializableErrorInfo):
        return None
    while answer.cause is not None:
        answer = answer.cause
    return answer.message


# --- Partitions ------------------------------------------------------------------------------------------------------

_keys_of_ranges: WeakKeyDictionary[dg.DagsterInstance, dict[dg.PartitionKeyRange, Sequence[str]]] = WeakKeyDictionary()


_KEYS_PER_QUERY = 1000


def positions_of_partitions(instance: dg.DagsterInstance, name: str, keys: Sequence[str]) -> dict[str, int]:
    """Return the positions of those of `keys` that exist, and the position of the newest partition, whichever it is.

    `name` is that of the dynamic partitions. Positions grow in the order of adding. Between two that differ by one
    there is no other partition. Empty if there are no partitions.

    Published are whether one key exists, and the list of all keys, which takes longer the more there are. This reads
    by the indexes of Dagster's table. Raises TypeError for a storage that is not in a database.
    """
    from dagster._core.storage.event_log import SqlEventLogStorage  # noqa: PLC0415 - only the sensor's ticks need it
    from dagster._core.storage.event_log.schema import DynamicPartitionsTable as table  # noqa: N813, PLC0415 - as above

    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        found = type(storage).__name__
        raise TypeError(
            f"expected Dagster's storage in SQLite, PostgreSQL or MySQL, found {found}; change dagster.yaml"
        )
    ours, newest_first = table.c.partitions_def_name == name, table.c.id.desc()
    with storage.index_connection() as connection:
        rows = [
            row
            for start in range(0, len(keys), _KEYS_PER_QUERY)
            for row in connection.execute(
                table.select().where(ours, table.c.partition.in_(keys[start : start + _KEYS_PER_QUERY]))
            )
        ]
        # The newest row of all is found at once, and is nearly always one of ours.
        newest = connection.execute(table.select().order_by(newest_first).limit(1)).one_or_none()
        if newest is not None and newest.partitions_def_name != name:
            newest = connection.execute(table.select().where(ours).order_by(newest_first).limit(1)).one_or_none()
    return {row.partition: row.id for row in (*rows, *([newest] if newest else []))}


class PartitionsReadOnce(dg.DynamicPartitionsDefinition):
    """Dynamic partitions, in the order in which they were added, whose ranges are read once per instance.

    Dagster asks which partitions a run has for each of its outputs, checks and metadata, and reads all keys there are
    each time. What is added later lies behind every range. Where it asks is not published, nor is there a setting.
    """

    @override
    def get_partition_keys_in_range(self, partition_key_range: dg.PartitionKeyRange) -> Sequence[str]:
        with dg.partition_loading_context() as loading:
            instance = loading.dynamic_partitions_store
        if not isinstance(instance, dg.DagsterInstance):
            return super().get_partition_keys_in_range(partition_key_range)
        known = _keys_of_ranges.setdefault(instance, {})
        if partition_key_range not in known:
            known[partition_key_range] = super().get_partition_keys_in_range(partition_key_range)
        return known[partition_key_range]


# --- What Dagster keeps of the past ----------------------------------------------------------------------------------

_SAID_OF_ASSETS = {
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_OBSERVATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
}


@dataclass(frozen=True)
class Said:
    """What one event of a run says of an asset. `check` is the check's name if that was evaluated."""

    type: dg.DagsterEventType
    asset: dg.AssetKey
    partition: str | None
    check: str | None


def said_in(instance: dg.DagsterInstance, run_id: str) -> list[Said]:
    """Return what a run said of assets: materializations, observations and evaluated checks.

    Published are the events of assets, not those of a run, nor a check's.
    """
    found, cursor = list[Said](), None
    while True:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=_SAID_OF_ASSETS)
        events = [record.event_log_entry.dagster_event for record in page.records]
        found += [_said(event) for event in events if event is not None]
        if not page.has_more or not page.records:
            return found
        cursor = page.cursor


def _said(event: dg.DagsterEvent) -> Said:
    if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        evaluation = event.asset_check_evaluation_data
        return Said(event.event_type, evaluation.asset_key, evaluation.partition, evaluation.check_name)
    if event.asset_key is None:
        raise ValueError(f"expected an event about an asset, found a {event.event_type_value} that names none")
    return Said(event.event_type, event.asset_key, event.partition, None)


def latest_check_run(instance: dg.DagsterInstance, key: dg.AssetCheckKey, partition: str | None) -> str | None:
    """Return the id of the run that evaluated or planned a check last. Published by the webserver only."""
    from dagster._core.event_api import PartitionKeyFilter  # noqa: PLC0415 - only the retention needs it

    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [key], partition_filter=PartitionKeyFilter(key=partition)
    )
    return found[key].run_id if key in found else None


def checks_left_open(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[dg.AssetCheckKey]:
    """Return the checks that a run planned and did not evaluate, and that no later run has planned or evaluated.

    Once the run has failed, the UI shows each as "Execution failed". Not published is what a run planned.
    """
    planned = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED)
    keys = {
        entry.dagster_event.asset_check_planned_data.asset_check_key
        for entry in planned
        if entry.dagster_event is not None
    }
    evaluated = {
        dg.AssetCheckKey(said.asset, said.check) for said in said_in(instance, run.run_id) if said.check is not None
    }
    return sorted(
        (key for key in keys - evaluated if latest_check_run(instance, key, None) == run.run_id),
        key=lambda key: key.to_user_string(),
    )


def remove_run(instance: dg.DagsterInstance, run_id: str) -> int:
    """Remove a run with all it left, and return the bytes of the files that went.

    Published is `delete_run`. It removes the run first, so that what an interrupted removal left would never be found
    again. It leaves the run's logs, its checks, and on SQLite the file of its events, as large as it was.
    """
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage  # noqa: PLC0415 - loads SQLAlchemy
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage  # noqa: PLC0415 - as above

    freed = _remove_logs(instance, run_id)
    events = instance.event_log_storage
    if isinstance(events, SqlEventLogStorage):
        _remove_checks(instance, events, run_id)
    events.delete_events(run_id)
    if isinstance(events, SqliteEventLogStorage):
        shard = Path(events.path_for_shard(run_id))
        freed += _remove_files(shard.with_name(f"{shard.name}{suffix}") for suffix in ("", "-wal", "-shm"))
        # Else this process would take the file's tables for made, should it ever ask for the run again.
        events._initialized_dbs.discard(run_id)  # noqa: SLF001 - as above
    instance.run_storage.delete_run(run_id)
    return freed


def _remove_logs(instance: dg.DagsterInstance, run_id: str) -> int:
    from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager  # noqa: PLC0415 - as above

    manager, freed = instance.compute_log_manager, 0
    if isinstance(manager, LocalComputeLogManager):
        directory = Path(manager.get_captured_local_path([run_id, "any"], "out")).parent
        freed = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    manager.delete_logs(prefix=[run_id])
    return freed


def _remove_checks(instance: dg.DagsterInstance, events: "SqlEventLogStorage", run_id: str) -> None:
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable  # noqa: PLC0415 - as above

    # By asset and check as well, for the index begins with them.
    planned = {dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    records = instance.get_records_for_run(run_id, of_type=planned).records
    found = [record.event_log_entry.dagster_event for record in records]
    data: list[Any] = [event.event_specific_data for event in found if event is not None]
    table = AssetCheckExecutionsTable.c
    with events.index_connection() as connection:
        for asset, check in {(one.asset_key.to_string(), one.check_name) for one in data}:
            connection.execute(
                AssetCheckExecutionsTable.delete().where(
                    table.asset_key == asset, table.check_name == check, table.run_id == run_id
                )
            )


def _remove_files(paths: Iterable[Path]) -> int:
    freed = 0
    for path in paths:
        with suppress(FileNotFoundError):
            size = path.stat().st_size
            path.unlink()
            freed += size
    return freed


def has_backfills(instance: dg.DagsterInstance) -> bool:
    """Whether a backfill has not ended. Published by the webserver only."""
    from dagster._core.execution.backfill import (  # noqa: PLC0415 - as above
        BULK_ACTION_TERMINAL_STATUSES,
        BulkActionsFilter,
        BulkActionStatus,
    )

    going_on = [status for status in BulkActionStatus if status not in BULK_ACTION_TERMINAL_STATUSES]
    return instance.get_backfills_count(BulkActionsFilter(statuses=going_on)) > 0


def forget_partition_statuses(instance: dg.DagsterInstance, assets: Sequence[dg.AssetKey]) -> None:
    """Have Dagster work out anew which partitions of these assets are materialized.

    It adds to what it has worked out before for the same set of partitions. So it would show one that was removed and
    added again as materialized, if nobody has looked in between.
    """
    instance.wipe_asset_cached_status(list(assets))
