"""Record what an operator should know as incidents, and deliver an alert for each of them once.

An incident is first recorded, then delivered, then marked. If the process dies in between, the next run continues from
the catalog. What makes an incident, and when it ends, is decided in `core/alerts`.
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
    access_denied_incidents,
    budget_incidents,
    changes,
    decision_incidents,
    failed_run_incident,
    gate_incidents,
    parked_incidents,
)
from bookmarkai_assets.core.alerts.incidents import Incident
from bookmarkai_assets.core.alerts.intake import disk_incidents, paused_site_incidents, paused_store_incidents
from bookmarkai_assets.core.alerts.messages import incident_id, messages, select_due
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
"""The storage event up to which the log was searched for refusals."""
RECEIVED_CURSOR = "alerts/told"
"""Which receivers have which of the incidents that not all have yet: incident ids by receiver, as JSON."""

LOG = "log"
"""The receiver that is always there."""

_MAX_ROLL_UPS = 20
_MAX_PAGES = 20
_PAGE = 1000
_DECISIONS = 50
_RECENT = 1000
"""Limits on one update. If there is a backlog, as after an upgrade, the next updates continue from there."""


@dataclass(frozen=True)
class Delivery:
    """What a delivery did: how many incidents every receiver now has, and how many wait for the next try.

    `problems` says in words what a receiver did not take.
    """

    delivered: int
    waiting: int
    problems: Sequence[str]


def open_failed_run(catalog: Catalog, run: FailedRun, *, now: datetime) -> bool:
    """Record a failed run for the next delivery. Returns whether it was new."""
    return catalog.incidents.open(failed_run_incident(run, now=now))


def update_incidents(catalog: Catalog, rules: PipelineRules, *, now: datetime) -> Changes:
    """Check what is wrong now, open and close incidents accordingly, and return which began and which are over.

    It adds new events to the totals itself, up to a limit, and need not wait for the rollout to do that.
    """
    present = _roll_up(catalog)
    open_ = catalog.incidents.list(is_open=True)
    refusals = _new_refusals(catalog, present)
    figures = read_gate_figures(catalog, rules, now=now)
    sites = [load.site for load in catalog.sites.loads(now=now).values()]
    judgement = judge_stage(rules, figures, read_state(catalog), now=now)
    seen = [
        *gate_incidents(judgement, now=now),
        *access_denied_incidents(
            max(_denied_lately(catalog, now), len(refusals.found)),
            refusals.found[-1].error if refusals.found else None,
            now=now,
        ),
        *budget_incidents(figures.projected_month_usd, rules.gate.budget_usd, open_, now=now),
        *parked_incidents(catalog.work.parked_since(now - EVENT_TIME, limit=MAX_PARKED), open_, now=now),
        *decision_incidents(catalog.rollout.history(limit=_DECISIONS, with_advice=False), now=now),
        *paused_site_incidents(sites, now=now),
        *paused_store_incidents(sites, now=now),
        *disk_incidents(shortage_of_room(rules), now=now),
    ]
    is_news = {incident.key for incident in seen} - {incident.key for incident in open_}
    recent = catalog.incidents.list(limit=_RECENT) if is_news else ()
    wanted = changes(seen, open_, recent, now=now)
    done = Changes(
        to_open=[incident for incident in wanted.to_open if catalog.incidents.open(incident)],
        to_close=[key for key in wanted.to_close if catalog.incidents.close(key, now=now)],
    )
    # Moved last. A process that dies before sees the same refusals again, and by then the incident is open.
    if refusals.position is not None:
        catalog.cursors.set(SEEN_CURSOR, str(refusals.position))
    return done


def deliver(
    catalog: Catalog, receivers: Sequence[AlertReceiver], *, log: Callable[[str], object], now: datetime
) -> Delivery:
    """Send the log and every receiver what they do not have yet, and mark the incidents that all of them have.

    A receiver that cannot be reached is not tried again before the next delivery, and the others still get theirs. What
    a receiver refuses counts as delivered to it, with the reason among the problems, because another try would not
    help.
    """
    undelivered = catalog.incidents.undelivered()
    if not undelivered:
        return Delivery(0, 0, ())
    record = catalog.cursors.get(RECEIVED_CURSOR)
    received: dict[str, set[str]] = {name: set(ids) for name, ids in json.loads(record or "{}").items()}
    begun = set[str]().union(*received.values())
    recent: Sequence[Incident] = catalog.incidents.list(limit=_RECENT)
    half_delivered = [incident for incident in undelivered if incident_id(incident) in begun]
    # Some receiver got these soon after they began. The time is not on record until all have them.
    recent = [*recent, *(replace(incident, delivered_at=incident.opened_at) for incident in half_delivered)]
    due = [*half_delivered, *select_due([i for i in undelivered if incident_id(i) not in begun], recent, now=now)]
    problems: list[str] = []
    for message in messages(_outstanding(due, received, LOG)):
        log(message.text)
        received.setdefault(LOG, set()).update(map(incident_id, message.incidents))
    # Kept before the first request and after each one, because a request may outlast the process.
    record = _keep(catalog, received, undelivered, record) if receivers else record
    for receiver in receivers:
        for message in messages(_outstanding(due, received, receiver.name)):
            reply = receiver.send(message)
            if reply.receipt is not Receipt.DELIVERED:
                problems.append(f"{receiver.name}: {reply.receipt}: {reply.reason}")
            if reply.receipt is Receipt.UNREACHABLE:
                break
            received.setdefault(receiver.name, set()).update(map(incident_id, message.incidents))
            record = _keep(catalog, received, undelivered, record)
    names = [LOG, *(receiver.name for receiver in receivers)]
    delivered = [i for i in due if all(incident_id(i) in received.get(name, ()) for name in names)]
    for incident in delivered:
        catalog.incidents.mark_delivered(incident, now=now)
    left = [incident for incident in undelivered if incident not in delivered]
    _keep(catalog, received, left, record)
    return Delivery(len(delivered), len(left), tuple(problems))


@dataclass(frozen=True)
class _Refusals:
    """Events in which S3 denied access, oldest first. `position` is where the search ended, None if it did not run."""

    found: Sequence[StorageEvent]
    position: int | None


def _roll_up(catalog: Catalog) -> int | None:
    """Add new events to the totals. Returns the position reached, or None if there are more than one update may add."""
    for _ in range(_MAX_ROLL_UPS):
        progress = catalog.totals.roll_up()
        if progress.is_complete:
            return progress.position
    return None


def _new_refusals(catalog: Catalog, present: int | None) -> _Refusals:
    """Search the events since the last update. The very first search begins at the present."""
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
    current = GRID.floor(now)
    return read_metrics(catalog, Window(current - ACCESS_DENIED_TIME, current + timedelta(seconds=GRID))).access_denied


def _outstanding(due: Sequence[Incident], received: Mapping[str, set[str]], name: str) -> list[Incident]:
    return [incident for incident in due if incident_id(incident) not in received.get(name, ())]


def _keep(
    catalog: Catalog, received: Mapping[str, set[str]], undelivered: Sequence[Incident], record: str | None
) -> str | None:
    """Record which receivers have which undelivered incidents, unless that is on record already."""
    ids = {incident_id(incident) for incident in undelivered}
    left = {name: sorted(known & ids) for name, known in received.items() if known & ids}
    position = json.dumps(left, sort_keys=True)
    if position == (record or "{}"):
        return record
    catalog.cursors.set(RECEIVED_CURSOR, position)
    return position
