"""The jobs that watch and keep books: verification, measuring, the gate, alerts, metrics, retention, and decisions.

Each does what its asset, sensor or command does, without Dagster. None of them may change a media.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from unittest.mock import patch

from typing_extensions import override

from bookmarkai_assets.adapters.catalog import event_totals
from bookmarkai_assets.core.alerts.conditions import FailedRun
from bookmarkai_assets.core.alerts.messages import Message
from bookmarkai_assets.core.alerts.ports import AlertReceiver, Receipt, Reply
from bookmarkai_assets.core.errors import RolloutConflictError
from bookmarkai_assets.core.history import DagsterHistory, Fact, OldRun
from bookmarkai_assets.core.rollout.stages import Decision, Stage
from bookmarkai_assets.core.rollout.windows import day_of
from bookmarkai_assets.operations import history
from bookmarkai_assets.operations.alerts.alerting import deliver, open_failed_run, update_incidents
from bookmarkai_assets.operations.rollout import deciding
from bookmarkai_assets.operations.rollout.evidence import judge_stage
from bookmarkai_assets.operations.rollout.measuring import catch_up, measure_day, read_gate_figures
from bookmarkai_assets.operations.rollout.planning import forecast_stages
from bookmarkai_assets.operations.rollout.quiet import Measured, make_basis, reach_events, record_basis
from bookmarkai_assets.operations.storage.verifying import record_verification, verify_storage
from tests.crash.job_names import Job
from tests.crash.world import Promise, World

ROWS_AT_ONCE = 40
EVENTS_AT_ONCE = 4
"""So few that totals and retention take several transactions, between which a kill may come."""


def verify(world: World) -> bool:
    """Do what the weekly verification does, and return whether all was well."""
    began = world.clock()
    report = verify_storage(world.catalog, world.stores, world.rules, is_deep=False, now=began, workers=1)
    return record_verification(world.catalog, report, is_deep=False, now=began).is_good


def measure(world: World) -> None:
    """Do what the rollout's measurement does every five minutes, for today."""
    with patch.object(event_totals, "_ROWS_AT_ONCE", ROWS_AT_ONCE):
        position = reach_events(world.catalog)
    now = world.clock()
    measure_day(world.catalog, world.rules, day_of(now), now=now)
    state = deciding.read_state(world.catalog)
    judgement = judge_stage(world.rules, read_gate_figures(world.catalog, world.rules, now=now), state, now=now)
    basis = make_basis(world.catalog, world.rules, judgement, position=position, decision_id=state.decision_id, now=now)
    record_basis(world.catalog, Measured.FIGURES, basis)


def ask_gate(world: World) -> str:
    """Do what the rollout's stage does after a measurement, and return the verdict. It may promote or abort."""
    position = reach_events(world.catalog)
    now = world.clock()
    evaluation = deciding.evaluate(
        world.catalog,
        world.rules,
        figures=read_gate_figures(world.catalog, world.rules, now=now),
        now=now,
        actor=world.new_id(),
        forecasts=forecast_stages(world.catalog, world.rules, now=now),
    )
    if evaluation.decision is not None:
        _promise(world, evaluation.decision)
    basis = make_basis(
        world.catalog,
        world.rules,
        evaluation.judgement,
        position=position,
        decision_id=evaluation.state.decision_id,
        now=now,
    )
    record_basis(world.catalog, Measured.STAGE, basis)
    return evaluation.judgement.verdict


def tell(world: World) -> None:
    """Do what the sensors of failed runs and of alerts do: record what is wrong, and send it to a receiver."""
    open_failed_run(world.catalog, FailedRun("run", "share_to_transcript", "it broke", []), now=world.clock())
    update_incidents(world.catalog, world.rules, now=world.clock())
    deliver(world.catalog, [_Receiver(world)], log=lambda _: None, now=world.clock())


def forget_events(world: World) -> int:
    """Do what the daily retention does in the catalog, and return how many events it removed."""
    with patch.object(history, "EVENTS_AT_ONCE", EVENTS_AT_ONCE):
        report = history.prune_history(
            _NoHistory(),
            world.catalog,
            world.rules.history,
            share_assets=(),
            now=world.clock(),
            is_time_left=lambda: True,
        )
    return report.events


JOBS: Mapping[Job, Callable[[World], object]] = MappingProxyType(
    {
        Job.VERIFY: verify,
        Job.MEASURE: measure,
        Job.ASK_GATE: ask_gate,
        Job.TELL: tell,
        Job.FORGET_EVENTS: forget_events,
    }
)


class Order(StrEnum):
    """What an operator decides about the rollout, by the name of the command."""

    PROMOTE = "promote"
    SET = "set"
    ABORT = "abort"
    ROLLBACK = "rollback"
    RESUME = "resume"


def decide(world: World, order: Order) -> str:
    """Do what a command about the rollout does, and return what it has decided or that it refused."""
    if order is not Order.ROLLBACK:
        catch_up(world.catalog)
    try:
        decision = _give(order, world)
    except RolloutConflictError:
        return "refused"
    _promise(world, decision)
    return decision.action


def _give(order: Order, world: World) -> Decision:
    catalog, rules, now = world.catalog, world.rules, world.clock()
    figures = read_gate_figures(catalog, rules, now=now)
    actor, reason = "operator", "because of the test"
    match order:
        case Order.PROMOTE:
            return deciding.promote(catalog, rules, figures=figures, now=now, actor=actor, reason=reason, force=True)
        case Order.SET:
            return deciding.set_stage(catalog, rules, Stage(50), figures=figures, now=now, actor=actor, reason=reason)
        case Order.ABORT:
            return deciding.abort(catalog, rules, figures=figures, now=now, actor=actor, reason=reason)
        case Order.ROLLBACK:
            return deciding.roll_back(catalog, rules, figures=figures, now=now, actor=actor, reason=reason)
        case Order.RESUME:
            return deciding.resume(catalog, rules, figures=figures, now=now, actor=actor, reason=reason)


def _promise(world: World, decision: Decision) -> None:
    world.promise(Promise.DECISION, str(decision.decision_id))


class _Receiver(AlertReceiver):
    """Takes every message. That it has one is durable, so a kill may come before and after."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    @override
    def name(self) -> str:
        return "webhook"

    @override
    def send(self, message: Message) -> Reply:
        self._world.on_step("send before")
        for incident in message.incidents:
            self._world.promise(Promise.ALERT, f"{incident.key} {incident.opened_at.isoformat()}")
        self._world.on_step("send after")
        return Reply(Receipt.DELIVERED)


class _NoHistory(DagsterHistory):
    """Dagster's records, of which there are none here."""

    @override
    def old_runs(self, **_options: object) -> Sequence[OldRun]:
        return ()

    @override
    def facts(self, run_id: str) -> Sequence[Fact]:
        return ()

    @override
    def latest_run(self, fact: Fact) -> str | None:
        return None

    @override
    def remove_run(self, run_id: str) -> int:
        return 0

    @override
    def partitions(self) -> Sequence[str]:
        return ()

    @override
    def partitions_in_use(self) -> Sequence[str]:
        return ()

    @override
    def remove_partition(self, key: str) -> None:
        pass

    @override
    def forget_statuses(self) -> None:
        pass
