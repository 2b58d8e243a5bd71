"""Forecasts what the rollout's stages would bring, and compares past stages with their forecast."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rollout.forecast import (
    Load,
    StageForecast,
    count_new_media,
    estimate_traffic,
    forecast,
    from_json,
    load_of,
    measure_traffic,
)
from bookmarkai_assets.core.rollout.stages import Decision, Stage
from bookmarkai_assets.core.rollout.windows import GRID, Window
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.rollout.evidence import FORECAST
from bookmarkai_assets.operations.rollout.measuring import expiry_days, find_recent_window


@dataclass(frozen=True)
class StageRecord:
    """The time from the decision that began a stage to the next one; `ended_at` is None for the present stage.

    `forecast` is the one that the decision was recorded with, None if there was none. `actual` is what the stage
    brought, None until it has had five whole minutes.
    """

    decision: Decision
    stage: Stage
    ended_at: datetime | None
    forecast: StageForecast | None
    actual: Load | None


def forecast_stages(
    catalog: Catalog, rules: PipelineRules, *, now: datetime, stages: Sequence[Stage] | None = None
) -> Sequence[StageForecast]:
    """Forecast stages, by default those of the plan, from the new media of the last seven days and what is stored now.

    Returns nothing if there were no new media in those days.
    """
    window = find_recent_window(catalog, GRID.floor(now))
    totals = catalog.totals.totals(window)
    if not count_new_media(totals):
        return []
    inventory, days = catalog.media.inventory(), expiry_days(rules)
    return [
        forecast(
            estimate_traffic(totals, stage).times(_DAY / window.length),
            inventory,
            stage,
            rules.prices,
            expiry_days=days,
        )
        for stage in (rules.rollout.stages if stages is None else stages)
    ]


def compare_stages(catalog: Catalog, rules: PipelineRules, *, now: datetime) -> Sequence[StageRecord]:
    """Return each stage so far with its forecast and what it brought, oldest first, without the times rolled back."""
    decisions = catalog.rollout.history(with_advice=False)
    ends = [*(d.decided_at for d in decisions[1:]), None][: len(decisions)]
    return [
        _compare_stage(catalog, rules, decision, decision.stage, ended_at, now=now)
        for decision, ended_at in zip(decisions, ends, strict=True)
        if decision.stage is not None and not decision.is_rolled_back
    ]


def _compare_stage(
    catalog: Catalog,
    rules: PipelineRules,
    decision: Decision,
    stage: Stage,
    ended_at: datetime | None,
    *,
    now: datetime,
) -> StageRecord:
    kept = decision.evidence.get(FORECAST)
    # The five minutes in which a decision falls belong partly to the stage before.
    start, end = GRID.ceil(decision.decided_at), GRID.floor(ended_at or now)
    actual = None
    if start < end:
        window = Window(start, end)
        a_day = measure_traffic(catalog.totals.totals(window)).times(_DAY / window.length)
        actual = load_of(a_day, rules.prices, expiry_days=expiry_days(rules))
    return StageRecord(decision, stage, ended_at, from_json(kept) if kept else None, actual)


_DAY = timedelta(days=1)
