"""How the rollout is advanced: by the gate, every few minutes, and by a person's commands. Each decision is a row.

Nothing here moves bytes or changes a setting: the next placement reads the newest decision and follows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import RolloutConflictError
from bookmarkai_assets.core.rollout.forecast import StageForecast
from bookmarkai_assets.core.rollout.gate import GateFigures, Judgement, RuleStatus, Verdict, judge
from bookmarkai_assets.core.rollout.stages import (
    GATE,
    NOTHING,
    OPERATOR,
    AbortTarget,
    Action,
    Decision,
    RolloutControl,
    RolloutState,
    Stage,
    last_held,
    state_after,
)
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.rollout.evidence import evidence_of, is_news, judged
from bookmarkai_assets.operations.rollout.history import append_decided, name_of, newest_and_state, since, state_of

__all__ = [
    "Evaluation",
    "abort",
    "evaluate",
    "promote",
    "resume",
    "roll_back",
    "set_stage",
    "state_of",
]


@dataclass(frozen=True)
class Evaluation:
    """What the gate said, the state that the rollout is in now, and the row that was kept, if anything was new.

    `overtaken_by` is the decision of somebody who was first: nothing was kept then, and the next evaluation looks anew.
    """

    judgement: Judgement
    state: RolloutState
    decision: Decision | None
    overtaken_by: Decision | None = None


def evaluate(
    catalog: Catalog,
    rules: PipelineRules,
    *,
    figures: GateFigures,
    now: datetime,
    actor: str,
    forecasts: Sequence[StageForecast] = (),
) -> Evaluation:
    """Judge the present stage and, under automatic control, promote or abort; else advise.

    Advice is kept when it is news, so that a day of holding is no 288 rows. Raises nothing when somebody decides at the
    same moment: theirs stands, and `overtaken_by` names it.
    """
    newest, state = newest_and_state(catalog)
    judgement = judged(rules, figures, state, now=now)
    action, stage = _proposal(catalog, rules, judgement, state)
    if action is Action.ADVISE and not is_news(judgement, newest):
        return Evaluation(judgement, state, None)
    decision = Decision(
        action=action,
        stage=stage,
        is_rolled_back=state.is_rolled_back,
        decided_at=now,
        decided_by=GATE,
        actor=actor,
        reason=_grounds(judgement, state),
        verdict=judgement.verdict,
        evidence=evidence_of(rules, state, stage, judgement, forecasts),
        previous_id=newest.decision_id if newest else None,
    )
    try:
        kept = catalog.rollout.append(decision)
    except RolloutConflictError:
        first, state = newest_and_state(catalog)
        return Evaluation(judgement, state, None, overtaken_by=first)
    return Evaluation(judgement, state if action is Action.ADVISE else state_after([kept]), kept)


def _proposal(
    catalog: Catalog, rules: PipelineRules, judgement: Judgement, state: RolloutState
) -> tuple[Action, Stage | None]:
    """Give what the gate does by itself, and the stage after it."""
    if rules.rollout.control is RolloutControl.MANUAL or judgement.verdict is Verdict.HOLD:
        return Action.ADVISE, state.stage
    if judgement.verdict is Verdict.ABORT:
        return Action.ABORT, _abort_target(catalog, rules)
    return Action.PROMOTE, rules.rollout.next_after(state.stage)


def _grounds(judgement: Judgement, state: RolloutState) -> str:
    """Say what the verdict rests on: of an abort what fails, and not what else stands against a promotion."""
    if judgement.verdict is Verdict.ABORT:
        return "; ".join(judgement.by_rule[rule].detail for rule in judgement.failing)
    return "; ".join(judgement.missing) or f"every rule passes and {state.stage} has had its time"


def _abort_target(catalog: Catalog, rules: PipelineRules) -> Stage:
    if rules.rollout.abort_to is AbortTarget.ZERO:
        return NOTHING
    return last_held(catalog.rollout.history(with_advice=False))


def promote(
    catalog: Catalog,
    rules: PipelineRules,
    *,
    figures: GateFigures,
    now: datetime,
    actor: str,
    reason: str,
    force: bool = False,
    forecasts: Sequence[StageForecast] = (),
) -> Decision:
    """Go on to the next stage, or begin with the first one.

    The gate has to agree: every rule passes and the least time is over. To begin, or to begin again from 0%, no rule
    may fail. `force` overrules it, which is recorded. Having been aborted is no obstacle: it waits for a person, and
    here is one. Raises `RolloutConflictError` when the gate does not agree, after the last stage and while rolled back.
    """

    def decide(state: RolloutState) -> Decision:
        if state.is_rolled_back:
            raise RolloutConflictError(
                f"expected a stage in effect to promote from, found the rollout rolled back{since(state)}: "
                "`bookmarkai rollout resume` takes that back; `bookmarkai rollout set` says before at which stage"
            )
        target = rules.rollout.next_after(state.stage)
        if target is None:
            raise RolloutConflictError(
                f"expected a stage above {state.stage} in ROLLOUT_STAGES, found none: set STORAGE_MODE=s3 when the "
                "rollout is complete, or add a stage"
            )
        judgement = judge(figures, rules.gate, replace(state, is_aborted=False), rules.rollout, now=now)
        against = _against(judgement, state)
        if against and not force:
            raise RolloutConflictError(
                f"expected the gate to agree to go from {name_of(state.stage)} to {target}, found: "
                f"{'; '.join(against)}. To overrule it: --force"
            )
        evidence = evidence_of(rules, state, target, judgement, forecasts) | ({"overruled": against} if against else {})
        return replace(
            _by_operator(Action.PROMOTE, target, state, now, actor, reason),
            verdict=judgement.verdict,
            evidence=evidence,
        )

    return append_decided(catalog, decide)


def _against(judgement: Judgement, state: RolloutState) -> list[str]:
    if state.stage is None or state.stage == NOTHING:
        return [result.detail for result in judgement.rules if result.status is RuleStatus.FAIL]
    return list(judgement.missing)


def set_stage(
    catalog: Catalog,
    rules: PipelineRules,
    stage: Stage,
    *,
    now: datetime,
    actor: str,
    reason: str,
    figures: GateFigures | None = None,
    forecasts: Sequence[StageForecast] = (),
) -> Decision:
    """Go to a stage that a person names, planned or not; the gate is not asked, its judgement is recorded.

    The present stage again counts anew: its time and its figures begin now. While rolled back it stays rolled back:
    that is how to come back at a lower stage than before. Raises `RolloutConflictError`.
    """

    def decide(state: RolloutState) -> Decision:
        decision = _by_operator(Action.SET, stage, state, now, actor, reason)
        return _with_evidence(decision, rules, state, figures, forecasts)

    return append_decided(catalog, decide)


def abort(
    catalog: Catalog,
    rules: PipelineRules,
    *,
    now: datetime,
    actor: str,
    reason: str,
    figures: GateFigures | None = None,
    forecasts: Sequence[StageForecast] = (),
) -> Decision:
    """Go back to the stage that held before, or to 0%, as `ROLLOUT_ABORT_TO` says.

    Raises `RolloutConflictError` where there is nothing to go back from: not begun, at 0%, rolled back. Raises
    `ValueError` without a reason.
    """
    _check_reason(reason)

    def decide(state: RolloutState) -> Decision:
        if state.is_rolled_back:
            raise RolloutConflictError(
                f"expected a stage in effect to abort, found the rollout rolled back{since(state)}: everything is "
                "local already; `bookmarkai rollout set` says at which stage to come back"
            )
        if state.stage is None or state.stage == NOTHING:
            raise RolloutConflictError(
                f"expected a stage in effect to abort, found {name_of(state.stage)}; to send everything to the local "
                "directory: `bookmarkai rollout rollback`"
            )
        target = _abort_target(catalog, rules)
        decision = _by_operator(Action.ABORT, target, state, now, actor, reason)
        return _with_evidence(decision, rules, state, figures, forecasts)

    return append_decided(catalog, decide)


def roll_back(
    catalog: Catalog,
    rules: PipelineRules,
    *,
    now: datetime,
    actor: str,
    reason: str,
    figures: GateFigures | None = None,
) -> Decision:
    """Send everything new to the local directory, from every worker's next placement on; the stage is remembered.

    Also in `STORAGE_MODE=s3` and before the rollout has begun. What somebody else decides at the same moment does not
    stop it. Raises `RolloutConflictError` when it is rolled back already, `ValueError` without a reason.
    """
    _check_reason(reason)

    def decide(state: RolloutState) -> Decision:
        if state.is_rolled_back:
            raise RolloutConflictError(
                f"expected a rollout to roll back, found it rolled back{since(state)}: everything is local already"
            )
        decision = replace(_by_operator(Action.ROLLBACK, state.stage, state, now, actor, reason), is_rolled_back=True)
        return _with_evidence(decision, rules, state, figures, ())

    return append_decided(catalog, decide, whatever_was_decided=True)


def resume(
    catalog: Catalog,
    rules: PipelineRules,
    *,
    now: datetime,
    actor: str,
    reason: str,
    figures: GateFigures | None = None,
) -> Decision:
    """Take a rollback back: the stage on record counts again, its time and its figures from now on.

    Raises `RolloutConflictError` when it is not rolled back.
    """

    def decide(state: RolloutState) -> Decision:
        if not state.is_rolled_back:
            raise RolloutConflictError(f"expected a rollback to take back, found {name_of(state.stage)} in effect")
        decision = replace(_by_operator(Action.RESUME, state.stage, state, now, actor, reason), is_rolled_back=False)
        return _with_evidence(decision, rules, state, figures, ())

    return append_decided(catalog, decide)


def _by_operator(
    action: Action, stage: Stage | None, state: RolloutState, now: datetime, actor: str, reason: str
) -> Decision:
    return Decision(
        action=action,
        stage=stage,
        is_rolled_back=state.is_rolled_back,
        decided_at=now,
        decided_by=OPERATOR,
        actor=actor,
        reason=reason,
    )


def _with_evidence(
    decision: Decision,
    rules: PipelineRules,
    state: RolloutState,
    figures: GateFigures | None,
    forecasts: Sequence[StageForecast],
) -> Decision:
    judgement = None
    if figures is not None:
        judgement = judged(rules, figures, state, now=decision.decided_at)
    return replace(
        decision,
        verdict=judgement.verdict if judgement else None,
        evidence=evidence_of(rules, state, decision.stage, judgement, forecasts),
    )


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise ValueError("expected a reason, for whoever reads the history, found none")
