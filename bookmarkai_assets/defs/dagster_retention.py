"""The asset and the daily schedule that keep Dagster's own storage small for years."""

import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from typing_extensions import override

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.history import DagsterHistory, Fact, OldRun
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.dagster_internals import (
    Said,
    forget_partition_statuses,
    has_backfills,
    latest_check_run,
    partitions_named_by,
    remove_run,
    said_in,
)
from bookmarkai_assets.defs.common import STORAGE_ASSET, AutomationTag, upkeep_tags
from bookmarkai_assets.defs.raw_video import raw_video
from bookmarkai_assets.defs.shares import shares
from bookmarkai_assets.defs.stored_media import stored_media
from bookmarkai_assets.defs.transcript import transcript
from bookmarkai_assets.metadata.keys import describe_asset
from bookmarkai_assets.partitions import shares_partitions

SHARE_ASSETS = (raw_video.key, stored_media.key, transcript.key)
MAX_SECONDS = 1800
"""What is left then waits for the next day, so that other jobs of upkeep get their turn."""

_MATERIALIZATION, _OBSERVATION, _CHECK = "materialization", "observation", "check:"
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_NOT_ENDED = [status for status in dg.DagsterRunStatus if status not in _ENDED]


class InstanceHistory(DagsterHistory):
    """The history that an instance of Dagster keeps, on SQLite or PostgreSQL."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance

    @override
    def old_runs(self, *, ended_before: datetime, after: str | None, limit: int) -> Sequence[OldRun]:
        records = self._instance.get_run_records(
            dg.RunsFilter(statuses=_ENDED, updated_before=ended_before), limit=limit, ascending=True, cursor=after
        )
        return [OldRun(record.dagster_run.run_id, tuple(partitions_named_by(record.dagster_run))) for record in records]

    @override
    def facts(self, run_id: str) -> Sequence[Fact]:
        return [_fact(said) for said in said_in(self._instance, run_id)]

    @override
    def latest_run(self, fact: Fact) -> str | None:
        asset = dg.AssetKey.from_user_string(fact.asset)
        if fact.kind.startswith(_CHECK):
            key = dg.AssetCheckKey(asset, fact.kind.removeprefix(_CHECK))
            return latest_check_run(self._instance, key, fact.partition)
        wanted = dg.AssetRecordsFilter(
            asset_key=asset, asset_partitions=None if fact.partition is None else [fact.partition]
        )
        is_observation = fact.kind == _OBSERVATION
        fetch = self._instance.fetch_observations if is_observation else self._instance.fetch_materializations
        records = fetch(wanted, limit=1).records
        return records[0].run_id if records else None

    @override
    def remove_run(self, run_id: str) -> int:
        return remove_run(self._instance, run_id)

    @override
    def partitions(self) -> Sequence[str]:
        return self._instance.get_dynamic_partitions(shares_partitions.name or "")

    @override
    def partitions_in_use(self) -> Collection[str]:
        keys = list(self.partitions())
        if has_backfills(self._instance):
            return frozenset(keys)
        positions = {key: position for position, key in enumerate(keys)}
        in_use = set[str]()
        for run in self._instance.get_runs(dg.RunsFilter(statuses=_NOT_ENDED)):
            named = [positions[key] for key in partitions_named_by(run) if key in positions]
            if named:
                in_use.update(keys[min(named) : max(named) + 1])
        return in_use

    @override
    def remove_partition(self, key: str) -> None:
        self._instance.delete_dynamic_partition(shares_partitions.name or "", key)

    @override
    def forget_statuses(self) -> None:
        forget_partition_statuses(self._instance, SHARE_ASSETS)


def _fact(said: Said) -> Fact:
    if said.check is not None:
        kind = f"{_CHECK}{said.check}"
    else:
        kind = _OBSERVATION if said.type is dg.DagsterEventType.ASSET_OBSERVATION else _MATERIALIZATION
    return Fact(kind, said.asset.to_user_string(), said.partition)


@dg.asset(
    **STORAGE_ASSET,
    deps=[shares],
    freshness_policy=dg.FreshnessPolicy.cron(
        deadline_cron="0 12 * * *", lower_bound_delta=timedelta(hours=9, minutes=50)
    ),
    kinds={"dagster"},
    tags={"stage": "clean-up"},
    description=describe_asset(
        "dagster_retention",
        "Dagster's own records of long ago, removed: runs with their events and logs, and the partitions of shares "
        "that were done. What shows the latest of anything stays, and so does everything in the catalog.",
    ),
)
def dagster_retention(
    context: dg.AssetExecutionContext, catalog: dg.ResourceParam[Catalog], rules: dg.ResourceParam[PipelineRules]
) -> dg.MaterializeResult[None]:
    from bookmarkai_assets.metadata.history import history_metadata  # noqa: PLC0415 - only its own runs need it
    from bookmarkai_assets.operations.history import prune_history  # noqa: PLC0415 - as above

    ends_at = time.monotonic() + MAX_SECONDS
    report = prune_history(
        InstanceHistory(context.instance),
        catalog,
        rules.history,
        share_assets={key.to_user_string() for key in SHARE_ASSETS},
        now=datetime.now(UTC),
        is_time_left=lambda: time.monotonic() < ends_at,
    )
    return dg.MaterializeResult(metadata=history_metadata(report))


prune_dagster = dg.define_asset_job(
    "prune_dagster",
    selection=dg.AssetSelection.assets(dagster_retention),
    tags=upkeep_tags(max_runtime_hours=1),
    description="Remove Dagster's own records that are past their retention",
)

daily_dagster_retention = dg.ScheduleDefinition(
    name="daily_dagster_retention",
    job=prune_dagster,
    cron_schedule="10 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    tags=AutomationTag.CLEAN_UP.tags,
    description="Every night at 2:10 UTC, before the clean-up of media. Removes Dagster's records of long ago",
)
