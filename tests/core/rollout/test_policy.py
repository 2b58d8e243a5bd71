"""Which policy is in force and why: the table of precedence, its wording, and that one module derives it."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bookmarkai_assets
from bookmarkai_assets.core.media.placement import Backend, StorageMode, StoragePolicy, place
from bookmarkai_assets.core.rollout.policy import (
    STAGED_MODE,
    PolicySource,
    StageObstacle,
    is_open_to_decisions,
    list_obstacles,
    resolve_policy,
)
from bookmarkai_assets.core.rollout.stages import state_after
from tests.support.decisions import STEPS, history_of

SPLIT = 30
"""`S3_SPLIT_PERCENTAGE`, a value that no stage has."""

DECIDED = {
    "none": None,
    "not begun, resumed": history_of("rollback", "resume")[-1],
    "not begun, rolled back": history_of("rollback")[-1],
    "0%": history_of("set 0")[-1],
    "shadow": history_of("promote shadow")[-1],
    "50%": history_of("promote 50")[-1],
    "100%": history_of("set 100")[-1],
    "10%, aborted to": history_of("promote 10", "promote 50", "abort 10")[-1],
    "0%, aborted to": history_of("promote 10", "abort 0")[-1],
    "50%, rolled back": history_of("promote 50", "rollback")[-1],
    "50%, resumed": history_of("promote 50", "rollback", "resume")[-1],
    "shadow, rolled back": history_of("promote shadow", "rollback")[-1],
    "10%, aborted to, rolled back": history_of("promote 50", "abort 10", "rollback")[-1],
    "10%, set while rolled back": history_of("promote 50", "rollback", "set 10")[-1],
}


@pytest.mark.parametrize(
    ("mode", "decided", "counts", "source"),
    [
        *(("local", decided, "local", "settings_local") for decided in DECIDED),
        ("s3", "none", "s3", "settings_s3"),
        ("s3", "not begun, resumed", "s3", "settings_s3"),
        ("s3", "not begun, rolled back", "local", "rollback"),
        ("s3", "0%", "s3", "settings_s3"),
        ("s3", "shadow", "s3", "settings_s3"),
        ("s3", "50%", "s3", "settings_s3"),
        ("s3", "100%", "s3", "settings_s3"),
        ("s3", "10%, aborted to", "s3", "settings_s3"),
        ("s3", "0%, aborted to", "s3", "settings_s3"),
        ("s3", "50%, rolled back", "local", "rollback"),
        ("s3", "50%, resumed", "s3", "settings_s3"),
        ("s3", "shadow, rolled back", "local", "rollback"),
        ("s3", "10%, aborted to, rolled back", "local", "rollback"),
        ("s3", "10%, set while rolled back", "local", "rollback"),
        ("hybrid", "none", "30%", "settings_percentage"),
        ("hybrid", "not begun, resumed", "30%", "settings_percentage"),
        ("hybrid", "not begun, rolled back", "local", "rollback"),
        ("hybrid", "0%", "0%", "stage"),
        ("hybrid", "shadow", "shadow", "stage"),
        ("hybrid", "50%", "50%", "stage"),
        ("hybrid", "100%", "100%", "stage"),
        ("hybrid", "10%, aborted to", "10%", "stage"),
        ("hybrid", "0%, aborted to", "0%", "stage"),
        ("hybrid", "50%, rolled back", "local", "rollback"),
        ("hybrid", "50%, resumed", "50%", "stage"),
        ("hybrid", "shadow, rolled back", "local", "rollback"),
        ("hybrid", "10%, aborted to, rolled back", "local", "rollback"),
        ("hybrid", "10%, set while rolled back", "local", "rollback"),
    ],
)
def test_precedence(mode: str, decided: str, counts: str, source: str) -> None:
    """Local always wins, then a rollback, then s3; in hybrid the recorded stage, and without one the setting."""
    decision = DECIDED[decided]
    effective = resolve_policy(StoragePolicy(StorageMode(mode), SPLIT), decision)
    assert _in_words(effective.policy) == counts
    assert effective.source == source
    is_followed = source in {"rollback", "stage"}
    assert effective.policy.decision_id == (decision.decision_id if decision and is_followed else None)


def test_the_table_of_precedence_is_whole() -> None:
    """Every mode is combined with every kind of decision."""
    [mark] = [mark for mark in test_precedence.pytestmark if mark.name == "parametrize"]  # type: ignore[attr-defined]
    cases = [(mode, decided) for mode, decided, *_ in mark.args[1]]
    assert sorted(cases) == sorted((mode.value, decided) for mode in StorageMode for decided in DECIDED)
    assert {source for *_, source in mark.args[1]} == set(PolicySource)


def _in_words(policy: StoragePolicy) -> str:
    if policy.is_shadow:
        assert policy.mode is StorageMode.HYBRID
        assert policy.s3_percentage == 0
        return "shadow"
    return f"{policy.s3_percentage}%" if policy.mode is StorageMode.HYBRID else policy.mode.value


MODES = st.sampled_from(StorageMode)


@given(MODES, st.integers(0, 100), STEPS, st.uuids().map(str))
def test_a_rollback_places_nothing_in_s3(mode: StorageMode, percentage: int, names: list[str], share_id: str) -> None:
    """Whatever the settings and the history, under a rollback every share goes to the local directory, unshadowed."""
    decision = history_of(*names, "rollback")[-1]
    policy = resolve_policy(StoragePolicy(mode, percentage), decision).policy
    assert place(policy, share_id).backend is Backend.LOCAL
    assert not policy.is_shadow


@given(MODES, st.integers(0, 100))
def test_only_an_open_policy_is_changed_by_decisions(mode: StorageMode, percentage: int) -> None:
    """Where no decision changes the policy the catalog need not be asked; everywhere else some decision does."""
    configured = StoragePolicy(mode, percentage)
    policies = [resolve_policy(configured, decision).policy for decision in DECIDED.values()]
    assert any(policy != configured for policy in policies) == is_open_to_decisions(configured)


@given(MODES, STEPS)
def test_a_stage_without_an_obstacle_is_in_force(mode: StorageMode, names: list[str]) -> None:
    """The obstacles and the precedence never contradict each other."""
    standing = [decision for decision in history_of(*names) if decision.action != "advise"]
    obstacles = set(list_obstacles(mode, state_after(standing)))
    source = resolve_policy(StoragePolicy(mode, SPLIT), standing[-1] if standing else None).source
    assert (source is PolicySource.STAGE) == (not obstacles - {StageObstacle.AT_ZERO})


@pytest.mark.parametrize(
    ("steps", "obstacles"),
    [
        ([], ["storage_mode", "not_begun"]),
        (["rollback"], ["storage_mode", "rolled_back", "not_begun"]),
        (["promote 10", "abort 0", "rollback"], ["storage_mode", "rolled_back", "at_zero"]),
        (["promote shadow"], ["storage_mode"]),
        (["promote 10", "rollback"], ["storage_mode", "rolled_back"]),
    ],
)
def test_every_obstacle_is_listed(steps: list[str], obstacles: list[str]) -> None:
    """Whoever removes one obstacle wants to know the others, and in hybrid there is one fewer."""
    state = state_after(history_of(*steps))
    assert list(list_obstacles(StorageMode.LOCAL, state)) == obstacles
    assert list(list_obstacles(STAGED_MODE, state)) == obstacles[1:]


@pytest.mark.parametrize(
    ("mode", "decided", "why"),
    [
        (
            "local",
            "50%, rolled back",
            "STORAGE_MODE=local in the settings: everything local, whatever the rollout says",
        ),
        (
            "s3",
            "50%, rolled back",
            "rolled back (decision 2): everything local, whatever the stage and STORAGE_MODE",
        ),
        (
            "s3",
            "50%",
            "STORAGE_MODE=s3 in the settings: everything to S3, whatever the stage; only a rollback counts more",
        ),
        ("hybrid", "none", "S3_SPLIT_PERCENTAGE=30 in the settings: the rollout has no stage yet"),
        (
            "hybrid",
            "10%, aborted to",
            (
                "STORAGE_MODE=hybrid in the settings, and the rollout's stage 10% (decision 3: abort by ann, "
                "2026-03-01 02:00 UTC)"
            ),
        ),
    ],
)
def test_each_source_has_its_words(mode: str, decided: str, why: str) -> None:
    """The words name the setting or the decision, and what it overrides."""
    assert resolve_policy(StoragePolicy(StorageMode(mode), SPLIT), DECIDED[decided]).why == why


def test_the_policy_in_force_is_derived_in_one_module() -> None:
    """No other module compares storage modes or makes a policy, except to read settings or to apply a policy.

    Whoever needs the policy calls `resolve_policy`, and matches on the source that it names.
    """
    package = Path(bookmarkai_assets.__file__).parent
    derives = {str(path.relative_to(package)) for path in package.rglob("*.py") if _derives_a_policy(path)}
    reads_settings = {"settings/storage.py", "wiring/rules.py"}
    applies_a_policy = {"core/media/placement.py", "core/rollout/metrics.py"}
    assert derives - reads_settings - applies_a_policy == {"core/rollout/policy.py"}


def _derives_a_policy(path: Path) -> bool:
    """Whether a module names a storage mode, compares one, makes a policy, or places by the settings alone."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Attribute(value=ast.Name(id="StorageMode"), attr=attribute) if (
                attribute in StorageMode.__members__
            ):
                return True
            case ast.Call(func=ast.Name(id="StoragePolicy")):
                return True
            case ast.Call(func=ast.Name(id="place" | "decided"), args=[ast.Attribute(attr="storage"), *_]):
                return True
            case ast.Compare(left=left, comparators=others):
                compared = {getattr(each, "attr", None) for each in (left, *others)}
                if compared & {"mode", "storage_mode"}:
                    return True
    return False
