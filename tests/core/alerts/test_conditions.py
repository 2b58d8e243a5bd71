"""Which conditions are alerts, when they begin and end, and how they read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.alerts.conditions import (
    EVENT_TIME,
    AlertKind,
    FailedRun,
    access_denied_incidents,
    budget_incidents,
    changes,
    decision_incidents,
    failed_run_incident,
    gate_incidents,
    parked_incidents,
)
from bookmarkai_assets.core.alerts.incidents import Incident
from bookmarkai_assets.core.alerts.messages import (
    GATHERING_TIME,
    MAX_PER_MESSAGE,
    incident_id,
    messages,
    public_details,
    select_due,
)
from bookmarkai_assets.core.rollout.gate import GateFigures, Verdict, judge
from bookmarkai_assets.core.rollout.stages import Action, Decision, RolloutState, Stage
from bookmarkai_assets.core.rollout.windows import Window
from bookmarkai_assets.core.shares.ports import ParkedShare
from tests.support.rollout import rollout_rules

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SHARE = "11111111-2222-4333-8444-{:012d}"


def minutes(count: float) -> timedelta:
    """Return so many minutes."""
    return timedelta(minutes=count)


def incident(key: str = "gate_rule_fails/cost", kind: str = "gate_rule_fails", **details: Any) -> Incident:
    """Return an incident seen now."""
    return Incident(key, kind, f"{key} is wrong", "`bookmarkai rollout status`", details, NOW)


def parked(number: int, *, at: datetime = NOW, outcome: str = "gone", reason: str = "no video") -> ParkedShare:
    """Return a parked share."""
    return ParkedShare(SHARE.format(number), outcome, reason, at)


class History:
    """A record of incidents that is updated as the catalog's is."""

    def __init__(self) -> None:
        self.rows: list[Incident] = []

    @property
    def open(self) -> list[Incident]:
        """The incidents that are not over."""
        return [row for row in self.rows if row.closed_at is None]

    def update(self, seen: Sequence[Incident], now: datetime) -> tuple[list[str], list[str]]:
        """Apply the rule, and return the keys that begin and the keys that end."""
        change = changes([replace(i, opened_at=now) for i in seen], self.open, self.rows, now=now)
        self.rows = [
            replace(row, closed_at=now) if row.closed_at is None and row.key in change.to_close else row
            for row in self.rows
        ]
        self.rows += change.to_open
        return [i.key for i in change.to_open], list(change.to_close)


def test_a_condition_begins_once_and_is_over_when_it_is_not_seen() -> None:
    """A key does not begin again while it is open, and the first check without it ends it."""
    history = History()
    assert history.update([incident("a"), incident("b")], NOW) == (["a", "b"], [])
    assert history.update([incident("a"), incident("b")], NOW + minutes(1)) == ([], [])
    assert history.update([incident("b")], NOW + minutes(2)) == ([], ["a"])


@pytest.mark.parametrize(("after", "begins"), [(10, False), (14.9, False), (15, True)])
def test_the_same_condition_waits_a_quarter_of_an_hour(after: float, *, begins: bool) -> None:
    """A condition that is over and comes back begins again, but not within 15 minutes of its end."""
    history = History()
    history.update([incident("a")], NOW)
    history.update([], NOW + minutes(5))
    assert history.update([incident("a")], NOW + minutes(5 + after)) == (["a"] if begins else [], [])


def test_flapping_is_reported_a_few_times_a_day() -> None:
    """A rule that fails and passes in turn every five minutes makes 5 incidents a day, not 144."""
    history = History()
    for tick in range(288):
        history.update([incident("a")] if tick % 2 == 0 else [], NOW + minutes(5 * tick))
    assert len(history.rows) == 5


@given(st.lists(st.sets(st.sampled_from("abc")), max_size=300))
def test_a_key_is_open_once_and_reported_seldom(seen: list[set[str]]) -> None:
    """In a day no key is open twice at once, begins more than six times or begins unseen, and an unseen one is over."""
    history = History()
    for tick, keys in enumerate(seen):
        now = NOW + minutes(4.8 * tick)
        begun, _ = history.update([incident(key) for key in sorted(keys)], now)
        assert set(begun) <= keys
        open_ = [row.key for row in history.open]
        assert len(open_) == len(set(open_))
        assert set(open_) <= keys
    for key in "abc":
        assert sum(row.key == key for row in history.rows) <= 6


def test_a_lasting_condition_is_reported_after_the_quiet_time() -> None:
    """The quiet time delays and loses nothing: what is still wrong at its end begins then."""
    history = History()
    for tick, is_wrong in enumerate([True, False, True, True, True, True, True]):
        history.update([incident("a")] if is_wrong else [], NOW + minutes(5 * tick))
    assert [row.opened_at for row in history.rows] == [NOW, NOW + minutes(20)]


def judge_figures(**figures: Any) -> Any:
    """Judge figures of the stage 10%, good ones except for these."""
    rules = rollout_rules()
    state = RolloutState(Stage(10), since=NOW - timedelta(days=2))
    good: dict[str, Any] = {
        "window": Window(NOW - timedelta(days=1), NOW),
        "uploads": 100,
        "upload_failures": 0,
        "mean_upload_seconds": 1.0,
        "access_denied": 0,
        "verification": None,
        "losses_since_verification": 0,
        "projected_month_usd": 1.0,
        "downloads": 90,
        "download_p95_seconds": 1.0,
    }
    return judge(GateFigures(**{**good, **figures}), rules.gate, state, rules.rollout, now=NOW)


def test_each_failing_rule_is_an_incident_with_its_figures() -> None:
    """An incident has the rule, its value and its limit, a command that shows the cause, and one that goes back."""
    judgement = judge_figures(upload_failures=20, mean_upload_seconds=45.0)

    found = gate_incidents(judgement, now=NOW)

    assert judgement.verdict is Verdict.ABORT
    assert [i.key for i in found] == ["gate_rule_fails/upload_failures", "gate_rule_fails/mean_upload"]
    assert {"rule": "mean_upload", "value": 45.0, "limit": 30, "verdict": "abort"}.items() <= found[1].details.items()
    assert "30 s are allowed" in found[1].summary
    assert "`bookmarkai metrics --window 1h`" in found[1].next_step
    assert "`bookmarkai rollout abort" in found[1].next_step


def test_no_rule_that_passes_or_lacks_data_is_an_incident() -> None:
    """Missing data holds the rollout and alarms nobody."""
    assert gate_incidents(judge_figures(), now=NOW) == []
    assert gate_incidents(judge_figures(uploads=3, downloads=0, download_p95_seconds=None), now=NOW) == []


def test_refused_access_names_how_often_and_what_is_missing() -> None:
    """All refusals are one incident with the newest message, without a token, and the check that tells more."""
    assert access_denied_incidents(0, None, now=NOW) == []
    message = "storing https://u:p@host/k?X-Amz-Signature=s3cr3t: PutObject answered 403; it needs s3:PutObject"
    [found] = access_denied_incidents(3, message, now=NOW)
    assert found.details["count"] == 3
    assert "3 times" in found.summary
    assert "s3:PutObject" in found.summary
    assert "s3cr3t" not in str(found)
    assert "`bookmarkai storage check" in found.next_step
    assert "once" in access_denied_incidents(1, None, now=NOW)[0].summary


@pytest.mark.parametrize(
    ("projected", "marks"),
    [(0.0, []), (79.99, []), (80.0, ["80"]), (99.99, ["80"]), (100.0, ["100"]), (250.0, ["100"])],
)
def test_the_highest_mark_of_the_budget_counts(projected: float, marks: list[str]) -> None:
    """At 80% and at 100% of the budget there is an incident, and a jump over both is the one for 100%."""
    found = budget_incidents(projected, 100.0, [], now=NOW)
    assert [i.key.rpartition("/")[2] for i in found] == marks


def test_without_a_budget_or_a_projection_there_is_no_alert() -> None:
    """No budget is set by default, and nothing is projected before the first transfer."""
    assert budget_incidents(500.0, None, [], now=NOW) == []
    assert budget_incidents(None, 10.0, [], now=NOW) == []


def test_each_mark_of_the_budget_is_reported_once_a_month() -> None:
    """Rising through 80 and 100 reports each once, falling and rising again nothing, and a new month starts over."""
    history = History()
    month_end = datetime(2026, 4, 1, tzinfo=UTC)

    def check(projected: float, now: datetime) -> list[str]:
        return history.update(budget_incidents(projected, 100.0, history.open, now=now), now)[0]

    assert check(85, NOW) == ["budget/2026-03/80"]
    assert check(60, NOW + timedelta(days=1)) == []
    assert check(85, NOW + timedelta(days=2)) == []
    assert check(101, NOW + timedelta(days=3)) == ["budget/2026-03/100"]
    assert check(85, NOW + timedelta(days=4)) == []
    assert check(120, NOW + timedelta(days=5)) == []
    assert check(85, month_end) == ["budget/2026-04/80"]
    assert [row.key for row in history.open] == ["budget/2026-04/80"]


def test_a_thousand_parked_shares_are_one_incident() -> None:
    """The incident counts shares by outcome and lists the first ones, and its command retries all."""
    shares = [parked(n, outcome="gone" if n % 4 else "unreachable") for n in range(1000)]
    [found] = parked_incidents(shares, [], now=NOW)
    assert found.summary == "1000 or more shares are parked in error (750 gone, 250 unreachable)"
    assert "`bookmarkai shares retry --failed`" in found.next_step
    assert "The video no longer exists" in found.next_step
    public = public_details(found)
    assert public["outcomes"] == {"gone": 750, "unreachable": 250}
    assert len(str(public)) < 4000


def test_one_parked_share_is_reported_with_its_reason() -> None:
    """The incident has the share, its outcome and reason, and the command with its id."""
    [found] = parked_incidents([parked(7, reason="the owner\u202e removed it")], [], now=NOW)
    assert found.summary == f"share {SHARE.format(7)} is parked in error (gone: the owner removed it)"
    assert f"`bookmarkai shares retry {SHARE.format(7)}`" in found.next_step


def test_parking_is_reported_once_and_again_after_a_retry() -> None:
    """Known shares are not reported again beside new ones, and one that is retried and parked again is new."""
    history = History()

    def check(shares: list[ParkedShare], after: float) -> list[str]:
        now = NOW + minutes(after)
        history.update(parked_incidents(shares, history.open, now=now), now)
        return [row.summary for row in history.rows if row.opened_at == now]

    assert len(check([parked(1)], 0)) == 1
    assert check([parked(1)], 1) == []
    [second] = check([parked(2), parked(1)], 2)
    assert SHARE.format(2) in second
    assert check([parked(2)], 3) == []
    assert [SHARE.format(2) in row.summary for row in history.open] == [True]
    again = parked(1, at=NOW + minutes(4))
    [third] = check([again, parked(2)], 5)
    assert SHARE.format(1) in third


def test_going_back_is_reported_and_going_on_is_not() -> None:
    """An abort and a rollback, by the gate or a person, alert for a day; promotions and advice do not."""

    def decision(number: int, action: Action, *, hours: float, is_rolled_back: bool = False) -> Decision:
        return Decision(
            action,
            Stage(10),
            is_rolled_back,
            NOW - timedelta(hours=hours),
            "operator",
            "ann",
            "errors rose",
            decision_id=number,
        )

    history = [
        decision(1, Action.ABORT, hours=30),
        decision(2, Action.PROMOTE, hours=5),
        decision(3, Action.ABORT, hours=4),
        decision(4, Action.ADVISE, hours=3),
        decision(5, Action.ROLLBACK, hours=2, is_rolled_back=True),
    ]
    aborted, rolled_back = decision_incidents(history, now=NOW)
    assert aborted.key == "rollout_went_back/3"
    assert aborted.summary == "abort by ann: back to 10%. errors rose"
    assert "`bookmarkai rollout promote`" in aborted.next_step
    assert "`bookmarkai rollout resume`" in rolled_back.next_step


def test_going_back_by_the_gate_names_the_gate() -> None:
    """The message names the gate, so that nobody has to recognize a run's id."""
    run = "dd6fda53-1337-45a1-a133-a919fd80c8dd"
    decision = Decision(Action.ABORT, Stage(10), False, NOW, "gate", run, "cost: 3 of 2 USD", decision_id=4)
    (aborted,) = decision_incidents([decision], now=NOW)
    assert aborted.summary == "abort by the gate, run dd6fda53: back to 10%. cost: 3 of 2 USD"
    assert aborted.details["actor"] == run


def test_a_failed_run_is_reported_by_its_first_line() -> None:
    """Job, run, partitions and the first line are shown, without what a link may contain.

    A lone share has its own command.
    """
    error = "fetching https://example.com/v?token=s3cr3t failed\nTraceback: many lines"
    found = failed_run_incident(FailedRun("run-1", "share_to_transcript", error, [SHARE.format(1)]), now=NOW)
    assert found.summary == (
        f"run run-1 of share_to_transcript failed (partition {SHARE.format(1)}): fetching https://example.com/v failed"
    )
    assert f"`bookmarkai shares show {SHARE.format(1)}`" in found.next_step
    of_days = failed_run_incident(FailedRun("run-2", "measure_rollout", "", ["2026-03-10"]), now=NOW)
    assert "no error was recorded" in of_days.summary
    assert "shares show" not in of_days.next_step


def test_a_failed_run_stays_on_record_for_a_day() -> None:
    """A failed run is not seen again, so its incident ends after a day."""
    history = History()
    history.rows = [failed_run_incident(FailedRun("run-1", "job", "boom"), now=NOW)]
    assert history.update([], NOW + EVENT_TIME - minutes(1)) == ([], [])
    assert history.update([], NOW + EVENT_TIME) == ([], ["run_failed/run-1"])


def test_simultaneous_incidents_are_one_message_for_each_kind() -> None:
    """Each incident is in one message, a message has one kind and one job of failed runs, and large ones are split."""
    runs = [failed_run_incident(FailedRun(f"r{n}", "job", "boom"), now=NOW) for n in range(2 * MAX_PER_MESSAGE + 1)]
    other = failed_run_incident(FailedRun("x", "other", "boom"), now=NOW)
    lone = incident()

    sent = messages([lone, *runs, other])

    assert [len(message.incidents) for message in sent] == [1, MAX_PER_MESSAGE, MAX_PER_MESSAGE, 1, 1]
    assert sent[0].message_id == incident_id(lone)
    assert sent[0].text == "gate_rule_fails/cost is wrong. Next: `bookmarkai rollout status`"
    assert sent[1].text.startswith("50 alerts run_failed: run r0 of job failed: boom | ")
    assert "and 45 more" in sent[1].text
    assert len({message.message_id for message in sent}) == len(sent)


def test_an_incidents_id_distinguishes_its_times() -> None:
    """The same incident has the same id, delivered or not, and a later one with the same key has another."""
    assert incident_id(incident()) == incident_id(replace(incident(), delivered_at=NOW, closed_at=NOW))
    assert incident_id(incident()) != incident_id(replace(incident(), opened_at=NOW + minutes(1)))


def test_frequent_incidents_are_grouped() -> None:
    """After a failed run was reported, the next of its job wait a quarter of an hour; other jobs and kinds do not."""
    sent = replace(failed_run_incident(FailedRun("r1", "job", "boom"), now=NOW), delivered_at=NOW)
    next_one = failed_run_incident(FailedRun("r2", "job", "boom"), now=NOW)
    other_job = failed_run_incident(FailedRun("r3", "other", "boom"), now=NOW)
    gate = incident()
    sent_gate = replace(incident(), delivered_at=NOW)

    waiting = [next_one, other_job, gate]
    assert select_due(waiting, [sent, sent_gate], now=NOW + minutes(1)) == [other_job, gate]
    assert select_due(waiting, [sent], now=NOW + GATHERING_TIME) == waiting
    assert select_due(waiting, [], now=NOW) == waiting


def test_kinds_are_a_promise_to_receivers() -> None:
    """Whoever routes alerts by kind relies on these names."""
    assert {kind.value for kind in AlertKind} == {
        "run_failed",
        "gate_rule_fails",
        "access_denied",
        "budget",
        "shares_parked",
        "rollout_went_back",
        "site_paused",
        "store_paused",
        "disk_low",
    }
