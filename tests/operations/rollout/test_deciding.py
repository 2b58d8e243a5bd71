"""Advancing the rollout: what the gate does by itself, what a person may do, and what happens when both act at once."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import RolloutConflictError
from bookmarkai_assets.core.media.placement import StorageMode
from bookmarkai_assets.core.rollout.costs import Cost
from bookmarkai_assets.core.rollout.forecast import Load, StageForecast, from_json
from bookmarkai_assets.core.rollout.gate import RuleName, Verdict
from bookmarkai_assets.core.rollout.policy import resolve_policy
from bookmarkai_assets.core.rollout.stages import (
    NOTHING,
    AbortTarget,
    Action,
    Decision,
    RolloutControl,
    RolloutState,
    Stage,
)
from bookmarkai_assets.operations.rollout.deciding import (
    abort,
    evaluate,
    promote,
    read_state,
    resume,
    roll_back,
    set_stage,
)
from tests.support.rollout import BAD, SCARCE, SPLIT, START, Rollout, rollout_rules

SHADOW = Stage(0, is_shadow=True)


@pytest.fixture
def manual(sqlite_catalog: OpenCatalog) -> Rollout:
    """Return a rollout that has not begun and that a person controls."""
    return Rollout(sqlite_catalog, rollout_rules())


@pytest.fixture
def automatic(sqlite_catalog: OpenCatalog) -> Rollout:
    """Return a rollout that has not begun and that the gate controls."""
    return Rollout(sqlite_catalog, rollout_rules(RolloutControl.AUTOMATIC))


def actions(rollout: Rollout) -> list[str]:
    """Return the history in short: action and stage of each row."""
    return [f"{decision.action} {decision.stage}" for decision in rollout.history]


def climb(rollout: Rollout, *names: str) -> None:
    """Have a person promote through stages, each after its minimum time with good figures. The last has just begun."""
    for name in names:
        rollout.let_pass(days=7)
        assert str(rollout.act(promote, figures=rollout.figures()).stage).removesuffix("%") == name


# --- The gate -------------------------------------------------------------------------------------------------------


def test_automatic_control_climbs_to_the_top_by_itself(automatic: Rollout) -> None:
    """Once a person has begun, each week of good figures brings the next stage, up to the last one."""
    climb(automatic, "shadow")
    for _ in range(6 * 7):
        automatic.let_pass(days=1)
        automatic.evaluate()
    changes = [step for step in actions(automatic) if not step.startswith("advise")]
    assert changes == ["promote shadow", "promote 10%", "promote 25%", "promote 50%", "promote 100%"]
    assert automatic.history[-1].stage == Stage(100)
    evaluation = automatic.evaluate()
    assert evaluation.decision is None
    assert evaluation.judgement.missing == ("the rollout is complete: set STORAGE_MODE=s3",)


def test_a_promotion_is_a_row_with_its_evidence(automatic: Rollout) -> None:
    """The row has who, when, why, and every figure, rule and setting of the decision, as JSON."""
    climb(automatic, "shadow", "10")
    automatic.let_pass(days=7)

    evaluation = automatic.evaluate()

    decision = automatic.history[-1]
    assert decision == evaluation.decision
    assert (
        evaluation.state
        == read_state(automatic.catalog)
        == RolloutState(Stage(25), since=automatic.now, decision_id=decision.decision_id)
    )
    assert (decision.action, decision.stage, decision.verdict) == (Action.PROMOTE, Stage(25), "promote")
    assert (decision.decided_by, decision.actor, decision.decided_at) == ("gate", "run-1", automatic.now)
    assert decision.reason == "every rule passes and 10% has had its time"
    evidence = json.loads(json.dumps(decision.evidence))
    assert evidence == decision.evidence
    window = evaluation.judgement.figures.window
    assert evidence["window"] == {"start": window.start.isoformat(), "end": window.end.isoformat()}
    assert evidence["figures"]["uploads"] == 200
    assert evidence["figures"]["verification"]["counts"] == {"same": 7}
    assert [(rule["rule"], rule["status"]) for rule in evidence["rules"]] == [
        (result.rule, "pass") for result in evaluation.judgement.rules
    ]
    assert evidence["rules"][0] == {
        "rule": "upload_failures",
        "status": "pass",
        "value": 0.5,
        "limit": 5,
        "sample": 200,
        "detail": evaluation.judgement.rules[0].detail,
    }
    assert (evidence["failing"], evidence["missing"]) == ([], [])
    assert evidence["state"]["stage"] == "10%"
    assert evidence["plan"] == {
        "stages": ["shadow", "10%", "25%", "50%", "100%"],
        "min_stage_seconds": 7 * 86_400,
        "control": "automatic",
        "abort_to": "last",
    }
    assert evidence["limits"]["min_sample"] == 50
    assert evidence["limits"]["window_seconds"] == 86_400
    assert evidence["configured"] == {"storage_mode": "hybrid", "s3_split_percentage": SPLIT}


@pytest.mark.parametrize(("abort_to", "stage"), [(AbortTarget.LAST_HELD, Stage(10)), (AbortTarget.ZERO, NOTHING)])
def test_automatic_control_aborts_at_once(sqlite_catalog: OpenCatalog, abort_to: AbortTarget, stage: Stage) -> None:
    """An abort goes back to the stage that held, or to 0% by setting; the row names the rule, its value and limit."""
    rollout = Rollout(sqlite_catalog, rollout_rules(RolloutControl.AUTOMATIC, abort_to=abort_to))
    climb(rollout, "shadow", "10", "25")
    rollout.let_pass(minutes=5)

    evaluation = rollout.evaluate(**BAD, **SCARCE)

    decision = rollout.history[-1]
    assert (decision.action, decision.stage, decision.verdict) == (Action.ABORT, stage, "abort")
    assert decision.reason == evaluation.judgement.by_rule[RuleName.ACCESS_DENIED].detail  # not what is missing besides
    assert "denied access 2 times" in decision.reason
    assert decision.evidence["failing"] == ["access_denied"]
    [failing] = [rule for rule in decision.evidence["rules"] if rule["status"] == "fail"]
    assert (failing["value"], failing["limit"]) == (2, 0)
    assert evaluation.state.is_aborted
    assert evaluation.state.stage == stage


def test_after_an_abort_only_a_person_goes_up(automatic: Rollout) -> None:
    """Weeks of good figures change nothing; a person's promotion without force, or a set, does."""
    climb(automatic, "shadow", "10", "25")
    automatic.evaluate(**BAD)
    for _ in range(20):
        automatic.let_pass(days=1)
        assert automatic.evaluate().state.stage == Stage(10)
    assert automatic.act(promote, figures=automatic.figures()).stage == Stage(25)
    automatic.evaluate(**BAD)
    automatic.act(set_stage, Stage(10))
    automatic.let_pass(days=7)
    assert automatic.evaluate().state.stage == Stage(25)


def test_an_abort_is_not_repeated_for_what_it_was_made_for(automatic: Rollout) -> None:
    """The failed stage's figures do not count for the stage gone back to, but that stage's own do."""
    climb(automatic, "shadow", "10", "25")
    automatic.let_pass(days=1)
    before = automatic.figures(**BAD)
    for minutes in (0, 5, 10):
        evaluate(automatic.catalog, automatic.rules, figures=before, now=automatic.now, actor="run")
        automatic.let_pass(minutes=minutes)
    assert read_state(automatic.catalog).stage == Stage(10)
    automatic.evaluate(**BAD)
    assert read_state(automatic.catalog).stage == SHADOW


def test_manual_control_only_advises(manual: Rollout) -> None:
    """Both verdicts are recorded as advice, and the stage stays."""
    climb(manual, "shadow", "10", "25")
    manual.let_pass(days=7)
    for changes, verdict in (({}, Verdict.PROMOTE), (BAD, Verdict.ABORT)):
        evaluation = manual.evaluate(**changes)
        assert evaluation.judgement.verdict is verdict
        decision = manual.history[-1]
        assert decision == evaluation.decision
        assert (decision.action, decision.stage, decision.verdict) == (Action.ADVISE, Stage(25), verdict)
        assert (evaluation.state.stage, evaluation.state.since) == (Stage(25), START.replace(day=23))


def test_advice_is_recorded_when_it_is_new(manual: Rollout) -> None:
    """A day of holding is one row, whatever is missing; another verdict or other failing rules are a new one."""
    climb(manual, "shadow")
    before = len(manual.history)
    for _ in range(288):
        manual.let_pass(minutes=5)
        manual.evaluate(**SCARCE)
    assert len(manual.history) == before
    failing = [BAD, BAD, {**BAD, "losses_since_verification": 1}, {"losses_since_verification": 2}, {}, SCARCE]
    news = [manual.evaluate(**changes).decision is not None for changes in failing]
    assert news == [True, False, True, True, True, False]


def test_before_the_rollout_there_is_no_advice(automatic: Rollout) -> None:
    """Only a person can begin it, and an installation that never begins has no history, but a failure is reported."""
    for _ in range(3):
        evaluation = automatic.evaluate()
        assert evaluation.judgement.verdict is Verdict.HOLD
        assert evaluation.decision is None
    assert not automatic.history
    automatic.evaluate(**BAD)
    assert actions(automatic) == ["advise None"]
    assert read_state(automatic.catalog) == RolloutState()


@pytest.mark.parametrize("mode", [StorageMode.LOCAL, StorageMode.S3])
def test_stages_without_effect_are_left_alone(automatic: Rollout, mode: StorageMode) -> None:
    """Outside hybrid the figures are not the stage's, so uploads of a move must neither promote nor abort it."""
    climb(automatic, "shadow", "10")
    automatic.rules = rollout_rules(RolloutControl.AUTOMATIC, mode=mode)
    automatic.let_pass(days=30)
    for changes in ({}, BAD):
        assert automatic.evaluate(**changes).state.stage == Stage(10)


def test_a_rollback_stops_the_gate(automatic: Rollout) -> None:
    """Neither good nor bad figures change a stage that is not in effect."""
    climb(automatic, "shadow", "10")
    automatic.act(roll_back)
    automatic.let_pass(days=30)
    for changes in ({}, BAD):
        state = automatic.evaluate(**changes).state
        assert (state.stage, state.is_rolled_back) == (Stage(10), True)


def test_the_stages_forecast_is_kept_with_the_decision(automatic: Rollout) -> None:
    """Of all forecasts, that of the stage being left is recorded, for comparison with what comes."""
    forecasts = [
        StageForecast(stage, Load(1.5, 2e6, None, Cost(0.1, 0.2, 0.3)), 3, 4_000)
        for stage in automatic.rules.rollout.stages
    ]
    first = automatic.act(promote, figures=automatic.figures(), forecasts=forecasts)
    automatic.let_pass(days=7)
    evaluation = evaluate(
        automatic.catalog,
        automatic.rules,
        figures=automatic.figures(),
        now=automatic.now,
        actor="run",
        forecasts=forecasts,
    )
    assert evaluation.decision is not None
    assert from_json(first.evidence["forecast"]) == forecasts[0]
    assert from_json(evaluation.decision.evidence["forecast"]) == forecasts[1]
    assert "forecast" not in automatic.act(set_stage, Stage(33), forecasts=forecasts).evidence


# --- A person's commands --------------------------------------------------------------------------------------------


def test_promote_begins_without_a_sample(manual: Rollout) -> None:
    """Before anything goes to S3 there is nothing to measure, and only a rule that fails already prevents it."""
    none_yet = {"uploads": 0, "upload_failures": 0, "mean_upload_seconds": None, "verification": None}
    with pytest.raises(RolloutConflictError, match=r"a rollout that has not begun to shadow, found: S3 denied access"):
        manual.act(promote, figures=manual.figures(**BAD))
    decision = manual.act(promote, figures=manual.figures(**none_yet))
    assert (decision.action, decision.stage, decision.decided_by) == (Action.PROMOTE, SHADOW, "operator")
    assert (decision.actor, decision.reason) == ("ann", "because")
    assert "overruled" not in decision.evidence


def test_promote_says_what_is_missing(manual: Rollout) -> None:
    """Samples and time are all listed at once."""
    climb(manual, "shadow", "10")
    manual.let_pass(days=6)
    with pytest.raises(RolloutConflictError) as refused:
        manual.act(promote, figures=manual.figures(uploads=9, upload_failures=0, downloads=4))
    for words in ("10% to 25%", "41 more good uploads", "46 more downloads", "1 day more at 10%", "--force"):
        assert words in str(refused.value)
    assert read_state(manual.catalog).stage == Stage(10)


@pytest.mark.parametrize(("changes", "verdict"), [(SCARCE, "hold"), (BAD, "abort")])
def test_an_override_of_the_gate_is_recorded(manual: Rollout, changes: dict[str, Any], verdict: str) -> None:
    """With force the stage is promoted, and the row has the gate's verdict."""
    climb(manual, "shadow", "10")
    manual.let_pass(days=7)
    with pytest.raises(RolloutConflictError, match="expected the gate to agree"):
        manual.act(promote, figures=manual.figures(**changes))
    decision = manual.act(promote, figures=manual.figures(**changes), force=True)
    assert (decision.stage, decision.verdict) == (Stage(25), verdict)
    assert decision.evidence["overruled"] == decision.evidence["missing"]
    assert manual.history[-1] == decision


def test_force_changes_nothing_when_the_gate_agrees(manual: Rollout) -> None:
    """Nobody is recorded as overriding a gate that had no objection."""
    climb(manual, "shadow")
    manual.let_pass(days=7)
    assert "overruled" not in manual.act(promote, figures=manual.figures(), force=True).evidence


def test_promote_begins_again_from_0_after_an_abort(manual: Rollout) -> None:
    """A person's promotion is what the gate waits for."""
    climb(manual, "shadow")
    assert manual.act(abort).stage == NOTHING
    decision = manual.act(promote, figures=manual.figures(**SCARCE))
    assert decision.stage == SHADOW
    assert not read_state(manual.catalog).is_aborted


def test_a_person_may_set_an_unplanned_stage(manual: Rollout) -> None:
    """The gate's judgement of the stage that is left is recorded if there are figures."""
    climb(manual, "shadow", "10")
    decision = manual.act(set_stage, Stage(33), figures=manual.figures(**BAD))
    assert (decision.action, decision.stage, decision.verdict) == (Action.SET, Stage(33), "abort")
    manual.let_pass(days=7)
    assert manual.act(promote, figures=manual.figures()).stage == Stage(50)
    assert manual.act(set_stage, NOTHING).stage == NOTHING
    assert manual.act(set_stage, SHADOW).verdict is None


def test_setting_the_same_stage_begins_it_again(manual: Rollout) -> None:
    """After a repair nobody waits for old errors to leave the window, and the minimum time counts from now too."""
    climb(manual, "shadow", "10")
    manual.let_pass(days=7)
    manual.act(set_stage, Stage(10))
    assert read_state(manual.catalog).since == manual.now
    assert manual.evaluate().judgement.verdict is Verdict.HOLD


def test_resume_restores_the_stage(manual: Rollout) -> None:
    """A rollback remembers the stage, whose time and figures then count from the resumption."""
    climb(manual, "shadow", "10", "25")
    rolled_back = manual.act(roll_back, reason="S3 is on fire")
    assert (rolled_back.stage, rolled_back.is_rolled_back) == (Stage(25), True)
    manual.let_pass(hours=3)
    resumed = manual.act(resume)
    assert (resumed.stage, resumed.is_rolled_back) == (Stage(25), False)
    assert read_state(manual.catalog).since == manual.now


def test_an_operator_comes_back_at_a_lower_stage(manual: Rollout) -> None:
    """A stage set while rolled back takes effect with the resumption."""
    climb(manual, "shadow", "10", "25")
    manual.act(roll_back)
    decision = manual.act(set_stage, Stage(5))
    assert decision.is_rolled_back
    assert resolve_policy(manual.rules.storage, decision).policy.mode is StorageMode.LOCAL
    assert manual.act(resume).stage == Stage(5)


def test_a_rollback_remembers_an_abort(automatic: Rollout) -> None:
    """Resuming does not look into the cause of the abort, so the gate does not go up by itself."""
    climb(automatic, "shadow", "10", "25")
    automatic.evaluate(**BAD)
    automatic.act(roll_back)
    assert read_state(automatic.catalog).is_aborted
    automatic.act(resume)
    automatic.let_pass(days=30)
    assert automatic.evaluate().state == replace(read_state(automatic.catalog), stage=Stage(10), is_aborted=True)


Prepare = Callable[[Rollout], object]


def _never_begun(_: Rollout) -> None:
    """Leave it as it is."""


def _at_0(rollout: Rollout) -> None:
    rollout.act(set_stage, NOTHING)


def _at_100(rollout: Rollout) -> None:
    rollout.act(set_stage, Stage(100))
    rollout.let_pass(days=7)


def _rolled_back(rollout: Rollout) -> None:
    climb(rollout, "shadow", "10")
    rollout.act(roll_back)


@pytest.mark.parametrize(
    ("prepare", "command", "options", "words"),
    [
        (_rolled_back, promote, {"force": True}, "rolled back since 2026-03-16 12:00"),
        (_at_100, promote, {"force": True}, "expected a stage above 100% in ROLLOUT_STAGES"),
        (_never_begun, abort, {}, "found a rollout that has not begun"),
        (_at_0, abort, {}, "found 0%; to send everything to the local directory: `bookmarkai rollout rollback`"),
        (_rolled_back, abort, {}, "everything is local already"),
        (_rolled_back, roll_back, {}, "everything is local already"),
        (_never_begun, resume, {}, "expected a rollback to take back, found a rollout that has not begun"),
        (_at_100, resume, {}, "expected a rollback to take back, found 100% in effect"),
    ],
)
def test_an_impossible_command_is_refused(
    manual: Rollout, prepare: Prepare, command: Callable[..., Decision], options: dict[str, Any], words: str
) -> None:
    """The error has what was expected, what was found and, if there is one, the better command; nothing is recorded."""
    prepare(manual)
    before = manual.history
    if command is promote:
        options = {**options, "figures": manual.figures()}
    with pytest.raises(RolloutConflictError) as refused:
        manual.act(command, **options)
    assert words in str(refused.value)
    assert manual.history == before


def test_nothing_is_in_effect_before_the_rollout_begins(manual: Rollout) -> None:
    """The refusal of a resume calls only a stage that is on record in effect."""
    with pytest.raises(RolloutConflictError, match=r"found a rollout that has not begun$"):
        manual.act(resume)


@pytest.mark.parametrize("command", [abort, roll_back])
def test_going_back_needs_a_reason(manual: Rollout, command: Callable[..., Decision]) -> None:
    """Whoever reads the history later wants to know the reason."""
    climb(manual, "shadow", "10")
    with pytest.raises(ValueError, match="expected a reason"):
        manual.act(command, reason="  ")
    assert len(manual.history) == 2


def test_every_command_leaves_a_row_with_the_settings_of_the_moment(manual: Rollout) -> None:
    """This also holds where there were no figures."""
    manual.act(set_stage, Stage(10))
    manual.act(roll_back)
    manual.act(resume)
    manual.act(abort)
    assert [decision.action for decision in manual.history] == [
        Action.SET,
        Action.ROLLBACK,
        Action.RESUME,
        Action.ABORT,
    ]
    for decision in manual.history:
        assert set(decision.evidence) == {"state", "plan", "limits", "configured"}
        assert decision.verdict is None


def test_every_command_records_the_gates_verdict(manual: Rollout) -> None:
    """With figures, each row has the gate's verdict on them."""
    climb(manual, "shadow", "10", "25")
    for command in (abort, roll_back, resume):
        decision = manual.act(command, figures=manual.figures(**BAD))
        assert decision.evidence["failing"] == ["access_denied"]


# --- Simultaneous decisions -----------------------------------------------------------------------------------------


def test_the_gate_accepts_whoever_was_first(automatic: Rollout) -> None:
    """A rollback at the moment of a promotion is the only decision, and the gate names it."""
    climb(automatic, "shadow", "10")
    automatic.let_pass(days=7)
    automatic.ledger.first = lambda: automatic.act(roll_back)

    evaluation = automatic.evaluate()

    assert evaluation.decision is None
    assert evaluation.overtaken_by is not None
    assert (evaluation.overtaken_by.action, evaluation.overtaken_by.actor) == (Action.ROLLBACK, "ann")
    assert evaluation.state == read_state(automatic.catalog)
    assert actions(automatic) == ["promote shadow", "promote 10%", "rollback 10%"]


def test_two_gates_promote_once(automatic: Rollout) -> None:
    """Two evaluations at one moment promote by one stage."""
    climb(automatic, "shadow", "10")
    automatic.let_pass(days=7)
    automatic.ledger.first = automatic.evaluate
    evaluation = automatic.evaluate()
    assert evaluation.overtaken_by == automatic.history[-1]
    assert evaluation.state.stage == Stage(25)
    assert actions(automatic) == ["promote shadow", "promote 10%", "promote 25%"]


@pytest.mark.parametrize(("command", "args"), [(promote, ()), (set_stage, (Stage(5),)), (abort, ()), (resume, ())])
def test_a_person_learns_who_was_first(
    automatic: Rollout, command: Callable[..., Decision], args: tuple[Stage, ...]
) -> None:
    """What the person saw is outdated, so nothing of theirs is recorded, and they may check and decide again."""
    climb(automatic, "shadow", "10")
    if command is resume:
        automatic.act(roll_back)
    automatic.let_pass(days=7)
    options = {"figures": automatic.figures()} if command is promote else {}
    automatic.ledger.first = lambda: automatic.act(set_stage, Stage(50), actor="ben")
    with pytest.raises(RolloutConflictError, match=r"found that ben decided set to 50% .* decide again"):
        automatic.act(command, *args, **options)
    assert automatic.history[-1].actor == "ben"


def test_the_first_decision_is_made_once(manual: Rollout) -> None:
    """Two people who begin at the same moment begin once."""
    figures = manual.figures()
    manual.ledger.first = lambda: manual.act(promote, figures=figures, actor="ben")
    with pytest.raises(
        RolloutConflictError, match="expected no decision yet, found that ben decided promote to shadow"
    ):
        manual.act(promote, figures=figures)
    assert actions(manual) == ["promote shadow"]


def test_advice_in_between_does_not_stop_a_person(manual: Rollout) -> None:
    """Advice changes nothing that the person saw, so the decision follows it."""
    climb(manual, "shadow", "10")
    manual.ledger.first = lambda: manual.evaluate(**BAD)
    decision = manual.act(set_stage, Stage(5))
    assert actions(manual)[-2:] == ["advise 10%", "set 5%"]
    assert decision.previous_id == manual.history[-2].decision_id


def test_nothing_stops_a_rollback(automatic: Rollout) -> None:
    """Whatever the gate decides at the same moment, everything is local afterwards, and its decision is remembered."""
    climb(automatic, "shadow", "10")
    automatic.let_pass(days=7)
    automatic.ledger.first = automatic.evaluate
    decision = automatic.act(roll_back)
    assert (decision.stage, decision.is_rolled_back) == (Stage(25), True)
    assert actions(automatic)[-2:] == ["promote 25%", "rollback 25%"]


def test_two_rollbacks_at_once_are_one(manual: Rollout) -> None:
    """The second one's answer is that everything is local already."""
    climb(manual, "shadow", "10")
    manual.ledger.first = lambda: manual.act(roll_back, actor="ben")
    with pytest.raises(RolloutConflictError, match="everything is local already"):
        manual.act(roll_back)
    assert actions(manual)[-1] == "rollback 10%"
    assert len(manual.history) == 3


def test_a_ledger_that_always_refuses_ends_the_command(manual: Rollout) -> None:
    """Without a newer row as the cause, the refusal is passed on instead of being tried for ever."""

    def refuse() -> None:
        manual.ledger.first = refuse
        raise RolloutConflictError("not now")

    manual.ledger.first = refuse
    with pytest.raises(RolloutConflictError, match="not now"):
        manual.act(set_stage, Stage(10))
