"""The rollout's stages and history: what they are, and where an abort goes back to."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given

from bookmarkai_assets.core.rollout.stages import (
    NOTHING,
    AbortTarget,
    Action,
    RolloutControl,
    RolloutPlan,
    RolloutState,
    Stage,
    check_stages,
    find_last_held,
    state_after,
)
from tests.support.decisions import START, STEPS, history_of

SHADOW = Stage(0, is_shadow=True)
STAGES = [NOTHING, SHADOW, Stage(1), Stage(50), Stage(100)]


def plan_of(*names: str) -> RolloutPlan:
    """Return a plan with these stages."""
    stages = tuple(map(Stage.parse, names))
    return RolloutPlan(stages, timedelta(days=7), RolloutControl.MANUAL, AbortTarget.LAST_HELD)


@pytest.mark.parametrize(
    ("text", "stage"),
    [("10", Stage(10)), (" 25% ", Stage(25)), ("0", NOTHING), ("100", Stage(100)), ("Shadow", SHADOW)],
)
def test_stages_are_read_as_they_are_written(text: str, stage: Stage) -> None:
    """A stage is a percentage with or without its sign, or `shadow`, and what is printed can be parsed again."""
    assert Stage.parse(text) == stage
    assert Stage.parse(str(stage)) == stage


@pytest.mark.parametrize("text", ["", "101", "-1", "10.5", "ten", "%", "\u0661\u0660", "10%%"])
def test_a_text_that_is_no_stage_is_refused(text: str) -> None:
    """The message says what is expected and what was found."""
    with pytest.raises(ValueError, match="expected shadow or a whole percentage from 0 to 100, found"):
        Stage.parse(text)


def test_a_shadow_has_no_percentage() -> None:
    """A shadow of 10% would be two stages at once."""
    with pytest.raises(ValueError, match="expected shadow"):
        Stage(10, is_shadow=True)


def test_stages_have_an_order() -> None:
    """Nothing is below the shadow, and the shadow is below every percentage."""
    assert sorted([Stage(50), SHADOW, Stage(1), NOTHING, Stage(100)]) == STAGES


@pytest.mark.parametrize("names", [(), ("25", "10"), ("10", "10"), ("0", "10"), ("10", "shadow"), ("shadow", "shadow")])
def test_a_plan_rises(names: Sequence[str]) -> None:
    """Stages come in rising order, each once, and 0% is not one, because a rollout is there before its first stage."""
    with pytest.raises(ValueError, match="expected stages that rise"):
        plan_of(*names)
    with pytest.raises(ValueError, match="expected stages that rise"):
        check_stages([Stage.parse(name) for name in names])


@pytest.mark.parametrize(
    ("stage", "following"),
    [
        (None, "shadow"),
        ("0", "shadow"),
        ("shadow", "10"),
        ("10", "25"),
        ("7", "10"),
        ("24", "25"),
        ("30", "100"),
        ("100", None),
    ],
)
def test_each_stage_has_a_next_one(stage: str | None, following: str | None) -> None:
    """The next stage is the next higher one of the plan, also after a percentage that is not in it."""
    after = plan_of("shadow", "10", "25", "100").next_after(Stage.parse(stage) if stage else None)
    assert after == (Stage.parse(following) if following else None)


def test_without_a_shadow_the_first_percentage_begins() -> None:
    """A plan need not have a shadow."""
    assert plan_of("10", "25").next_after(None) == Stage(10)
    assert plan_of("10", "25").next_after(SHADOW) == Stage(10)


@pytest.mark.parametrize(
    ("steps", "stage", "is_rolled_back", "is_aborted", "since"),
    [
        ([], None, False, False, None),
        (["advise"], None, False, False, None),
        (["promote 10"], "10", False, False, 0),
        (["promote 10", "advise", "advise"], "10", False, False, 0),
        (["promote 10", "set 10"], "10", False, False, 1),
        (["promote 10", "promote 25", "abort 10"], "10", False, True, 2),
        (["promote 10", "abort 0", "advise"], "0", False, True, 1),
        (["promote 10", "abort 0", "promote 10"], "10", False, False, 2),
        (["promote 10", "abort 0", "set 10"], "10", False, False, 2),
        (["promote 10", "rollback"], "10", True, False, 1),
        (["promote 10", "rollback", "advise", "resume"], "10", False, False, 3),
        (["promote 25", "abort 10", "rollback"], "10", True, True, 2),
        (["promote 25", "abort 10", "rollback", "resume"], "10", False, True, 3),
        (["promote 25", "abort 10", "rollback", "set 5", "resume"], "5", False, False, 4),
        (["rollback"], None, True, False, 0),
        (["rollback", "resume"], None, False, False, 1),
    ],
)
def test_the_state_is_derived_from_the_history(
    steps: list[str], stage: str | None, is_rolled_back: bool, is_aborted: bool, since: int | None
) -> None:
    """Advice changes nothing, other decisions begin a new state, and an abort is remembered through a rollback."""
    assert state_after(history_of(*steps)) == RolloutState(
        stage=Stage.parse(stage) if stage else None,
        is_rolled_back=is_rolled_back,
        is_aborted=is_aborted,
        since=None if since is None else START + timedelta(hours=since),
        decision_id=None if since is None else since + 1,
    )


@pytest.mark.parametrize(
    ("steps", "stage"),
    [
        ([], "0"),
        (["promote 10"], "0"),
        (["promote 10", "promote 25"], "10"),
        (["promote shadow", "promote 10"], "shadow"),
        (["promote shadow", "promote 10", "advise", "promote 25"], "10"),
        (["promote 10", "promote 25", "promote 50", "abort 25"], "10"),
        (["promote 10", "promote 25", "promote 50", "abort 25", "abort 10"], "0"),
        (["promote 10", "promote 25", "promote 50", "abort 25", "abort 10", "set 75"], "10"),
        (["promote 10", "promote 25", "abort 10", "promote 25"], "10"),
        (["promote 10", "promote 25", "promote 50", "abort 0", "promote 10", "set 75"], "25"),
        (["promote 10", "promote 25", "promote 50", "abort 25", "promote 50"], "25"),
        (["set 10", "set 25"], "0"),
        (["set 10", "promote 25", "set 90"], "10"),
        (["promote 10", "promote 25", "set 5"], "0"),
        (["promote 10", "promote 25", "set 10"], "0"),
        (["promote 10", "promote 25", "set 0", "promote 50"], "10"),
        (["promote 10", "promote 25", "rollback", "resume"], "10"),
        (["promote 10", "abort 0"], "0"),
    ],
)
def test_an_abort_goes_back_to_the_last_stage_that_held(steps: list[str], stage: str) -> None:
    """A stage held if it was promoted from and not aborted since, and it has to be below the present one."""
    assert find_last_held(history_of(*steps)) == Stage.parse(stage)


@given(STEPS)
def test_an_abort_never_raises_the_stage(names: list[str]) -> None:
    """Whatever was decided, an abort goes to a lower stage that was once in effect, or to 0%."""
    history = history_of(*names)
    target, stage = find_last_held(history), state_after(history).stage or NOTHING
    assert target < stage or target == NOTHING
    assert target in {NOTHING, *(decision.stage for decision in history)}


@given(STEPS)
def test_the_newest_decision_gives_most_of_the_state(names: list[str]) -> None:
    """Only whether the stage was reached by an abort needs more than the newest decision."""
    history = history_of(*names)
    standing = [decision for decision in history if decision.action is not Action.ADVISE][-1:]
    state = state_after(history)
    assert replace(state_after(standing), is_aborted=state.is_aborted) == state
    if not standing or standing[0].action not in {Action.ROLLBACK, Action.RESUME}:
        assert state_after(standing) == state
