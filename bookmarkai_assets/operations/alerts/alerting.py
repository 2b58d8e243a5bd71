"""Looks at what an operator should know, keeps it as incidents, and tells each of them once.

First an incident is recorded, then told, then marked: whatever dies in between leaves a catalog from which the next
look goes on. What makes an alert, and when it is over, is `core/alerts`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bookmarkai_assets.core.alerts.conditions import (
    ACCESS_DENIED_TIME,
    EVENT_TIME,
    MAX_PARKED,
    Changes,
    FailedRun,
    changes,
    of_access_denied,
    of_budget,
    of_decisions,
    of_failed_run,
    of_gate,
    of_parked,
)
from bookmarkai_assets.core.alerts.incidents import Incident
from bookmarkai_assets.core.alerts.intake import of_disk, of_paused_sites
from bookmarkai_assets.core.alerts.messages import incident_id, messages, ripe
from bookmarkai_assets.core.alerts.ports import AlertReceiver, Receipt
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import StoreErrorClass
from bookmarkai_assets.core.media.placement import REMOTE_BACKENDS
from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.rollout.windows import GRID, Window
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.downloads.disk_room import shortage_of_room
from bookmarkai_assets.operations.rollout.evidence import judge_stage
from bookmarkai_assets.operations.rollout.history import read_state
from bookmarkai_assets.operations.rollout.measuring import read_gate_figures, read_metrics

SEEN_CURSOR = "alerts"
"""Up to which storage event refusals have been looked for."""
TOLD_CURSOR = "alerts/told"
"""Who has been told of what is not delivered to all yet: incident ids by receiver, as JSON."""

LOG = "log"
"""The receiver that is always there."""

_MAX_ROLL_UPS = 20
_MAX_PAGES = 20
_PAGE = 1000
_DECISIONS = 50
_RECENT = 1000
"""Bounds on one look: on a backlog, as after an upgrade, the next ones go on from there."""


@dataclass(frozen=True)
class Told:
    """What became of what was to be told: incidents that every receiver now has, and those that wait for the next try.

    `problems` says in words what a receiver did not take.
    """

    delivered: int
    waiting: int
    problems: Sequence[str]


def open_failed_run(catalog: Catalog, run: FailedRun, *, now: datetime) -> bool:
    """Record a failed run, to be told with the next delivery; tells whether it was news."""
    return catalog.incidents.open(of_failed_run(run, now=now))


def look(catalog: Catalog, rules: PipelineRules, *, now: datetime) -> Changes:
    """See what is wrong now and bring the incidents on record up to it; give what begins and what is over.

    Rolls events up as far as it comes within a bound, so it need not wait for the rollout's own measuring.
    """
    present = _roll_up(catalog)
    open_ = catalog.incidents.list(is_open=True)
    refusals = _new_refusals(catalog, present)
    figures = read_gate_figures(catalog, rules, now=now)
    judgement = judge_stage(rules, figures, read_state(catalog), now=now)
    seen = [
        *of_gate(judgement, now=now),
        *of_access_denied(
            max(_denied_lately(catalog, now), len(refusals.found)),
            refusals.found[-1].error if refusals.found else None,
            now=now,
        ),
        *of_budget(figures.projected_month_usd, rules.gate.budget_usd, open_, now=now),
        *of_parked(catalog.work.parked_since(now - EVENT_TIME, limit=MAX_PARKED), open_, now=now),
        *of_decisions(catalog.rollout.history(limit=_DECISIONS, with_advice=False), now=now),
        *of_paused_sites((load.site for load in catalog.sites.loads(now=now).values()), now=now),
        *of_disk(shortage_of_room(rules), now=now),
    ]
    is_news = {incident.key for incident in seen} - {incident.key for incident in open_}
    recent = catalog.incidents.list(limit=_RECENT) if is_news else ()
    wanted = changes(seen, open_, recent, now=now)
    done = Changes(
        to_open=[incident for incident in wanted.to_open if catalog.incidents.open(incident)],
        to_close=[key for key in wanted.to_close if catalog.incidents.close(key, now=now)],
    )
    # Only now: a process that dies before sees the same refusals again, and the incident is open then.
    if refusals.position is not None:
        catalog.cursors.set(SEEN_CURSOR, str(refusals.position))
    return done


def deliver(
    catalog: Catalog, receivers: Sequence[AlertReceiver], *, log: Callable[[str], object], now: datetime
) -> Told:
    """Tell the log and every receiver of what they have not been told, and mark what all of them have.

    A receiver that cannot be reached is not asked again before the next delivery, and keeps no other from being told.
    What one refuses counts as told to it, with the reason among the problems: asking again would not help.
    """
    undelivered = catalog.incidents.undelivered()
    if not undelivered:
        return Told(0, 0, ())
    record = catalog.cursors.get(TOLD_CURSOR)
    told: dict[str, set[str]] = {name: set(ids) for name, ids in json.loads(record or "{}").items()}
    begun = set[str]().union(*told.values())
    recent: Sequence[Incident] = catalog.incidents.list(limit=_RECENT)
    half_told = [incident for incident in undelivered if incident_id(incident) in begun]
    # Those were told to somebody soon after they began; when is not on record before all have them.
    recent = [*recent, *(replace(incident, delivered_at=incident.opened_at) for incident in half_told)]
    due = [*half_told, *ripe([i for i in undelivered if incident_id(i) not in begun], recent, now=now)]
    problems: list[str] = []
    for message in messages(_untold(due, told, LOG)):
        log(message.text)
        told.setdefault(LOG, set()).update(map(incident_id, message.incidents))
    # Whenever the network has been asked, or is about to be: it may take longer than the process lives.
    record = _keep(catalog, told, undelivered, record) if receivers else record
    for receiver in receivers:
        for message in messages(_untold(due, told, receiver.name)):
            reply = receiver.tell(message)
            if reply.receipt is not Receipt.TOLD:
                problems.append(f"{receiver.name}: {reply.receipt}: {reply.reason}")
            if reply.receipt is Receipt.UNREACHABLE:
                break
            told.setdefault(receiver.name, set()).update(map(incident_id, message.incidents))
            record = _keep(catalog, told, undelivered, record)
    names = [LOG, *(receiver.name for receiver in receivers)]
    delivered = [i for i in due if all(incident_id(i) in told.get(name, ()) for name in names)]
    for incident in delivered:
        catalog.incidents.mark_delivered(incident, now=now)
    left = [incident for incident in undelivered if incident not in delivered]
    _keep(catalog, told, left, record)
    return Told(len(delivered), len(left), tuple(problems))


@dataclass(frozen=True)
class _Refusals:
    """Events by which S3 denied access, oldest first, and the position after what was looked at; None: not looked."""

    found: Sequence[StorageEvent]
    position: int | None


def _roll_up(catalog: Catalog) -> int | None:
    """Add new events to the totals; give the present position, None when there is more to add than fits one look."""
    for _ in range(_MAX_ROLL_UPS):
        progress = catalog.totals.roll_up()
        if progress.is_complete:
            return progress.position
    return None


def _new_refusals(catalog: Catalog, present: int | None) -> _Refusals:
    """Look through the events since the last look; the first look begins at the present."""
    cursor = catalog.cursors.get(SEEN_CURSOR)
    if cursor is None:
        return _Refusals((), present)
    position, found = int(cursor), list[StorageEvent]()
    for _ in range(_MAX_PAGES):
        events, following = catalog.events.after(position, limit=_PAGE)
        found += [e for e in events if e.backend in REMOTE_BACKENDS and e.error_class == StoreErrorClass.ACCESS_DENIED]
        position = following
        if len(events) < _PAGE:
            break
    return _Refusals(found, position if position != int(cursor) else None)


def _denied_lately(catalog: Catalog, now: datetime) -> int:
    this = GRID.floor(now)
    return read_metrics(catalog, Window(this - ACCESS_DENIED_TIME, this + timedelta(seconds=GRID))).access_denied


def _untold(due: Sequence[Incident], told: Mapping[str, set[str]], name: str) -> list[Incident]:
    return [incident for incident in due if incident_id(incident) not in told.get(name, ())]


def _keep(
    catalog: Catalog, told: Mapping[str, set[str]], undelivered: Sequence[Incident], record: str | None
) -> str | None:
    """Record who has been told of what is undelivered, unless that is on record already."""
    ids = {incident_id(incident) for incident in undelivered}
    left = {name: sorted(known & ids) for name, known in told.items() if known & ids}
    position = json.dumps(left, sort_keys=True)
    if position == (record or "{}"):
        return record
    catalog.cursors.set(TOLD_CURSOR, position)
    return position
