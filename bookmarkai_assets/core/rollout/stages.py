"""The rollout's stages, its decisions, and the state that they leave. `ports.RolloutLedger` keeps the decisions.

Each decision names the one it follows, so that two people, or a person and the gate, cannot decide unaware of each
other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from typing_extensions import override

from bookmarkai_assets.core.media.placement import BUCKET_COUNT

SHADOW_NAME = "shadow"
GATE = "gate"
OPERATOR = "operator"
"""Who decided, in `Decision.decided_by`."""

_RUN_ID_CHARACTERS = 8
"""Of a run's id, as Dagster's UI shows it."""


@dataclass(frozen=True, order=True)
class Stage:
    """The percentage of new media that S3 takes. `shadow` is 0%, with a copy of everything put to S3 and compared."""

    percentage: int
    is_shadow: bool = False

    def __post_init__(self) -> None:
        """Refuse what is not a stage (`ValueError`)."""
        if not 0 <= self.percentage <= BUCKET_COUNT or (self.is_shadow and self.percentage):
            raise ValueError(f"expected shadow or a whole percentage from 0 to 100, found {self.percentage}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `shadow` or a whole percentage, with or without its sign. Raises `ValueError`."""
        word = text.strip().lower().removesuffix("%")
        if word == SHADOW_NAME:
            return cls(0, is_shadow=True)
        if not (word.isascii() and word.isdigit()):
            raise ValueError(f"expected shadow or a whole percentage from 0 to 100, found {text!r}")
        return cls(int(word))

    @override
    def __str__(self) -> str:
        """Return `shadow` or the percentage."""
        return SHADOW_NAME if self.is_shadow else f"{self.percentage}%"


NOTHING = Stage(0)
"""Everything local, as before the rollout."""


class RolloutControl(StrEnum):
    """`ROLLOUT_CONTROL`: whether the gate's verdicts are advice or are acted on."""

    MANUAL = "manual"
    AUTOMATIC = "automatic"


class AbortTarget(StrEnum):
    """`ROLLOUT_ABORT_TO`: where an abort goes back to."""

    LAST_HELD = "last"
    ZERO = "0"


def check_stages(stages: Sequence[Stage]) -> None:
    """Raise `ValueError` unless there are stages, they rise, and none of them is 0% without the shadow."""
    order = [stage.percentage for stage in stages]
    if not stages or sorted(set(order)) != order or NOTHING in stages:
        names = ",".join(map(str, stages))
        raise ValueError(f"expected stages that rise, such as shadow,10,25,50,75,100, found {names!r}")


@dataclass(frozen=True)
class RolloutPlan:
    """The settings: the stages in rising order, the least time in each, who acts, where an abort goes back to."""

    stages: Sequence[Stage]
    min_stage_time: timedelta
    control: RolloutControl
    abort_to: AbortTarget

    def __post_init__(self) -> None:
        """Refuse stages that do not rise (`ValueError`)."""
        check_stages(self.stages)

    def next_after(self, stage: Stage | None) -> Stage | None:
        """Return the next higher stage, the first one for None; None after the last."""
        if stage is None or stage == NOTHING:
            return self.stages[0]
        return next((s for s in self.stages if s.percentage > stage.percentage), None)


class Action(StrEnum):
    """What a decision does."""

    PROMOTE = "promote"
    """Go on to the next stage; from nothing, to the first."""
    SET = "set"
    """Go to a stage that a person names."""
    ABORT = "abort"
    """Go back to the last stage that held, or to 0%."""
    ROLLBACK = "rollback"
    """Everything local at once, whatever the stage; the stage is remembered."""
    RESUME = "resume"
    """Take a rollback back: the remembered stage counts again."""
    ADVISE = "advise"
    """Change nothing: the gate's verdict, or the set of failing rules, has changed."""


@dataclass(frozen=True)
class Decision:
    """One row of the rollout's history, with the state that it left: `stage` (None: not begun) and `is_rolled_back`.

    `verdict` is the gate's at that moment, None when it was not asked. `decided_by` is `gate` or `operator`, `actor` is
    the run or the person. `evidence` is a JSON object: window, figures, rules, forecast. `decision_id` is 0 until the
    decision is in the catalog; `previous_id` is None for the first.
    """

    action: Action
    stage: Stage | None
    is_rolled_back: bool
    decided_at: datetime
    decided_by: str
    actor: str
    reason: str
    verdict: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    previous_id: int | None = None
    decision_id: int = 0

    @property
    def who(self) -> str:
        """Who decided, for people: a person's name, or the gate and the run that asked it."""
        return f"the gate, run {self.actor[:_RUN_ID_CHARACTERS]}" if self.decided_by == GATE else self.actor


@dataclass(frozen=True)
class RolloutState:
    """Where the rollout is: the stage and since when, and the decision that left it there."""

    stage: Stage | None = None
    is_rolled_back: bool = False
    since: datetime | None = None
    decision_id: int | None = None
    is_aborted: bool = False
    """Whether the stage was reached by an abort. Only a person then goes up again."""


def state_after(history: Sequence[Decision]) -> RolloutState:
    """Return the state that decisions leave, oldest first. Advice changes nothing. A resume begins the stage again."""
    state = RolloutState()
    for decision in history:
        if decision.action is Action.ADVISE:
            continue
        state = RolloutState(
            stage=decision.stage,
            is_rolled_back=decision.is_rolled_back,
            since=decision.decided_at,
            decision_id=decision.decision_id,
            is_aborted=decision.action is Action.ABORT
            or (state.is_aborted and decision.action in {Action.ROLLBACK, Action.RESUME}),
        )
    return state


def find_last_held(history: Sequence[Decision]) -> Stage:
    """Return the stage that an abort goes back to: the last promoted from, below the present one; 0% if there is none.

    A stage that was itself aborted has not held, until it is promoted from again. `history` is complete, oldest first.
    """
    stage = state_after(history).stage or NOTHING
    held: list[Stage] = []
    before: Stage | None = None
    for decision in history:
        if before is not None and decision.action in {Action.PROMOTE, Action.ABORT}:
            held = [other for other in held if other != before]
            held += [before] if decision.action is Action.PROMOTE else []
        before = decision.stage
    return next((other for other in reversed(held) if NOTHING < other < stage), NOTHING)
