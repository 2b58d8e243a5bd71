"""Incidents over a real catalog: seen, recorded, and reported once, whatever dies in between."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typing_extensions import override

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.alerts.conditions import AlertKind, FailedRun
from bookmarkai_assets.core.alerts.messages import Message
from bookmarkai_assets.core.alerts.ports import Receipt, Reply
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.rollout.stages import Action, Stage
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.alerts.alerting import (
    RECEIVED_CURSOR,
    Delivery,
    deliver,
    open_failed_run,
    update_incidents,
)
from bookmarkai_assets.operations.rollout.deciding import roll_back, set_stage
from tests.fakes.receivers import FakeReceiver
from tests.support.rollout import rollout_rules
from tests.support.storage_events import NOON, transfer

USER = "11111111-1111-4111-8111-111111111111"


class Died(BaseException):
    """The process ends here."""


class DyingTable:
    """A table of the catalog whose process dies after one call of a method has succeeded."""

    def __init__(self, table: object, method: str) -> None:
        self._table = table
        self._method = method

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._table, name)
        if name != self._method:
            return attribute

        def die_after(*args: Any, **options: Any) -> None:
            attribute(*args, **options)
            raise Died

        return die_after


@dataclass
class Watch:
    """An installation's sensor: its catalog, its clock, a log and a webhook."""

    catalog: Catalog
    rules: PipelineRules
    now: datetime = NOON
    log: list[str] = field(default_factory=list)
    webhook: FakeReceiver = field(default_factory=FakeReceiver)

    def check(self) -> list[str]:
        """Check once, and return the keys that begin."""
        return [incident.key for incident in update_incidents(self.catalog, self.rules, now=self.now).to_open]

    def deliver(self) -> Delivery:
        """Deliver once."""
        return deliver(self.catalog, [self.webhook], log=self.log.append, now=self.now)

    def tick(self, **time: float) -> Delivery:
        """Let time pass, as `timedelta` counts it, check and deliver."""
        self.now += timedelta(**time)
        self.check()
        return self.deliver()

    def dying(self, table: str, method: str) -> Catalog:
        """Return the catalog as seen by a process that dies after a call."""
        tables = {name.name: getattr(self.catalog, name.name) for name in fields(Catalog)}
        return Catalog(**{**tables, table: DyingTable(tables[table], method)})

    def park(self, count: int = 1, outcome: Outcome = Outcome.GONE) -> list[str]:
        """Have new shares given up now."""
        ids = []
        for _ in range(count):
            number = len(self.catalog.shares.list())
            added = self.catalog.shares.add(
                url=f"https://example.com/{number}", user_id=USER, platform="generic", now=self.now
            )
            self.catalog.work.park(added.share.share_id, Failure(outcome, "it is gone"), now=self.now)
            ids.append(added.share.share_id)
        return ids

    def fail_run(self, name: str, job: str = "share_to_transcript") -> None:
        """Have a run fail now."""
        assert open_failed_run(self.catalog, FailedRun(name, job, "boom"), now=self.now)

    def deny(self, count: int = 1) -> None:
        """Have S3 refuse puts now."""
        for n in range(count):
            event = transfer(self.now, error="access_denied")
            self.catalog.events.record(replace(event, error=f"refusal {n}: it needs s3:PutObject"))


@pytest.fixture
def watch(sqlite_catalog: OpenCatalog) -> Watch:
    """Return an installation whose sensor has checked once, and found nothing."""
    watch = Watch(sqlite_catalog, rollout_rules())
    assert watch.tick() == Delivery(0, 0, ())
    return watch


def test_a_quiet_pipeline_reports_nothing(watch: Watch) -> None:
    """Good transfers open no incident, and no receiver is called."""
    for _ in range(60):
        watch.catalog.events.record(transfer(watch.now))
    watch.tick(minutes=5)
    assert watch.catalog.incidents.list() == []
    assert watch.webhook.asked == 0


def test_refused_access_is_reported_at_once_and_once(watch: Watch) -> None:
    """The count and the newest message are reported; it ends an hour after the last refusal, and may begin again."""
    watch.deny(3)
    watch.tick(seconds=30)
    watch.deny()
    watch.tick(minutes=20)
    denied = [text for text in watch.log if "denied access" in text and "gate" not in text]
    assert len(denied) == 1
    assert "3 times" in denied[0]
    assert "refusal 2: it needs s3:PutObject" in denied[0]
    assert "bookmarkai storage check" in denied[0]

    watch.tick(minutes=30)
    assert "access_denied" in [i.key for i in watch.catalog.incidents.list(is_open=True)]
    watch.tick(minutes=30)
    assert "access_denied" not in [i.key for i in watch.catalog.incidents.list(is_open=True)]
    watch.tick(hours=1)
    watch.deny()
    watch.tick(minutes=1)
    assert watch.webhook.keys.count("access_denied") == 2


def test_refusals_from_before_the_first_check_are_reported_without_a_message(sqlite_catalog: OpenCatalog) -> None:
    """The first check reads only the totals of old events, and refusals within the hour still alert."""
    watch = Watch(sqlite_catalog, rollout_rules())
    watch.deny(2)
    watch.tick(minutes=1)
    assert "access_denied" in watch.webhook.keys
    assert any("denied access 2 times" in text for text in watch.log)


def test_a_failing_gate_is_reported_by_rule(watch: Watch) -> None:
    """Each failing rule is reported once with its value and limit, and a further rule by itself."""
    set_stage(watch.catalog, watch.rules, Stage(10), now=watch.now, actor="ann", reason="x")
    watch.now += timedelta(minutes=1)
    for _ in range(60):
        watch.catalog.events.record(transfer(watch.now + timedelta(minutes=5), seconds=40.0))
    watch.tick(minutes=14)
    watch.tick(minutes=1)
    assert watch.webhook.keys == ["gate_rule_fails/mean_upload"]
    [incident] = watch.webhook.messages[0].incidents
    assert (incident.details["rule"], incident.details["limit"]) == ("mean_upload", 30)
    assert incident.details["value"] == pytest.approx(40)
    for _ in range(10):
        watch.catalog.events.record(transfer(watch.now, error="timeout"))
    watch.tick(minutes=6)
    assert watch.webhook.keys == ["gate_rule_fails/mean_upload", "gate_rule_fails/upload_failures"]


def test_the_budget_is_reported_at_both_marks(watch: Watch) -> None:
    """The month's projected cost, computed from the events, is compared with ROLLOUT_BUDGET_USD."""
    for _ in range(50):
        watch.catalog.events.record(transfer(watch.now, size_bytes=1 << 30))
    watch.now += timedelta(minutes=10)
    watch.tick()
    assert watch.webhook.keys == []
    from bookmarkai_assets.operations.rollout.measuring import read_month_cost  # noqa: PLC0415 - to set the budget by

    projected = read_month_cost(watch.catalog, watch.rules, now=watch.now).projected.total
    watch.rules = replace(watch.rules, gate=replace(watch.rules.gate, budget_usd=projected / 0.9))
    watch.tick()
    watch.tick()
    assert watch.webhook.keys == ["budget/2026-03/80"]
    watch.rules = replace(watch.rules, gate=replace(watch.rules.gate, budget_usd=projected / 1.2))
    watch.tick()
    watch.tick()
    assert [key for key in watch.webhook.keys if key.startswith("budget")] == [
        "budget/2026-03/80",
        "budget/2026-03/100",
    ]


def test_parked_shares_are_grouped(watch: Watch) -> None:
    """A hundred at once are one message, and the next within a quarter of an hour wait and are reported together."""
    watch.park(100)
    watch.tick(minutes=1)
    assert len(watch.webhook.messages) == 1
    assert "100 shares are parked" in watch.webhook.messages[0].text
    for _ in range(3):
        watch.park()
        assert watch.tick(minutes=1).delivered == 0
    delivery = watch.tick(minutes=15)
    assert delivery == Delivery(3, 0, ())
    assert len(watch.webhook.messages) == 2
    watch.tick(minutes=30)
    assert len(watch.webhook.messages) == 2


def test_a_retried_share_closes_its_incident_and_can_be_reported_again(watch: Watch) -> None:
    """A retried share's incident ends, and parking it again is a new incident."""
    ids = watch.park(2)
    watch.tick(minutes=1)
    watch.catalog.work.retry(ids, now=watch.now)
    watch.tick(minutes=1)
    assert watch.catalog.incidents.list(is_open=True) == []
    watch.now += timedelta(minutes=20)
    watch.catalog.work.park(ids[0], Failure(Outcome.GONE, "still gone"), now=watch.now)
    watch.tick()
    assert len(watch.webhook.messages) == 2
    assert "still gone" in watch.webhook.messages[1].text


def test_a_rollback_is_reported(watch: Watch) -> None:
    """The alert says who decided it, why, and how to undo it."""
    roll_back(watch.catalog, watch.rules, now=watch.now, actor="ann", reason="errors rose")
    watch.tick(minutes=1)
    watch.tick(minutes=1)
    assert len(watch.log) == 1
    assert "rollback by ann" in watch.log[0]
    assert "errors rose" in watch.log[0]
    assert "bookmarkai rollout resume" in watch.log[0]


def test_advice_does_not_hide_a_rollback(watch: Watch) -> None:
    """However often the gate's advice changes meanwhile, the rollback is reported, and its incident stays open."""
    decided = roll_back(watch.catalog, watch.rules, now=watch.now, actor="ann", reason="errors rose")
    for _ in range(60):
        advice = replace(decided, action=Action.ADVISE, decided_by="gate", previous_id=decided.decision_id)
        decided = watch.catalog.rollout.append(advice)
    watch.tick(minutes=1)
    watch.tick(hours=2)
    assert len(watch.log) == 1
    [incident] = watch.catalog.incidents.list(is_open=True)
    assert incident.kind == AlertKind.ROLLOUT_WENT_BACK


def test_failed_runs_of_a_job_are_grouped(watch: Watch) -> None:
    """The first run is reported at once, those within a quarter of an hour together, and each run once."""
    watch.fail_run("r0")
    assert not open_failed_run(watch.catalog, FailedRun("r0", "share_to_transcript", "boom"), now=watch.now)
    watch.tick(minutes=1)
    for n in range(1, 10):
        watch.fail_run(f"r{n}")
        watch.tick(minutes=1)
    watch.tick(minutes=15)
    assert [len(message.incidents) for message in watch.webhook.messages] == [1, 9]
    assert sorted(watch.webhook.keys) == sorted(f"run_failed/r{n}" for n in range(10))


def test_the_log_gets_each_incident_once_while_the_webhook_is_down(watch: Watch) -> None:
    """The webhook gets the incident when it is back, and what waits is not logged again."""
    watch.webhook.replies = [Receipt.UNREACHABLE] * 3
    watch.fail_run("r0")
    deliveries = [watch.tick(minutes=1) for _ in range(4)]
    assert [t.delivered for t in deliveries] == [0, 0, 0, 1]
    assert [t.waiting for t in deliveries] == [1, 1, 1, 0]
    assert deliveries[0].problems == ("webhook: unreachable: because of the test",)
    assert len(watch.log) == 1
    assert watch.webhook.keys == ["run_failed/r0"]


def test_an_unreachable_receiver_is_asked_once_a_tick(watch: Watch) -> None:
    """Several messages do not each wait for its timeouts."""
    watch.webhook.replies = [Receipt.UNREACHABLE] * 2
    watch.fail_run("r0")
    watch.fail_run("r1", job="other")
    watch.tick(minutes=1)
    assert (watch.webhook.asked, len(watch.log)) == (1, 2)
    watch.tick(minutes=1)
    watch.tick(minutes=1)
    assert sorted(watch.webhook.keys) == ["run_failed/r0", "run_failed/r1"]
    assert len(watch.log) == 2


def test_a_refused_message_is_not_sent_again(watch: Watch) -> None:
    """A refused message counts as delivered, the log has it, and the reason is among the problems."""
    watch.webhook.replies = [Receipt.REFUSED]
    watch.fail_run("r0")
    delivery = watch.tick(minutes=1)
    assert delivery == Delivery(1, 0, ("webhook: refused: because of the test",))
    watch.tick(minutes=1)
    assert (watch.webhook.asked, len(watch.log)) == (1, 1)


def test_one_receiver_does_not_wait_for_another(watch: Watch) -> None:
    """While one receiver is down the other gets the incident, once."""
    down, up = FakeReceiver("down"), FakeReceiver("up")
    down.replies = [Receipt.UNREACHABLE] * 2
    watch.fail_run("r0")
    for _ in range(4):
        deliver(watch.catalog, [down, up], log=watch.log.append, now=watch.now)
    assert (down.keys, up.keys, len(watch.log)) == (["run_failed/r0"], ["run_failed/r0"], 1)


def test_without_a_receiver_the_log_is_enough(watch: Watch) -> None:
    """Without a webhook the log is the only receiver."""
    watch.fail_run("r0")
    assert deliver(watch.catalog, [], log=watch.log.append, now=watch.now) == Delivery(1, 0, ())
    assert deliver(watch.catalog, [], log=watch.log.append, now=watch.now) == Delivery(0, 0, ())
    assert watch.catalog.cursors.get(RECEIVED_CURSOR) is None


def die(run: Callable[[], object]) -> None:
    """Run until the process dies."""
    with pytest.raises(Died):
        run()


def test_an_incident_whose_opener_died_is_reported_later(watch: Watch) -> None:
    """An incident that was opened and not reported is reported by the next tick, once, however it was seen."""
    watch.deny()
    watch.park(3)
    die(lambda: update_incidents(watch.dying("incidents", "open"), watch.rules, now=watch.now))
    for _ in range(3):
        watch.tick(minutes=1)
    assert len(watch.webhook.keys) == len(set(watch.webhook.keys)) == 2
    assert len(watch.log) == 2


def test_a_death_before_the_position_is_stored_reports_nothing_twice(watch: Watch) -> None:
    """The same refusals are read again, and belong to the incident that is open already."""
    watch.deny()
    die(lambda: update_incidents(watch.dying("cursors", "set"), watch.rules, now=watch.now))
    for _ in range(3):
        watch.tick(minutes=1)
    assert watch.webhook.keys.count("access_denied") == 1


@pytest.mark.parametrize(("table", "method"), [("cursors", "set"), ("incidents", "mark_delivered")])
def test_a_death_while_delivering_repeats_no_delivery(watch: Watch, table: str, method: str) -> None:
    """A delivery to the log, and one to the webhook, is recorded before anything else happens."""
    watch.fail_run("r0")
    die(lambda: deliver(watch.dying(table, method), [watch.webhook], log=watch.log.append, now=watch.now))
    watch.tick(minutes=1)
    watch.tick(minutes=1)
    assert watch.webhook.keys == ["run_failed/r0"]
    assert len(watch.log) == 1
    assert watch.catalog.incidents.undelivered() == []


def test_a_message_sent_again_after_a_death_has_the_same_id(watch: Watch) -> None:
    """When a process dies between the webhook and the record, the message is sent again under the same id."""

    class DyingReceiver(FakeReceiver):
        @override
        def send(self, message: Message) -> Reply:
            super().send(message)
            raise Died

    dying = DyingReceiver()
    watch.fail_run("r0")
    die(lambda: deliver(watch.catalog, [dying], log=watch.log.append, now=watch.now))
    watch.tick(minutes=1)
    assert [m.message_id for m in watch.webhook.messages] == [m.message_id for m in dying.messages]
    assert len(watch.log) == 1


def test_of_two_messages_the_accepted_one_is_not_sent_again(watch: Watch) -> None:
    """When the process dies while it sends the second message, the first one is recorded already."""

    class DyingOfTheSecond(FakeReceiver):
        @override
        def send(self, message: Message) -> Reply:
            if self.messages:
                raise Died
            return super().send(message)

    dying = DyingOfTheSecond()
    watch.fail_run("r0")
    watch.fail_run("r1", job="other")
    die(lambda: deliver(watch.catalog, [dying], log=watch.log.append, now=watch.now))
    watch.tick(minutes=1)
    assert dying.keys + watch.webhook.keys == ["run_failed/r0", "run_failed/r1"]


def test_both_databases_keep_what_alerts_need(each_catalog: OpenCatalog) -> None:
    """On SQLite and PostgreSQL, parked shares, refusals and a failed run are reported, and known the next time."""
    watch = Watch(each_catalog, rollout_rules())
    watch.tick()
    watch.park(3)
    watch.deny()
    watch.fail_run("r0")
    watch.webhook.replies = [Receipt.UNREACHABLE]
    watch.tick(minutes=1)
    delivery = watch.tick(minutes=1)
    assert delivery == Delivery(3, 0, ())
    assert [message.incidents[0].kind for message in watch.webhook.messages] == [
        "run_failed",
        "access_denied",
        "shares_parked",
    ]
    assert watch.tick(minutes=1) == Delivery(0, 0, ())


def test_partial_deliveries_leave_no_record(watch: Watch) -> None:
    """The record of partial deliveries does not grow."""
    watch.webhook.replies = [Receipt.UNREACHABLE]
    watch.fail_run("r0")
    watch.tick(minutes=1)
    assert "log" in (watch.catalog.cursors.get(RECEIVED_CURSOR) or "")
    watch.tick(minutes=1)
    assert watch.catalog.cursors.get(RECEIVED_CURSOR) == "{}"


def test_a_check_with_todays_clock_works(sqlite_catalog: OpenCatalog) -> None:
    """An empty catalog, before any event, has nothing to report."""
    assert update_incidents(sqlite_catalog, rollout_rules(), now=datetime.now(UTC)).to_open == []
