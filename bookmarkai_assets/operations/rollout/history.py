"""Reads the rollout's history, and appends a decision to it while others may decide as well."""

from collections.abc import Callable
from dataclasses import replace

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import RolloutConflictError
from bookmarkai_assets.core.rollout.stages import Action, Decision, RolloutState, Stage, state_after


def read_state(catalog: Catalog) -> RolloutState:
    """Return the state of the rollout. Costs one indexed read; after a rollback or a resume, the whole history."""
    standing = catalog.rollout.standing()
    if standing is None:
        return RolloutState()
    if standing.action in {Action.ROLLBACK, Action.RESUME}:
        # Only earlier decisions say whether the stage was reached by an abort.
        return state_after(catalog.rollout.history(with_advice=False))
    return state_after([standing])


def read_newest_and_state(catalog: Catalog) -> tuple[Decision | None, RolloutState]:
    """Return the newest decision, advice included, and then the state.

    In this order, so that a decision in between makes the append conflict.
    """
    newest = next(iter(catalog.rollout.history(limit=1)), None)
    return newest, read_state(catalog)


def append_decision(
    catalog: Catalog, decide: Callable[[RolloutState], Decision], *, even_if_overtaken: bool = False
) -> Decision:
    """Append what `decide` returns for the present state, and return it with its id.

    Advice that the gate records at the same moment changes nothing that the person saw, so the decision follows it.
    Raises `RolloutConflictError` when somebody else decides at that moment, unless `even_if_overtaken`.
    """
    newest, seen = read_newest_and_state(catalog)
    state = seen
    while True:
        decision = replace(decide(state), previous_id=newest.decision_id if newest else None)
        try:
            return catalog.rollout.append(decision)
        except RolloutConflictError:
            last, (newest, state) = newest, read_newest_and_state(catalog)
            if newest == last:
                raise
            if state.decision_id != seen.decision_id and not even_if_overtaken:
                raise RolloutConflictError(_describe_conflict(catalog, seen)) from None


def _describe_conflict(catalog: Catalog, seen: RolloutState) -> str:
    first = catalog.rollout.standing()
    expected = f"expected decision {seen.decision_id} to stand" if seen.decision_id else "expected no decision yet"
    found = f"{first.who} decided {first.action} to {name_stage(first.stage)}" if first else "another"
    return f"{expected}, found that {found} at the same moment; nothing of yours was recorded: look, and decide again"


def name_stage(stage: Stage | None) -> str:
    """Return a stage in words."""
    return "a rollout that has not begun" if stage is None else str(stage)


def format_since(state: RolloutState) -> str:
    """Return since when a state holds, to be appended to its description; empty before the first decision."""
    return f" since {state.since:%Y-%m-%d %H:%M}" if state.since else ""
