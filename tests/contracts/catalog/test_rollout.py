"""The contract of `RolloutLedger`, over SQLite and PostgreSQL: one chain of decisions, and the verifications."""

from dataclasses import replace
from functools import partial

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import RolloutConflictError
from bookmarkai_assets.core.rollout.ports import RecordedVerification
from bookmarkai_assets.core.rollout.stages import SHADOW_NAME, Action, Decision, Stage
from tests.support.catalog import at, execute, together

EVIDENCE = {
    "window": {"start": "2026-01-30T12:00:00+00:00"},
    "uploads": 120,
    "failed": 0.25,
    "rules": ["a", None, True],
}


FIRST_STAGE = Stage(10)


def decision(
    action: Action = Action.PROMOTE,
    stage: Stage | None = FIRST_STAGE,
    *,
    after: Decision | None = None,
    seconds: float = 0,
    is_rolled_back: bool = False,
) -> Decision:
    """Return a decision with every field set, which follows another."""
    return Decision(
        action=action,
        stage=stage,
        is_rolled_back=is_rolled_back,
        decided_at=at(seconds),
        decided_by="operator",
        actor="ada@example.com",
        reason="looks good 🎉",
        verdict="promote",
        evidence=EVIDENCE,
        previous_id=after.decision_id if after else None,
    )


def test_decisions_come_back_as_they_were_recorded(each_catalog: OpenCatalog) -> None:
    """Every field is kept, with the id of the row, for stages of every kind and for none."""
    kept: list[Decision] = []
    for stage in (None, Stage.parse(SHADOW_NAME), Stage(0), Stage(25), Stage(100)):
        kept.append(each_catalog.rollout.append(decision(stage=stage, after=kept[-1] if kept else None)))

    assert each_catalog.rollout.history() == kept
    assert [one.stage for one in kept] == [None, Stage(0, is_shadow=True), Stage(0), Stage(25), Stage(100)]
    assert kept[0] == replace(decision(stage=None), decision_id=kept[0].decision_id)
    assert len({one.decision_id for one in kept} - {0}) == 5


def test_a_decision_with_only_its_required_fields(each_catalog: OpenCatalog) -> None:
    """Missing verdict and evidence stay missing, and text that no database can store is kept as far as possible."""
    bare = replace(decision(), verdict=None, evidence={}, reason="a\x00b")

    kept = each_catalog.rollout.append(bare)

    assert each_catalog.rollout.history() == [replace(kept, reason="a\ufffdb")]


def test_the_history_is_read_oldest_first(each_catalog: OpenCatalog) -> None:
    """With a limit the newest are read, still oldest first."""
    first = each_catalog.rollout.append(decision(seconds=9))
    second = each_catalog.rollout.append(decision(stage=Stage(25), after=first, seconds=5))
    third = each_catalog.rollout.append(decision(stage=Stage(50), after=second, seconds=7))

    assert each_catalog.rollout.history() == [first, second, third]
    assert each_catalog.rollout.history(limit=2) == [second, third]
    assert each_catalog.rollout.history(limit=9) == [first, second, third]


def test_the_standing_decision_is_the_newest_that_is_not_advice(each_catalog: OpenCatalog) -> None:
    """Advice changes nothing that placements follow."""
    assert each_catalog.rollout.standing() is None
    advice = each_catalog.rollout.append(decision(Action.ADVISE, None))
    assert each_catalog.rollout.standing() is None
    promoted = each_catalog.rollout.append(decision(after=advice))
    assert each_catalog.rollout.standing() == promoted
    again = each_catalog.rollout.append(decision(Action.ADVISE, after=promoted))
    assert each_catalog.rollout.standing() == promoted
    rolled_back = each_catalog.rollout.append(decision(Action.ROLLBACK, after=again, is_rolled_back=True))
    assert each_catalog.rollout.standing() == rolled_back


def test_the_history_can_be_read_without_advice(each_catalog: OpenCatalog) -> None:
    """Decisions come oldest first, and a limit counts only those that are not advice."""
    advice = each_catalog.rollout.append(decision(Action.ADVISE, None))
    promoted = each_catalog.rollout.append(decision(after=advice))
    again = each_catalog.rollout.append(decision(Action.ADVISE, after=promoted))
    aborted = each_catalog.rollout.append(decision(Action.ABORT, after=again))
    each_catalog.rollout.append(decision(Action.ADVISE, after=aborted))

    assert each_catalog.rollout.history(with_advice=False) == [promoted, aborted]
    assert each_catalog.rollout.history(limit=1, with_advice=False) == [aborted]


def test_a_decision_after_an_older_one_is_refused(each_catalog: OpenCatalog) -> None:
    """Whoever decides without having read the newest decision gets an error, and nothing is recorded."""
    first = each_catalog.rollout.append(decision())
    second = each_catalog.rollout.append(decision(after=first))

    with pytest.raises(
        RolloutConflictError,
        match=rf"expected decision {first.decision_id} to be the newest.*found decision {second.decision_id}.*history",
    ):
        each_catalog.rollout.append(decision(Action.ABORT, after=first))
    with pytest.raises(RolloutConflictError, match="expected no decision to be the newest one"):
        each_catalog.rollout.append(decision())

    assert each_catalog.rollout.history() == [first, second]


def test_a_decision_after_an_unknown_one_is_refused(each_catalog: OpenCatalog) -> None:
    """The chain has no gaps."""
    with pytest.raises(RolloutConflictError, match=r"expected decision 7 to be the newest.*found no decision"):
        each_catalog.rollout.append(replace(decision(), previous_id=7))

    assert each_catalog.rollout.history() == []


@pytest.mark.parametrize("is_first", [True, False])
def test_of_many_who_decide_at_once_one_succeeds(each_catalog: OpenCatalog, *, is_first: bool) -> None:
    """Of many who record the first or a later decision at once, one succeeds and the others get an error."""
    before = None if is_first else each_catalog.rollout.append(decision())

    def decide(percentage: int) -> Decision | None:
        try:
            return each_catalog.rollout.append(decision(stage=Stage(percentage), after=before))
        except RolloutConflictError:
            return None

    decided = [one for one in together([partial(decide, n) for n in range(4)]) if one]

    assert len(decided) == 1
    assert each_catalog.rollout.standing() == decided[0]
    assert len(each_catalog.rollout.history()) == 2 - is_first


def test_the_database_itself_enforces_the_chain(each_catalog: OpenCatalog) -> None:
    """Even if two had read the same newest decision, the database refuses the second row as a conflict."""
    each_catalog.rollout.append(decision())
    # As seen by one who read before the other's row was there.
    execute(each_catalog, "UPDATE rollout_decisions SET previous_id = id")

    newest = each_catalog.rollout.history()[-1]
    with pytest.raises(RolloutConflictError, match="kept at the same moment"):
        each_catalog.rollout.append(decision(after=newest))


def test_the_last_verification_is_the_newest(each_catalog: OpenCatalog) -> None:
    """The newest is the one that began last, however late it was recorded, and it has all its counts."""
    assert each_catalog.rollout.last_verification() is None
    newest = RecordedVerification(
        verified_at=at(9),
        is_deep=True,
        is_good=False,
        missing=1,
        different=2,
        unverified=3,
        counts={"good": 5_000_000_000, "missing": 1},
    )

    each_catalog.rollout.record_verification(newest)
    each_catalog.rollout.record_verification(replace(newest, verified_at=at(1), is_deep=False, is_good=True))

    assert each_catalog.rollout.last_verification() == newest
