"""The rollout's stages driven at random by the gate and by people, also at the same moment, beside a model of them.

The model has the rules in their simplest form. The ledger is the SQLite one.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from typing_extensions import override

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.core.errors import RolloutConflictError
from bookmarkai_assets.core.media.placement import Backend, StorageMode, StoragePolicy, place
from bookmarkai_assets.core.rollout.policy import resolve_policy
from bookmarkai_assets.core.rollout.stages import (
    NOTHING,
    AbortTarget,
    Action,
    Decision,
    RolloutControl,
    Stage,
    state_after,
)
from bookmarkai_assets.operations.rollout.deciding import abort, promote, read_state, resume, roll_back, set_stage
from tests.support.examples import examples
from tests.support.rollout import BAD, SCARCE, SPLIT, STAGE_TIME, Rollout, rollout_rules

FIGURES = {"good": {}, "scarce": SCARCE, "bad": BAD}
FIRST_SHARE = "00000000-0000-40ce-ac60-d004132de366"
"""A share in bucket 0: every percentage above 0 sends it to S3."""


@dataclass
class Model:
    """Where the rollout should be, and how many rows should say so."""

    stage: Stage | None = None
    is_rolled_back: bool = False
    is_aborted: bool = False
    days: float = 0
    held_stages: tuple[Stage, ...] = ()
    changes: int = 0

    @property
    def is_in_effect(self) -> bool:
        """Whether there is a stage to judge, in hybrid."""
        return not self.is_rolled_back and self.stage not in {None, NOTHING}

    def following(self) -> Stage | None:
        """Return the planned stage above the present one."""
        planned = [Stage(0, is_shadow=True), Stage(10), Stage(25), Stage(50), Stage(100)]
        return next((stage for stage in planned if (self.stage or NOTHING) < stage), None)

    def below(self, abort_to: AbortTarget) -> Stage:
        """Return where an abort goes."""
        held_stages = [stage for stage in self.held_stages if stage < (self.stage or NOTHING)]
        return held_stages[-1] if held_stages and abort_to is AbortTarget.LAST_HELD else NOTHING

    def _go(self, stage: Stage | None, *, is_aborted: bool) -> None:
        self.stage, self.is_aborted, self.days, self.changes = stage, is_aborted, 0, self.changes + 1

    def promote(self) -> None:
        """Go up: the stage that is left has held."""
        if self.stage not in {None, NOTHING}:
            self.held_stages = (*(stage for stage in self.held_stages if stage != self.stage), self.stage)
        self._go(self.following(), is_aborted=False)

    def set(self, stage: Stage) -> None:
        """Go to any stage."""
        self._go(stage, is_aborted=False)

    def abort(self, abort_to: AbortTarget) -> None:
        """Go down: the stage that is left has not held."""
        target = self.below(abort_to)
        self.held_stages = tuple(stage for stage in self.held_stages if stage != self.stage)
        self._go(target, is_aborted=True)

    def turn(self, *, is_rolled_back: bool) -> None:
        """Roll back, or resume, with the stage remembered."""
        self.is_rolled_back = is_rolled_back
        self._go(self.stage, is_aborted=self.is_aborted)


stages = st.sampled_from([NOTHING, Stage(0, is_shadow=True), Stage(5), Stage(10), Stage(25), Stage(50), Stage(100)])
kinds = st.sampled_from(list(FIGURES))


class RolloutMachine(RuleBasedStateMachine):
    """A gate, some people and a clock at work on one catalog."""

    template: Path
    directory: Path
    numbers = count()

    def __init__(self) -> None:
        super().__init__()
        file = self.directory / f"catalog-{next(self.numbers)}.db"
        shutil.copy(self.template, file)
        self.opened = open_catalog(f"sqlite:///{file}")
        self.rollout = Rollout(self.opened, rollout_rules())
        self.model = Model()
        self.history: list[Decision] = []

    @override
    def teardown(self) -> None:
        self.opened.close()

    # --- What happens -----------------------------------------------------------------------------------------------

    @rule(days=st.sampled_from([0.01, 1, 3.5, 7]))
    def let_pass(self, days: float) -> None:
        """Time passes."""
        self.rollout.let_pass(days=days)
        self.model.days += days

    @rule(control=st.sampled_from(RolloutControl), abort_to=st.sampled_from(AbortTarget))
    def configure(self, control: RolloutControl, abort_to: AbortTarget) -> None:
        """An operator changes the settings."""
        self.rollout.rules = rollout_rules(control, mode=self.rollout.rules.storage.mode, abort_to=abort_to)

    @rule(mode=st.sampled_from([StorageMode.HYBRID, StorageMode.HYBRID, StorageMode.LOCAL, StorageMode.S3]))
    def change_mode(self, mode: StorageMode) -> None:
        """An operator sets `STORAGE_MODE`."""
        plan = self.rollout.rules.rollout
        self.rollout.rules = rollout_rules(plan.control, mode=mode, abort_to=plan.abort_to)

    @rule(kind=kinds)
    def tick(self, kind: str) -> None:
        """The gate judges."""
        changes = self.model.changes
        evaluation = self.rollout.evaluate(**FIGURES[kind])
        self._expect_gate(kind)
        assert evaluation.overtaken_by is None
        assert evaluation.state == read_state(self.opened)
        if self.model.changes > changes:
            assert evaluation.decision is not None
            assert evaluation.decision.decided_by == "gate"

    @rule(kind=kinds, force=st.booleans())
    def promote(self, kind: str, force: bool) -> None:
        """A person promotes."""
        self._expect(self._may_promote(kind, force=force), self.model.promote, lambda: self._promote(kind, force=force))

    @rule(stage=stages)
    def set(self, stage: Stage) -> None:
        """A person sets a stage."""
        self._expect(True, lambda: self.model.set(stage), lambda: self.rollout.act(set_stage, stage))

    @rule()
    def abort(self) -> None:
        """A person aborts."""
        abort_to = self.rollout.rules.rollout.abort_to
        self._expect(self.model.is_in_effect, lambda: self.model.abort(abort_to), lambda: self.rollout.act(abort))

    @rule()
    def roll_back(self) -> None:
        """A person rolls back."""
        may = not self.model.is_rolled_back
        self._expect(may, lambda: self.model.turn(is_rolled_back=True), lambda: self.rollout.act(roll_back))

    @rule()
    def resume(self) -> None:
        """A person resumes, and exactly the stage before counts again."""
        stage = self.model.stage
        may = self.model.is_rolled_back
        self._expect(may, lambda: self.model.turn(is_rolled_back=False), lambda: self.rollout.act(resume))
        if may:
            assert read_state(self.opened).stage == stage

    @rule(stage=stages, kind=kinds, command=st.sampled_from(["tick", "set", "promote", "abort", "roll_back"]))
    def race(self, stage: Stage, kind: str, command: str) -> None:
        """Ben sets a stage at the moment when somebody else decides: his is recorded, and theirs names it."""
        before = len(self.rollout.history)
        self.rollout.ledger.first = lambda: self.rollout.act(set_stage, stage, actor="ben")
        commands: dict[str, Callable[[], object]] = {
            "tick": lambda: self.rollout.evaluate(**FIGURES[kind]).overtaken_by,
            "set": lambda: self.rollout.act(set_stage, NOTHING),
            "promote": lambda: self._promote(kind, force=True),
            "abort": lambda: self.rollout.act(abort),
            "roll_back": lambda: self.rollout.act(roll_back),
        }
        try:
            overtaken_by = commands[command]()
            refusal = None
        except RolloutConflictError as error:
            overtaken_by, refusal = None, str(error)
        has_happened = self.rollout.ledger.first is None
        self.rollout.ledger.first = None
        if not has_happened:
            # The command had nothing to decide, so there was no race.
            assert len(self.rollout.history) == before
            assert (refusal is not None) or command == "tick"
            return
        self.model.set(stage)
        if command == "roll_back":
            self.model.turn(is_rolled_back=True)
            assert refusal is None
        elif command == "tick":
            assert isinstance(overtaken_by, Decision)
            assert overtaken_by.actor == "ben"
        else:
            assert refusal is not None
            assert "ben decided set" in refusal

    # --- What the model says ----------------------------------------------------------------------------------------

    def _promote(self, kind: str, *, force: bool) -> Decision:
        return self.rollout.act(promote, figures=self.rollout.figures(**FIGURES[kind]), force=force)

    def _may_promote(self, kind: str, *, force: bool) -> bool:
        if self.model.is_rolled_back or self.model.following() is None:
            return False
        if not force and self.rollout.rules.storage.mode is not StorageMode.HYBRID:
            return False  # nobody has the mode in which a stage counts
        if self.model.stage in {None, NOTHING}:
            return force or kind != "bad"
        return force or (kind == "good" and self.model.days >= STAGE_TIME.days)

    def _expect_gate(self, kind: str) -> None:
        plan, mode = self.rollout.rules.rollout, self.rollout.rules.storage.mode
        acts = plan.control is RolloutControl.AUTOMATIC and mode is StorageMode.HYBRID and self.model.is_in_effect
        if acts and kind == "bad":
            self.model.abort(plan.abort_to)
        elif acts and self._may_promote(kind, force=False) and not self.model.is_aborted:
            self.model.promote()

    def _expect(self, may: bool, change: Callable[[], None], command: Callable[[], object]) -> None:
        if not may:
            with pytest.raises(RolloutConflictError, match="expected"):
                command()
            return
        command()
        change()

    # --- What always holds ------------------------------------------------------------------------------------------

    @invariant()
    def the_history_leads_to_the_model(self) -> None:
        """The state is the model's, each change has one row, and rows once written stay and follow each other."""
        history = list(self.rollout.history)
        assert history[: len(self.history)] == self.history
        self.history = history
        state = state_after(history)
        assert state == read_state(self.opened)
        assert (state.stage, state.is_rolled_back, state.is_aborted) == (
            self.model.stage,
            self.model.is_rolled_back,
            self.model.is_aborted,
        )
        assert sum(decision.action is not Action.ADVISE for decision in history) == self.model.changes
        assert [decision.previous_id for decision in history] == [
            None,
            *(decision.decision_id for decision in history[:-1]),
        ][: len(history)]

    @invariant()
    def every_row_has_its_evidence(self) -> None:
        """Each row has the settings, who decided, and the figures wherever the gate was asked."""
        for decision in self.history:
            assert {"state", "plan", "limits", "configured"} <= set(decision.evidence)
            assert ("figures" in decision.evidence) is (decision.verdict is not None)
            assert decision.verdict is not None or decision.decided_by == "operator"
            assert decision.actor == {"gate": "run-1"}.get(decision.decided_by, decision.actor)

    @invariant()
    def nothing_rises_by_itself(self) -> None:
        """The percentage rises only by a promotion, a set or a resumption, and never by the gate after an abort."""
        configured = StoragePolicy(StorageMode.HYBRID, SPLIT)
        waits_for_a_person = False
        for before, decision in pairwise([None, *(d for d in self.history if d.action is not Action.ADVISE)]):
            assert decision is not None
            after, earlier = (resolve_policy(configured, each).policy for each in (decision, before))
            if _percentage(after) > _percentage(earlier):
                assert decision.action in {Action.PROMOTE, Action.SET, Action.RESUME}
            if decision.decided_by == "gate":
                assert decision.action in {Action.PROMOTE, Action.ABORT}
                assert not (waits_for_a_person and decision.action is Action.PROMOTE)
            if decision.action in {Action.ABORT, Action.PROMOTE, Action.SET}:
                waits_for_a_person = decision.action is Action.ABORT

    @invariant()
    def a_rollback_places_nothing_on_s3(self) -> None:
        """This holds in every mode and stage; without a rollback the share in bucket 0 goes where the stage says."""
        for mode in StorageMode:
            policy = resolve_policy(StoragePolicy(mode, SPLIT), self.opened.rollout.standing()).policy
            backend = place(policy, FIRST_SHARE).backend
            if self.model.is_rolled_back or mode is StorageMode.LOCAL:
                assert (backend, policy.is_shadow) == (Backend.LOCAL, False)
            elif mode is StorageMode.S3 or self.model.stage is None:
                assert backend is Backend.S3
            else:
                assert (backend is Backend.S3) is (self.model.stage.percentage > 0)
                assert policy.is_shadow is self.model.stage.is_shadow


def _percentage(policy: StoragePolicy) -> int:
    return policy.s3_percentage if policy.mode is StorageMode.HYBRID else 0


@pytest.mark.hypothesis
def test_the_rollout_goes_as_its_model(tmp_path: Path, sqlite_template: Path) -> None:
    """Whatever the gate and people do, in any order and at the same moment, the history leads to the model's state."""

    class Machine(RolloutMachine):
        template = sqlite_template
        directory = tmp_path

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples(25),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
