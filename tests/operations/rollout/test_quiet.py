"""When the rollout is measured again: after each change, also after those that time alone makes, and never without."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.placement import StorageMode, StoragePolicy
from bookmarkai_assets.core.rollout.gate import RuleName, RuleStatus
from bookmarkai_assets.core.rollout.ports import EventTotals, RecordedVerification, RollUpProgress
from bookmarkai_assets.core.rollout.stages import Stage
from bookmarkai_assets.core.rollout.tallies import Totals
from bookmarkai_assets.core.rollout.windows import WINDOWS, Resolution, Window
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.rollout.deciding import set_stage
from bookmarkai_assets.operations.rollout.evidence import judge_stage
from bookmarkai_assets.operations.rollout.history import read_state
from bookmarkai_assets.operations.rollout.measuring import read_gate_figures
from bookmarkai_assets.operations.rollout.quiet import Measured, find_changes, make_basis, reach_events, record_basis
from tests.support.rollout import START, rollout_rules
from tests.support.storage_events import transfer

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def rules() -> PipelineRules:
    """Return an operator's settings, in which a person decides."""
    return rollout_rules()


def measure(catalog: OpenCatalog, rules: PipelineRules, now: datetime) -> None:
    """Record that both assets were made now."""
    position, state = reach_events(catalog), read_state(catalog)
    judgement = judge_stage(rules, read_gate_figures(catalog, rules, now=now), state, now=now)
    basis = make_basis(catalog, rules, judgement, position=position, decision_id=state.decision_id, now=now)
    for measured in Measured:
        record_basis(catalog, measured, basis)


def verify(catalog: OpenCatalog, at: datetime) -> None:
    """Record a verification that found nothing wrong."""
    catalog.rollout.record_verification(
        RecordedVerification(
            verified_at=at, is_deep=False, is_good=True, missing=0, different=0, unverified=0, counts={"same": 1}
        )
    )


class TotalsBehind(EventTotals):
    """Totals that have more events to add up than one step does, and are not read before that is done."""

    @override
    def roll_up(self, *, limit: int = 10_000) -> RollUpProgress:
        return RollUpProgress(position=limit, events=limit, is_complete=False)

    @override
    def remove_counted(self, *, before: datetime, limit: int = 2_000) -> int:
        raise AssertionError("the totals are behind")

    @override
    def totals(self, window: Window, *, with_latencies: bool = True) -> Totals:
        raise AssertionError("the totals are behind")

    @override
    def steps(self, window: Window, resolution: Resolution) -> Mapping[datetime, Totals]:
        raise AssertionError("the totals are behind")

    @override
    def all_time(self) -> Totals:
        raise AssertionError("the totals are behind")

    @override
    def first_event_at(self) -> datetime | None:
        raise AssertionError("the totals are behind")

    @override
    def events_from(self, moment: datetime) -> int:
        raise AssertionError("the totals are behind")


def changes_at(catalog: OpenCatalog, rules: PipelineRules, moments: Iterable[datetime]) -> list[list[str]]:
    """Return the changes that ticks at these moments find, each of which is then measured."""
    found = []
    for now in moments:
        found.append(list(find_changes(catalog, rules, now=now)))
        if found[-1]:
            measure(catalog, rules, now)
    return found


def test_the_first_tick_measures(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """Where nothing was measured yet there is something to measure."""
    assert find_changes(sqlite_catalog, rules, now=START) == ["not measured yet"]


def test_an_idle_week_changes_nothing(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """Without transfers, decisions and verifications the ticks of a week find no change."""
    measure(sqlite_catalog, rules, START)
    week = [START + 5 * MINUTE, START + HOUR, *(START + 8 * n * HOUR for n in range(1, 22))]
    assert changes_at(sqlite_catalog, rules, week) == [[]] * len(week)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda catalog, _: catalog.events.record(transfer(START)), "transfers"),
        (lambda catalog, _: verify(catalog, START), "a verification"),
        (
            lambda catalog, rules: set_stage(
                catalog, rules, Stage(10), now=START + MINUTE, actor="olga", reason="a test"
            ),
            "a decision",
        ),
    ],
    ids=["transfer", "verification", "decision"],
)
def test_each_change_is_found_once(
    sqlite_catalog: OpenCatalog,
    rules: PipelineRules,
    change: Callable[[OpenCatalog, PipelineRules], object],
    named: str,
) -> None:
    """A change is named by the tick after it, and no longer once it was measured."""
    measure(sqlite_catalog, rules, START)
    change(sqlite_catalog, rules)
    assert named in find_changes(sqlite_catalog, rules, now=START + 5 * MINUTE)
    measure(sqlite_catalog, rules, START + 5 * MINUTE)
    assert find_changes(sqlite_catalog, rules, now=START + 5 * MINUTE) == []


def test_another_setting_is_a_change(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """After a restart with another storage mode the figures and the gate's answer are made again."""
    measure(sqlite_catalog, rules, START)
    other = replace(rules, storage=StoragePolicy(StorageMode.S3, 0))
    assert "the storage policy" in find_changes(sqlite_catalog, other, now=START + MINUTE)


def test_either_asset_alone_is_not_enough(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """A change counts until the figures were measured and the gate was asked."""
    measure(sqlite_catalog, rules, START)
    kept = sqlite_catalog.cursors.get(Measured.STAGE.value)
    sqlite_catalog.events.record(transfer(START))
    measure(sqlite_catalog, rules, START + 5 * MINUTE)
    sqlite_catalog.cursors.set(Measured.STAGE.value, kept or "")
    assert "transfers" in find_changes(sqlite_catalog, rules, now=START + 5 * MINUTE)


def test_a_transfer_of_unfinished_minutes_is_measured_again(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """What was measured before its five minutes were over is in no window, so the next tick measures once more."""
    sqlite_catalog.events.record(transfer(START - MINUTE))
    sqlite_catalog.events.record(transfer(START + MINUTE))
    measure(sqlite_catalog, rules, START + 2 * MINUTE)
    assert find_changes(sqlite_catalog, rules, now=START + 5 * MINUTE) == ["transfers"]
    measure(sqlite_catalog, rules, START + 5 * MINUTE)
    assert find_changes(sqlite_catalog, rules, now=START + 5 * MINUTE) == []


def test_a_long_backlog_of_events_is_left_to_the_run(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """A tick adds up one step's events; if there are more it asks for a run and reads nothing else."""
    measure(sqlite_catalog, rules, START)
    ports = {port.name: getattr(sqlite_catalog, port.name) for port in fields(Catalog)}
    behind = Catalog(**{**ports, "totals": TotalsBehind()})
    assert find_changes(behind, rules, now=START) == ["transfers"]


def test_windows_that_become_empty_are_measured(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """After the last transfer there is one measurement for each window, once that transfer has left it."""
    sqlite_catalog.events.record(transfer(START - MINUTE, backend="local"))
    measure(sqlite_catalog, rules, START)
    left = [START + length for length in WINDOWS.values()]
    moments = [moment for tick in left[1:] for moment in (tick - 5 * MINUTE, tick)]
    assert changes_at(sqlite_catalog, rules, left[:1]) == [["an empty window"]]
    found = changes_at(sqlite_catalog, rules, moments)
    assert ["an empty window" in changes for changes in found] == [False, True] * (len(left) - 1)


def test_the_gate_is_asked_when_a_stage_has_had_its_time(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """Time alone changes the gate's answer, and the tick at which it does names it: then a run promotes or advises."""
    generous = replace(
        rules, gate=replace(rules.gate, min_sample=1, window=30 * DAY, max_verification_age=30 * DAY, budget_usd=None)
    )
    set_stage(sqlite_catalog, generous, Stage(10), now=START, actor="olga", reason="a test")
    for operation, purpose in (("put", "place"), ("get", "transcribe")):
        sqlite_catalog.events.record(transfer(START + HOUR, operation, purpose=purpose, kind="audio"))
    verify(sqlite_catalog, START + HOUR)
    before = START + generous.rollout.min_stage_time - 10 * MINUTE
    measure(sqlite_catalog, generous, before)
    ticks = [before + n * 5 * MINUTE for n in range(1, 6)]
    assert changes_at(sqlite_catalog, generous, ticks) == [[], ["the gate's answer"], [], [], []]


def test_a_verification_that_grows_too_old_is_a_change(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """The rule about losses turns from pass to insufficient by time alone, and the next tick has its check follow."""
    verify(sqlite_catalog, START)
    measure(sqlite_catalog, rules, START)
    old = START + rules.gate.max_verification_age + MINUTE
    assert find_changes(sqlite_catalog, rules, now=old - 2 * MINUTE) == []
    assert find_changes(sqlite_catalog, rules, now=old) == ["the gate's answer"]
    judgement = judge_stage(
        rules, read_gate_figures(sqlite_catalog, rules, now=old), read_state(sqlite_catalog), now=old
    )
    assert judgement.by_rule[RuleName.NOTHING_LOST].status is RuleStatus.INSUFFICIENT
