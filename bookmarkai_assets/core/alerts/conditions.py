"""Which conditions are incidents, what they say, and when they begin and end. How they are sent is in `messages`.

These are pure rules over what was seen and what is on record. `operations/alerts/alerting` does the I/O. An incident is
reported once. An event (a run, a decision) counts as seen for `EVENT_TIME`.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bookmarkai_assets.core.alerts.incidents import Incident
from bookmarkai_assets.core.outcomes import FAILURES, Outcome
from bookmarkai_assets.core.rollout.gate import Judgement, RuleStatus, Verdict
from bookmarkai_assets.core.rollout.gate_figures import CAUSE_COMMANDS, CHECK_BUCKET
from bookmarkai_assets.core.rollout.stages import Action, Decision
from bookmarkai_assets.core.rollout.windows import month_of
from bookmarkai_assets.core.shares.ports import ParkedShare
from bookmarkai_assets.core.text import clean_line, without_secrets

EVENT_TIME = timedelta(hours=24)
"""How far back events are read, and how long their incidents stay open."""

ACCESS_DENIED_TIME = timedelta(hours=1)
"""After this long without another denial the incident is over."""

BUDGET_PERCENTAGES = (80, 100)

BOOKKEEPING = "all_parked"
"""The detail that records which parked shares were reported already. It is not sent to receivers."""

MAX_PARKED = 1000
"""How many parked shares are read. If there are more, the newest are reported, the rest once these were retried."""

_BACKOFFS = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4), timedelta(hours=16))
_MAX_LINE = 300
_SHOWN = 20
_ARGUMENTS = 10
_SHARE_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class AlertKind(StrEnum):
    """The alerts."""

    RUN_FAILED = "run_failed"
    GATE_RULE_FAILS = "gate_rule_fails"
    ACCESS_DENIED = "access_denied"
    BUDGET = "budget"
    SHARES_PARKED = "shares_parked"
    ROLLOUT_WENT_BACK = "rollout_went_back"
    SITE_PAUSED = "site_paused"
    STORE_PAUSED = "store_paused"
    DISK_LOW = "disk_low"


@dataclass(frozen=True)
class FailedRun:
    """A run that failed, its error, and the partitions it was to materialize: one key, or the two ends of a range."""

    run_id: str
    job: str
    error: str
    partitions: Sequence[str] = ()


def failed_run_incident(run: FailedRun, *, now: datetime) -> Incident:
    """Return the incident of a failed run."""
    error = line_of(next(iter(run.error.strip().splitlines()), "no error was recorded"))
    named = f" (partition {' to '.join(run.partitions)})" if run.partitions else ""
    # The ends of a range need not be the shares that failed.
    is_one_share = len(run.partitions) == 1 and _SHARE_ID.fullmatch(run.partitions[0])
    also = f"`bookmarkai shares show {run.partitions[0]}`, or " if is_one_share else ""
    return Incident(
        key=f"{AlertKind.RUN_FAILED}/{run.run_id}",
        kind=AlertKind.RUN_FAILED,
        summary=f"run {run.run_id} of {run.job} failed{named}: {error}",
        next_step=f"{also}open the run in Dagster's UI (/runs/{run.run_id}) for its log. Shares that failed for a "
        "passing reason are tried again by themselves; the others: `bookmarkai shares list --status error`",
        details={"job": run.job, "run_id": run.run_id, "error": error, "partitions": list(run.partitions)},
        opened_at=now,
    )


def gate_incidents(judgement: Judgement, *, now: datetime) -> list[Incident]:
    """Return an incident for each rule of the gate that fails."""
    window = judgement.figures.window
    verdict = judgement.verdict
    back = "; to go back a stage: `bookmarkai rollout abort --reason '…'`" if verdict is Verdict.ABORT else ""
    return [
        Incident(
            key=f"{AlertKind.GATE_RULE_FAILS}/{result.rule}",
            kind=AlertKind.GATE_RULE_FAILS,
            summary=f"the rollout's gate says {verdict}, {result.rule} fails: {result.detail}",
            next_step=f"`{CAUSE_COMMANDS[result.rule]}` shows the cause, `bookmarkai rollout status` the whole{back}",
            details={
                "rule": result.rule.value,
                "value": result.value,
                "limit": result.limit,
                "sample": result.sample,
                "verdict": verdict.value,
                "window_start": window.start.isoformat(),
                "window_end": window.end.isoformat(),
            },
            opened_at=now,
        )
        for result in judgement.rules
        if result.status is RuleStatus.FAIL
    ]


def access_denied_incidents(count: int, last_error: str | None, *, now: datetime) -> list[Incident]:
    """Return one incident for all access that S3 denied within `ACCESS_DENIED_TIME`; none if it denied none.

    `last_error` is the newest denial's message, which names the permission; None if it is no longer known.
    """
    if not count:
        return []
    error = line_of(last_error) if last_error else None
    times = "once" if count == 1 else f"{count} times"
    return [
        Incident(
            key=AlertKind.ACCESS_DENIED,
            kind=AlertKind.ACCESS_DENIED,
            summary=f"S3 denied access {times} within the last hour" + (f"; the last one: {error}" if error else ""),
            next_step=f"`{CHECK_BUCKET}` tries each step and names the permission, or what is wrong with the "
            "credentials; until it is mended, `bookmarkai rollout rollback --reason '…'` keeps everything new local",
            details={"count": count, "last_error": error},
            opened_at=now,
        )
    ]


def budget_incidents(
    projected_usd: float | None, budget_usd: float | None, open_: Iterable[Incident], *, now: datetime
) -> list[Incident]:
    """Return the incident of the highest mark that the month's projected cost has reached.

    Each mark is reported once a calendar month (UTC). Falling below a mark and reaching it again in the same month is
    no new incident, nor is 80% after 100%.
    """
    if projected_usd is None or budget_usd is None:
        return []
    month = f"{month_of(now).start:%Y-%m}"
    open_keys = {incident.key for incident in open_}
    reached = [mark for mark in BUDGET_PERCENTAGES if 100 * projected_usd >= mark * budget_usd]
    highest = [mark for mark in BUDGET_PERCENTAGES if _budget_key(month, mark) in open_keys or mark in reached][-1:]
    return [
        Incident(
            key=_budget_key(month, mark),
            kind=AlertKind.BUDGET,
            summary=f"S3 is projected to cost {projected_usd:.2f} USD in {month}, {mark}% or more of the budget of "
            f"{budget_usd:.2f} USD",
            next_step="`bookmarkai rollout plan` shows what each stage costs; to put less into S3: "
            "`bookmarkai rollout set N`; the budget is ROLLOUT_BUDGET_USD",
            details={"month": month, "percent": mark, "projected_usd": projected_usd, "budget_usd": budget_usd},
            opened_at=now,
        )
        for mark in highest
    ]


def parked_incidents(parked: Sequence[ParkedShare], open_: Iterable[Incident], *, now: datetime) -> list[Incident]:
    """Return the incidents of shares parked within `EVENT_TIME`: open ones that still have one of them, and a new one.

    The new one is about the shares that no open one has. A share that is parked again is reported again.
    """
    now_parked = {_parking(share) for share in parked}
    known = [
        (incident, {(share_id, at) for share_id, at in incident.details[BOOKKEEPING]})
        for incident in open_
        if incident.kind == AlertKind.SHARES_PARKED
    ]
    reported = set[tuple[str, str]]().union(*(shares for _, shares in known))
    seen = [incident for incident, shares in known if shares & now_parked]
    new = [share for share in parked if _parking(share) not in reported]
    return [*seen, _new_parked_incident(new, now)] if new else seen


def decision_incidents(decisions: Iterable[Decision], *, now: datetime) -> list[Incident]:
    """Return an incident for each abort and each rollback within `EVENT_TIME`, whoever decided it."""
    return [
        Incident(
            key=f"{AlertKind.ROLLOUT_WENT_BACK}/{decision.decision_id}",
            kind=AlertKind.ROLLOUT_WENT_BACK,
            summary=line_of(
                f"{decision.action} by {decision.who}: "
                + ("everything new is local" if decision.is_rolled_back else f"back to {decision.stage}")
                + f". {decision.reason}"
            ),
            next_step="`bookmarkai rollout history` has the evidence; once the cause is gone: "
            + ("`bookmarkai rollout resume`" if decision.is_rolled_back else "`bookmarkai rollout promote`"),
            details={
                "decision_id": decision.decision_id,
                "action": decision.action.value,
                "stage": None if decision.stage is None else str(decision.stage),
                "decided_by": decision.decided_by,
                "actor": decision.actor,
                "reason": decision.reason,
                "decided_at": decision.decided_at.isoformat(),
            },
            opened_at=now,
        )
        for decision in decisions
        if decision.action in {Action.ABORT, Action.ROLLBACK} and now - decision.decided_at < EVENT_TIME
    ]


@dataclass(frozen=True)
class Changes:
    """The incidents that begin, and the keys of those that are over."""

    to_open: Sequence[Incident] = ()
    to_close: Sequence[str] = ()


def changes(
    seen: Iterable[Incident], open_: Iterable[Incident], recent: Iterable[Incident], *, now: datetime
) -> Changes:
    """Compare what is seen with what is on record. `recent` has the incidents of the last day, closed ones too.

    Flapping is damped: the more often a key has begun within a day, the longer it must be over before it may begin
    again. If it is still seen then, it is reported.
    """
    by_key = {incident.key: incident for incident in seen}
    open_keys = {incident.key: incident for incident in open_}
    before = list(recent)
    return Changes(
        to_open=[
            incident
            for key, incident in by_key.items()
            if key not in open_keys and not _is_damped([old for old in before if old.key == key], now)
        ],
        to_close=[
            key for key, incident in open_keys.items() if key not in by_key and not _stays_open(incident, now=now)
        ],
    )


def _is_damped(earlier: Sequence[Incident], now: datetime) -> bool:
    begun = [incident for incident in earlier if now - incident.opened_at < EVENT_TIME]
    if not begun:
        return False
    ended = max((incident.closed_at for incident in begun if incident.closed_at), default=now)
    return now < ended + _BACKOFFS[min(len(begun), len(_BACKOFFS)) - 1]


def _stays_open(incident: Incident, *, now: datetime) -> bool:
    if incident.kind == AlertKind.BUDGET:
        return month_of(incident.opened_at) == month_of(now)
    return incident.kind == AlertKind.RUN_FAILED and now - incident.opened_at < EVENT_TIME


def _new_parked_incident(new: Sequence[ParkedShare], now: datetime) -> Incident:
    outcomes = Counter(share.outcome or "unknown" for share in new)
    counted = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    ids = [share.share_id for share in new]
    parkings = [_parking(share) for share in new]
    command = " ".join(ids) if len(ids) <= _ARGUMENTS else "--failed"
    hints = "".join(f" {o}: {FAILURES[Outcome(o)].next_step}" for o, _ in outcomes.most_common(3) if o in _FAILING)
    or_more = " or more" if len(ids) >= MAX_PARKED else ""
    which = f"share {ids[0]} is" if len(ids) == 1 else f"{len(ids)}{or_more} shares are"
    why = f"{new[0].outcome}: {line_of(new[0].reason or 'no reason was recorded')}" if len(ids) == 1 else counted
    return Incident(
        key=f"{AlertKind.SHARES_PARKED}/{digest_of(*(part for parking in parkings for part in parking))}",
        kind=AlertKind.SHARES_PARKED,
        summary=f"{which} parked in error ({why})",
        next_step=f"once the cause is gone: `bookmarkai shares retry {command}`.{hints}",
        details={
            "count": len(ids),
            "outcomes": dict(outcomes),
            "shares": [
                {"share_id": share.share_id, "outcome": share.outcome, "reason": line_of(share.reason or "")}
                for share in new[:_SHOWN]
            ],
            BOOKKEEPING: [list(parking) for parking in parkings],
        },
        opened_at=now,
    )


_FAILING = frozenset(outcome.value for outcome in FAILURES)


def _parking(share: ParkedShare) -> tuple[str, str]:
    """Identify one time that a share was parked."""
    return share.share_id, share.parked_at.isoformat()


def _budget_key(month: str, mark: int) -> str:
    return f"{AlertKind.BUDGET}/{month}/{mark}"


def line_of(text: str) -> str:
    """Make one short line of untrusted text, without secrets."""
    return clean_line(without_secrets(text), max_characters=_MAX_LINE)


def digest_of(*parts: str) -> str:
    """Return 32 hex digits that identify these texts and never change."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
