"""Decides about the rollout: the gate every few minutes, and an operator by command. Each decision is one row.

Nothing here moves bytes or changes a setting. The next placement reads the newest decision and follows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import RolloutConflictError
from bookmarkai_assets.core.rollout.forecast import StageForecast
from bookmarkai_assets.core.rollout.gate import GateFigures, Judgement, RuleStatus, Verdict, judge
from bookmarkai_assets.core.rollout.policy import STAGED_MODE
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
    find_last_held,
    state_after,
)
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.rollout.evidence import collect_evidence, is_news, judge_stage
from bookmarkai_assets.operations.rollout.history import (
    append_decision,
    format_since,
    name_stage,
    read_newest_and_state,
    read_state,
)

__all__ = [
    "Evaluation",
    "abort",
    "evaluate",
    "promote",
    "read_state",
    "resume",
    "roll_back",
    "set_stage",
]


@dataclass(frozen=True)
class Evaluation:
    """The gate's judgement, the state of the rollout after it, and the decision that was recorded, if any.

    `overtaken_by` is a decision that somebody else recorded first. Nothing was recorded then; the next evaluation
    starts from that decision.
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

    Advice is recorded only when it is news, because a day of holding would be 288 rows. When somebody else decides at
    the same moment, their decision stands, `overtaken_by` names it, and nothing is raised.
    """
    newest, state = read_newest_and_state(catalog)
    judgement = judge_stage(rules, figures, state, now=now)
    action, stage = _propose(catalog, rules, judgement, state)
    if action is Action.ADVISE and not is_news(judgement, newest):
        return Evaluation(judgement, state, None)
    decision = Decision(
        action=action,
        stage=stage,
        is_rolled_back=state.is_rolled_back,
        decided_at=now,
        decided_by=GATE,
        actor=actor,
        reason=_explain(judgement, state),
        verdict=judgement.verdict,
        evidence=collect_evidence(rules, state, stage, judgement, forecasts),
        previous_id=newest.decision_id if newest else None,
    )
    try:
        kept = catalog.rollout.append(decision)
    except RolloutConflictError:
        first, state = read_newest_and_state(catalog)
        return Evaluation(judgement, state, None, overtaken_by=first)
    return Evaluation(judgement, state if action is Action.ADVISE else state_after([kept]), kept)


def _propose(
    catalog: Catalog, rules: PipelineRules, judgement: Judgement, state: RolloutState
) -> tuple[Action, Stage | None]:
    """Return what the gate does by itself, and the stage after it."""
    if rules.rollout.control is RolloutControl.MANUAL or judgement.verdict is Verdict.HOLD:
        return Action.ADVISE, state.stage
    if judgement.verdict is Verdict.ABORT:
        return Action.ABORT, _find_abort_target(catalog, rules)
    return Action.PROMOTE, rules.rollout.next_after(state.stage)


def _explain(judgement: Judgement, state: RolloutState) -> str:
    """Return the reason to record: for an abort what fails, and not what else stands against a promotion."""
    if judgement.verdict is Verdict.ABORT:
        return "; ".join(judgement.by_rule[rule].detail for rule in judgement.failing)
    return "; ".join(judgement.missing) or f"every rule passes and {state.stage} has had its time"


def _find_abort_target(catalog: Catalog, rules: PipelineRules) -> Stage:
    if rules.rollout.abort_to is AbortTarget.ZERO:
        return NOTHING
    return find_last_held(catalog.rollout.history(with_advice=False))


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
    may fail. And the stage must count for a worker that is alive, or for this process. Otherwise its time would run
    while nothing is tried. `force` overrules both, which is recorded. A stage reached by an abort is no obstacle: it
    waits for a person, and this is one. Raises `RolloutConflictError` when the gate does not agree, after the last
    stage and while rolled back.
    """

    def decide(state: RolloutState) -> Decision:
        if state.is_rolled_back:
            raise RolloutConflictError(
                f"expected a stage in effect to promote from, found the rollout rolled back{format_since(state)}: "
                "`bookmarkai rollout resume` takes that back; `bookmarkai rollout set` says before at which stage"
            )
        target = rules.rollout.next_after(state.stage)
        if target is None:
            raise RolloutConflictError(
                f"expected a stage above {state.stage} in ROLLOUT_STAGES, found none: set STORAGE_MODE=s3 when the "
                "rollout is complete, or add a stage"
            )
        judgement = judge(figures, rules.gate, replace(state, is_aborted=False), rules.rollout, now=now)
        objections = [*_list_effect_objections(catalog, rules, now=now), *_list_objections(judgement, state)]
        if objections and not force:
            raise RolloutConflictError(
                f"expected the gate to agree to go from {name_stage(state.stage)} to {target}, found: "
                f"{'; '.join(objections)}. To overrule it: --force"
            )
        evidence = collect_evidence(rules, state, target, judgement, forecasts)
        if objections:
            evidence["overruled"] = objections
        return replace(
            _make_decision(Action.PROMOTE, target, state, now, actor, reason),
            verdict=judgement.verdict,
            evidence=evidence,
        )

    return append_decision(catalog, decide)


def _list_effect_objections(catalog: Catalog, rules: PipelineRules, *, now: datetime) -> list[str]:
    modes = {rules.storage.mode.value, *(worker.storage_mode for worker in catalog.workers.living(now=now))}
    if STAGED_MODE in modes:
        return []
    found = ", ".join(sorted(modes))
    return [
        f"stages count in STORAGE_MODE={STAGED_MODE} alone, which neither this command nor a worker has (found {found})"
    ]


def _list_objections(judgement: Judgement, state: RolloutState) -> list[str]:
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
    """Go to a stage that a person names, planned or not. The gate is not asked; its judgement is recorded.

    The stage's time and its figures begin now, also when it is the present stage again. A rollout that is rolled back
    stays so: that is how to come back at a lower stage than before. Raises `RolloutConflictError`.
    """

    def decide(state: RolloutState) -> Decision:
        decision = _make_decision(Action.SET, stage, state, now, actor, reason)
        return _add_evidence(decision, rules, state, figures, forecasts)

    return append_decision(catalog, decide)


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

    Raises `RolloutConflictError` where there is nothing to go back from: not begun, at 0% or rolled back. Raises
    `ValueError` without a reason.
    """
    _check_reason(reason)

    def decide(state: RolloutState) -> Decision:
        if state.is_rolled_back:
            raise RolloutConflictError(
                f"expected a stage in effect to abort, found the rollout rolled back{format_since(state)}: everything "
                "is local already; `bookmarkai rollout set` says at which stage to come back"
            )
        if state.stage is None or state.stage == NOTHING:
            raise RolloutConflictError(
                f"expected a stage in effect to abort, found {name_stage(state.stage)}; to send everything to the "
                "local directory: `bookmarkai rollout rollback`"
            )
        target = _find_abort_target(catalog, rules)
        decision = _make_decision(Action.ABORT, target, state, now, actor, reason)
        return _add_evidence(decision, rules, state, figures, forecasts)

    return append_decision(catalog, decide)


def roll_back(
    catalog: Catalog,
    rules: PipelineRules,
    *,
    now: datetime,
    actor: str,
    reason: str,
    figures: GateFigures | None = None,
) -> Decision:
    """Send everything new to the local directory, from every worker's next placement on. The stage is remembered.

    It also holds in `STORAGE_MODE=s3` and before the rollout has begun. A decision that somebody else takes at the same
    moment does not stop it. Raises `RolloutConflictError` when the rollout is rolled back already, `ValueError` without
    a reason.
    """
    _check_reason(reason)

    def decide(state: RolloutState) -> Decision:
        if state.is_rolled_back:
            raise RolloutConflictError(
                f"expected a rollout to roll back, found it rolled back{format_since(state)}: everything is local "
                "already"
            )
        decision = replace(_make_decision(Action.ROLLBACK, state.stage, state, now, actor, reason), is_rolled_back=True)
        return _add_evidence(decision, rules, state, figures, ())

    return append_decision(catalog, decide, even_if_overtaken=True)


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

    Raises `RolloutConflictError` when the rollout is not rolled back.
    """

    def decide(state: RolloutState) -> Decision:
        if not state.is_rolled_back:
            found = f"{state.stage} in effect" if state.stage is not None else name_stage(state.stage)
            raise RolloutConflictError(f"expected a rollback to take back, found {found}")
        decision = replace(_make_decision(Action.RESUME, state.stage, state, now, actor, reason), is_rolled_back=False)
        return _add_evidence(decision, rules, state, figures, ())

    return append_decision(catalog, decide)


def _make_decision(
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


def _add_evidence(
    decision: Decision,
    rules: PipelineRules,
    state: RolloutState,
    figures: GateFigures | None,
    forecasts: Sequence[StageForecast],
) -> Decision:
    judgement = None
    if figures is not None:
        judgement = judge_stage(rules, figures, state, now=decision.decided_at)
    return replace(
        decision,
        verdict=judgement.verdict if judgement else None,
        evidence=collect_evidence(rules, state, decision.stage, judgement, forecasts),
    )


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise ValueError("expected a reason, for whoever reads the history, found none")
