"""Which incidents are told, when, and in which messages. What makes an incident is `alerts`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bookmarkai_assets.core.alerts.conditions import BOOKKEEPING, AlertKind, digest_of
from bookmarkai_assets.core.alerts.incidents import Incident

GATHERING_TIME = timedelta(minutes=15)
"""Of alerts that come in numbers, the first is told at once and those after it together, so often at most."""

MAX_PER_MESSAGE = 50
"""More incidents make another message: receivers have limits on a body's size."""

_SUMMARIES = 5
_COME_IN_NUMBERS = frozenset({AlertKind.RUN_FAILED, AlertKind.SHARES_PARKED})


@dataclass(frozen=True)
class Message:
    """What a receiver is told at once: incidents of one kind. `message_id` is the same whenever they are told."""

    message_id: str
    text: str
    incidents: Sequence[Incident] = field(repr=False)


def incident_id(incident: Incident) -> str:
    """Give what an incident is known by outside, for ever: 32 hex digits, of its key and when it began."""
    return digest_of(incident.key, incident.opened_at.isoformat())


def messages(incidents: Iterable[Incident]) -> list[Message]:
    """Put incidents that are told at once together: a message for each group, or several for a large one."""
    groups: dict[str, list[Incident]] = {}
    for incident in incidents:
        groups.setdefault(_group(incident), []).append(incident)
    return [
        _message(group[start : start + MAX_PER_MESSAGE])
        for group in groups.values()
        for start in range(0, len(group), MAX_PER_MESSAGE)
    ]


def ripe(waiting: Iterable[Incident], recent: Iterable[Incident], *, now: datetime) -> list[Incident]:
    """Pick what may be told now: all but what comes in numbers and follows on one told within `GATHERING_TIME`."""
    told: dict[str, datetime] = {}
    for incident in recent:
        if incident.delivered_at:
            group = _group(incident)
            told[group] = max(incident.delivered_at, told.get(group, incident.delivered_at))
    return [
        incident
        for incident in waiting
        if incident.kind not in _COME_IN_NUMBERS
        or _group(incident) not in told
        or now - told[_group(incident)] >= GATHERING_TIME
    ]


def public_details(incident: Incident) -> Mapping[str, Any]:
    """Give an incident's details without what is only kept to know what has been told."""
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
