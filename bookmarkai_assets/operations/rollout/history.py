"""The rollout's history read and continued: where it stands, and how a decision is added when others decide as well."""

from collections.abc import Callable
from dataclasses import replace

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import RolloutConflictError
from bookmarkai_assets.core.rollout.stages import Action, Decision, RolloutState, Stage, state_after


def state_of(catalog: Catalog) -> RolloutState:
    """Read where the rollout is. Costs one look, except after a rollback or a resume, which reads the history."""
    standing = catalog.rollout.standing()
    if standing is None:
        return RolloutState()
    if standing.action in {Action.ROLLBACK, Action.RESUME}:
        # Whether the stage was reached by an abort is said further back.
        return state_after(catalog.rollout.history(with_advice=False))
    return state_after([standing])


def newest_and_state(catalog: Catalog) -> tuple[Decision | None, RolloutState]:
    """Read the newest row, then the state: a decision that comes in between makes the append conflict."""
    newest = next(iter(catalog.rollout.history(limit=1)), None)
    return newest, state_of(catalog)


def append_decided(
    catalog: Catalog, decide: Callable[[RolloutState], Decision], *, whatever_was_decided: bool = False
) -> Decision:
    """Keep what a person decides on the state as it is.

    Advice that the gate records at the same moment changes nothing that the person saw, so the decision follows it.
    """
    newest, seen = newest_and_state(catalog)
    state = seen
    while True:
        decision = replace(decide(state), previous_id=newest.decision_id if newest else None)
        try:
            return catalog.rollout.append(decision)
        except RolloutConflictError:
            last, (newest, state) = newest, newest_and_state(catalog)
            if newest == last:
                raise
            if state.decision_id != seen.decision_id and not whatever_was_decided:
                raise RolloutConflictError(_overtaken(catalog, seen)) from None


def _overtaken(catalog: Catalog, seen: RolloutState) -> str:
    first = catalog.rollout.standing()
    expected = f"expected decision {seen.decision_id} to stand" if seen.decision_id else "expected no decision yet"
    found = f"{first.who} decided {first.action} to {name_of(first.stage)}" if first else "another"
    return f"{expected}, found that {found} at the same moment; nothing of yours was recorded: look, and decide again"


def name_of(stage: Stage | None) -> str:
    """Give a stage in words."""
    return "a rollout that has not begun" if stage is None else str(stage)


def since(state: RolloutState) -> str:
    """Say since when a state holds, to go behind what it is; empty before the first decision."""
    return f" since {state.since:%Y-%m-%d %H:%M}" if state.since else ""
