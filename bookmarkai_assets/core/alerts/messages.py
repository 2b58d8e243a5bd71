"""Which incidents are sent, when, and in which messages. What an incident is, is in `conditions`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bookmarkai_assets.core.alerts.conditions import BOOKKEEPING, AlertKind, digest_of
from bookmarkai_assets.core.alerts.incidents import Incident

GATHERING_TIME = timedelta(minutes=15)
"""Of alerts that come in bursts, the first is sent at once. Later ones are sent together, once in this time at most."""

MAX_PER_MESSAGE = 50
"""More incidents go into another message, because receivers limit the size of a body."""

_SUMMARIES = 5
_BURST_KINDS = frozenset({AlertKind.RUN_FAILED, AlertKind.SHARES_PARKED})


@dataclass(frozen=True)
class Message:
    """Incidents of one kind that are sent together. `message_id` is the same whenever the same ones are sent again."""

    message_id: str
    text: str
    incidents: Sequence[Incident] = field(repr=False)


def incident_id(incident: Incident) -> str:
    """Return an incident's permanent public id: 32 hex digits, made of its key and when it began."""
    return digest_of(incident.key, incident.opened_at.isoformat())


def messages(incidents: Iterable[Incident]) -> list[Message]:
    """Put incidents into messages: one for each group, or several for a large group."""
    groups: dict[str, list[Incident]] = {}
    for incident in incidents:
        groups.setdefault(_group(incident), []).append(incident)
    return [
        _message(group[start : start + MAX_PER_MESSAGE])
        for group in groups.values()
        for start in range(0, len(group), MAX_PER_MESSAGE)
    ]


def select_due(waiting: Iterable[Incident], recent: Iterable[Incident], *, now: datetime) -> list[Incident]:
    """Return the incidents to send now: not those of a burst that had a message within `GATHERING_TIME`."""
    last_delivery: dict[str, datetime] = {}
    for incident in recent:
        if incident.delivered_at:
            group = _group(incident)
            last_delivery[group] = max(incident.delivered_at, last_delivery.get(group, incident.delivered_at))
    return [
        incident
        for incident in waiting
        if incident.kind not in _BURST_KINDS
        or _group(incident) not in last_delivery
        or now - last_delivery[_group(incident)] >= GATHERING_TIME
    ]


def public_details(incident: Incident) -> Mapping[str, Any]:
    """Return an incident's details without those that only record what was reported already."""
    return {name: value for name, value in incident.details.items() if name != BOOKKEEPING}


def _group(incident: Incident) -> str:
    return f"{incident.kind}/{incident.details.get('job', '')}"


def _message(incidents: Sequence[Incident]) -> Message:
    first = incidents[0]
    ids = [incident_id(incident) for incident in incidents]
    if len(ids) == 1:
        return Message(ids[0], f"{first.summary}. Next: {first.next_step}", incidents)
    summaries = " | ".join(incident.summary for incident in incidents[:_SUMMARIES])
    more = f" | and {len(ids) - _SUMMARIES} more" if len(ids) > _SUMMARIES else ""
    text = f"{len(ids)} alerts {first.kind}: {summaries}{more}. Next, of the first: {first.next_step}"
    return Message(digest_of(*ids), text, incidents)
