"""Histories of the rollout's decisions, for tests of what follows from them."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from bookmarkai_assets.core.rollout.stages import Action, Decision, Stage

START = datetime(2026, 3, 1, tzinfo=UTC)


def history_of(*steps: str) -> list[Decision]:
    """Return decisions an hour apart, each given as `action` or `action stage`; without a stage it does not change."""
    decisions: list[Decision] = []
    for number, step in enumerate(steps):
        name, _, stage = step.partition(" ")
        action, before = Action(name), decisions[-1] if decisions else None
        is_rolled_back = before is not None and before.is_rolled_back
        decisions.append(
            Decision(
                action=action,
                stage=Stage.parse(stage) if stage else before.stage if before else None,
                is_rolled_back={Action.ROLLBACK: True, Action.RESUME: False}.get(action, is_rolled_back),
                decided_at=START + timedelta(hours=number),
                decided_by="operator",
                actor="ann",
                reason="",
                previous_id=number or None,
                decision_id=number + 1,
            )
        )
    return decisions


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["rollback", "resume", "advise"]),
        st.builds(
            lambda action, stage: f"{action} {stage}",
            st.sampled_from(["promote", "set", "abort"]),
            st.sampled_from(["0", "shadow", "10", "25", "50"]),
        ),
    ),
    max_size=12,
)
"""Histories of at most twelve decisions, as `history_of` takes them."""
