"""`bookmarkai rollout history`: the rollout's decisions, who took each, when and why."""

from typing import Annotated, Any

import typer

from bookmarkai_assets.cli.output import clean, out, print_json, print_table
from bookmarkai_assets.cli.rollout.words import format_moment
from bookmarkai_assets.core.rollout.stages import Decision
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog

_MAX_CHARACTERS = 2000
"""The longest reason that is printed."""


def history(
    *,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, newest first")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the evidence of each")] = False,
) -> None:
    """List the rollout's decisions, newest first: the operators', the gate's, and its advice where that changed.

    The stage is the one that the rollout was in after the decision. The JSON also has each decision's evidence:
    figures, window and limits.

    Example: bookmarkai rollout history --json
    """
    with open_catalog(load_settings()) as catalog:
        decisions = list(reversed(catalog.rollout.history(limit=limit)))
    if as_json:
        print_json([_as_dict(decision) for decision in decisions])
    elif decisions:
        print_table(["#", "when", "what", "stage", "gate", "by", "reason"], [_row(decision) for decision in decisions])
    else:
        out.print("Nothing has been decided: the rollout has not begun.", soft_wrap=True)


def _row(decision: Decision) -> list[object]:
    stage = "-" if decision.stage is None else f"{decision.stage}{' (off)' if decision.is_rolled_back else ''}"
    return [
        decision.decision_id,
        format_moment(decision.decided_at).removesuffix(" UTC"),
        decision.action,
        stage,
        decision.verdict or "-",
        clean(decision.who),
        clean(decision.reason, _MAX_CHARACTERS),
    ]


def _as_dict(decision: Decision) -> dict[str, Any]:
    return {
        "decision_id": decision.decision_id,
        "previous_id": decision.previous_id,
        "action": decision.action.value,
        "stage": None if decision.stage is None else str(decision.stage),
        "is_rolled_back": decision.is_rolled_back,
        "decided_at": decision.decided_at.isoformat(),
        "decided_by": decision.decided_by,
        "actor": decision.actor,
        "reason": decision.reason,
        "verdict": decision.verdict,
        "evidence": dict(decision.evidence),
    }
