"""The sensor that shows in Dagster the decisions taken elsewhere: by command, or by a run that died afterwards."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import dagster as dg

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rollout.policy import resolve_policy
from bookmarkai_assets.core.rollout.stages import Decision
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.defs.common import AutomationTag
from bookmarkai_assets.defs.rollout_stage import DECISION_TAG, rollout_stage
from bookmarkai_assets.metadata.rollout import decision_metadata

_CLOCKS_APART = timedelta(days=1)
"""How far the clock behind a decision may be ahead of Dagster's, with the decision still shown once."""

_PAGE = 500


@dg.sensor(
    minimum_interval_seconds=20,
    default_status=dg.DefaultSensorStatus.RUNNING,
    tags=AutomationTag.TELL.tags,
    description="Shows each decision about the rollout as a materialization of rollout_stage, whoever took it. It is "
    "idle while nobody decides",
)
def rollout_decisions(
    context: dg.SensorEvaluationContext,
    catalog: dg.ResourceParam[Catalog],
    rules: dg.ResourceParam[PipelineRules],
) -> dg.SensorResult | dg.SkipReason:
    seen = int(context.cursor or 0)
    unseen = _read_decisions_after(catalog, seen)
    if not unseen:
        return dg.SkipReason("nothing was decided")
    # The cursor only saves work. If a tick's events were kept and its cursor was not, its decisions are in `shown`.
    shown = _find_shown(context.instance, unseen[0].decided_at - _CLOCKS_APART)
    open_ = [decision for decision in unseen if decision.decision_id not in shown]
    pending = {d.decision_id for d in open_ if _is_being_shown(context.instance, d)}
    return dg.SensorResult(
        asset_events=[_make_event(d, rules) for d in open_ if d.decision_id not in pending],
        cursor=str(min(pending) - 1 if pending else unseen[-1].decision_id),
    )


def _read_decisions_after(catalog: Catalog, seen: int) -> list[Decision]:
    newest = catalog.rollout.history(limit=1)
    if not newest or newest[0].decision_id <= seen:
        return []
    # Ids rise, so there are at most as many decisions as the difference of the ids.
    latest = catalog.rollout.history(limit=newest[0].decision_id - seen)
    return [decision for decision in latest if decision.decision_id > seen]


def _find_shown(instance: dg.DagsterInstance, moment: datetime) -> set[int]:
    """Return the ids of the decisions that Dagster has a materialization of."""
    return {
        int(tags[DECISION_TAG])
        for record in _read_materializations(instance, moment)
        if record.asset_materialization and DECISION_TAG in (tags := record.asset_materialization.tags or {})
    }


def _read_materializations(instance: dg.DagsterInstance, since: datetime) -> Iterator[dg.EventLogRecord]:
    records = dg.AssetRecordsFilter(asset_key=rollout_stage.key, after_timestamp=since.timestamp())
    page = instance.fetch_materializations(records, limit=_PAGE)
    yield from page.records
    while page.has_more:
        page = instance.fetch_materializations(records, limit=_PAGE, cursor=page.cursor)
        yield from page.records


def _is_being_shown(instance: dg.DagsterInstance, decision: Decision) -> bool:
    """Whether a run of the asset took this decision and is about to show it."""
    run = instance.get_run_by_id(decision.actor)
    return run is not None and not run.is_finished


def _make_event(decision: Decision, rules: PipelineRules) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        rollout_stage.key,
        metadata=decision_metadata(decision, resolve_policy(rules.storage, decision), rules),
        tags={DECISION_TAG: str(decision.decision_id)},
    )
