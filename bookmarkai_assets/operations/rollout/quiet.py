"""Tells whether the rollout has to be measured again, and records what it was measured from.

A tick of the schedule asks this instead of launching a run. It reads what a run would read for the gate, and draws and
records nothing.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rollout.basis import TRANSFERS, Basis, list_changes
from bookmarkai_assets.core.rollout.gate import Judgement
from bookmarkai_assets.core.rollout.windows import GRID, WINDOWS, window_ending
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.rollout.current_policy import current_policy
from bookmarkai_assets.operations.rollout.evidence import judge_stage
from bookmarkai_assets.operations.rollout.history import read_state
from bookmarkai_assets.operations.rollout.measuring import read_gate_figures


class Measured(StrEnum):
    """What is made from a basis. The value is the name of its position in the catalog's cursors."""

    FIGURES = "rollout/measured"
    """The figures of today, and the checks."""
    STAGE = "rollout/asked"
    """The gate's answer."""


def reach_events(catalog: Catalog) -> int:
    """Add every event so far to the totals, and return the position reached."""
    while not (progress := catalog.totals.roll_up()).is_complete:
        pass
    return progress.position


def make_basis(
    catalog: Catalog,
    rules: PipelineRules,
    judgement: Judgement,
    *,
    position: int,
    decision_id: int | None,
    now: datetime,
) -> Basis:
    """Return what a measurement at `now` is made from. `position` is what `reach_events` returned before it began."""
    policy, verification = current_policy(catalog, rules), judgement.figures.verification
    return Basis(
        position=position,
        unfinished=catalog.totals.events_from(GRID.floor(now)),
        decision_id=decision_id,
        verified_at=verification.verified_at.isoformat() if verification else None,
        policy=policy.effect,
        answer={"verdict": judgement.verdict.value}
        | {result.rule.value: result.status.value for result in judgement.rules},
        windows=[name for name, length in WINDOWS.items() if catalog.totals.totals(window_ending(now, length))],
    )


def record_basis(catalog: Catalog, measured: Measured, basis: Basis) -> None:
    """Record what was measured, and from what. Call it once Dagster has the result."""
    catalog.cursors.set(measured.value, json.dumps(basis.as_dict(), sort_keys=True))


def find_changes(catalog: Catalog, rules: PipelineRules, *, now: datetime) -> Sequence[str]:
    """Return what has changed since the figures were measured and the gate was asked; empty if nothing has.

    More events than one step adds up are a change, and left to the run: a tick has no minute to spare.
    """
    progress = catalog.totals.roll_up()
    if not progress.is_complete:
        return [TRANSFERS]
    state = read_state(catalog)
    judgement = judge_stage(rules, read_gate_figures(catalog, rules, now=now), state, now=now)
    basis = make_basis(catalog, rules, judgement, position=progress.position, decision_id=state.decision_id, now=now)
    changes: dict[str, None] = {}
    for measured in Measured:
        kept = catalog.cursors.get(measured.value)
        changes |= dict.fromkeys(list_changes(None if kept is None else json.loads(kept), basis))
    return list(changes)
