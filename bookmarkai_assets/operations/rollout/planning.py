"""What the rollout's stages would bring, and what those that are past did bring, beside what was forecast of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rollout.forecast import (
    Load,
    StageForecast,
    forecast,
    from_json,
    load_of,
    new_media,
    offered,
    taken,
)
from bookmarkai_assets.core.rollout.stages import Decision, Stage
from bookmarkai_assets.core.rollout.windows import GRID, Window
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.rollout.evidence import FORECAST
from bookmarkai_assets.operations.rollout.measuring import expiry_days, recent_window


@dataclass(frozen=True)
class StageRecord:
    """A stretch of time that a stage counted for, by the decision that began it; `ended_at` is None while it counts.

    `forecast` is what was expected of it then, None if nobody asked. `actual` is what it brought, None until it has had
    five whole minutes.
    """

    decision: Decision
    stage: Stage
    ended_at: datetime | None
    forecast: StageForecast | None
    actual: Load | None


def plan_of(
    catalog: Catalog, rules: PipelineRules, *, now: datetime, stages: Sequence[Stage] | None = None
) -> Sequence[StageForecast]:
    """Forecast stages, by default those of the plan, from the new media of the last seven days and what is stored now.

    Nothing without new media in those days: there is nothing to forecast from.
    """
    window = recent_window(catalog, GRID.floor(now))
    totals = catalog.totals.totals(window)
    if not new_media(totals):
        return []
    inventory, days = catalog.media.inventory(), expiry_days(rules)
    return [
        forecast(offered(totals, stage).times(_DAY / window.length), inventory, stage, rules.prices, expiry_days=days)
        for stage in (rules.rollout.stages if stages is None else stages)
    ]


def stage_history(catalog: Catalog, rules: PipelineRules, *, now: datetime) -> Sequence[StageRecord]:
    """Hold each stretch of the rollout so far against its forecast, oldest first; what was rolled back is left out."""
    decisions = catalog.rollout.history(with_advice=False)
    ends = [*(d.decided_at for d in decisions[1:]), None][: len(decisions)]
    return [
        _record_of(catalog, rules, decision, decision.stage, ended_at, now=now)
        for decision, ended_at in zip(decisions, ends, strict=True)
        if decision.stage is not None and not decision.is_rolled_back
    ]


def _record_of(
    catalog: Catalog,
    rules: PipelineRules,
    decision: Decision,
    stage: Stage,
    ended_at: datetime | None,
    *,
    now: datetime,
) -> StageRecord:
    kept = decision.evidence.get(FORECAST)
    # The five minutes that a decision cuts are partly those of the stage before.
    start, end = GRID.ceil(decision.decided_at), GRID.floor(ended_at or now)
    actual = None
    if start < end:
        window = Window(start, end)
        a_day = taken(catalog.totals.totals(window)).times(_DAY / window.length)
        actual = load_of(a_day, rules.prices, expiry_days=expiry_days(rules))
    return StageRecord(decision, stage, ended_at, from_json(kept) if kept else None, actual)


_DAY = timedelta(days=1)
