"""Look for uploads that have arrived: by the bucket's events, and by asking the bucket for what is awaited.

Events are quick, and none is needed: whatever they miss is found by asking. Without a queue, that is all there is.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import StoreError
from bookmarkai_assets.core.uploads.inbox import UploadInbox
from bookmarkai_assets.core.uploads.queue import QueueError
from bookmarkai_assets.operations.uploads.arrivals import Arrival
from bookmarkai_assets.operations.uploads.notices import MessageEnd, take_in_notices
from bookmarkai_assets.operations.uploads.polling import ask_for_awaited

WORK_SECONDS = 20
"""How long one look goes on with a full queue. Dagster gives a tick a minute."""

ASK_BESIDE_EVENTS = timedelta(hours=1)
"""How often the bucket is asked when it sends events as well."""

ASK_WITHOUT_ANSWER = timedelta(minutes=1)
"""How often it is asked while the queue does not answer."""


@dataclass(frozen=True)
class Look:
    """What one look found, in words. `cursor` is for the next look, and `problem` what an operator should see."""

    words: str
    cursor: str
    problem: str | None = None


@dataclass(frozen=True)
class _Cursor:
    """When the bucket was last asked, as a POSIX time, and after which upload the next round goes on."""

    asked_at: float = 0
    after: str = ""


def look_for_uploads(
    catalog: Catalog, inbox: UploadInbox, *, cursor: str | None, clock: Callable[[], datetime], wait_seconds: float
) -> Look:
    """Take in what has arrived. With a queue this waits for a message, up to `wait_seconds`.

    `cursor` is that of the look before; None for the first. A queue or a bucket that fails is a problem, and the next
    look tries again. Raises `CatalogUnavailableError`.
    """
    position = _read_cursor(cursor)
    records: Counter[str] = Counter()
    notes, problem, ask_every = [], None, timedelta(0)
    if inbox.queue is not None:
        ask_every = ASK_BESIDE_EVENTS
        try:
            report = take_in_notices(
                catalog,
                inbox.objects,
                inbox.queue,
                inbox.limits,
                clock=clock,
                wait_seconds=wait_seconds,
                work_seconds=WORK_SECONDS,
            )
        except QueueError as error:
            problem, ask_every = str(error), ASK_WITHOUT_ANSWER
        else:
            records, problem = report.records, report.failure
            notes = [f"{report.messages} messages", *_counted(report.ends, leave_out=MessageEnd.DELETED)]
    now = clock()
    if position.after or now.timestamp() - position.asked_at >= ask_every.total_seconds():
        try:
            asked = ask_for_awaited(catalog, inbox.objects, after=position.after, now=now)
        except StoreError as error:
            problem = str(error)
        else:
            records += asked.records
            position = _Cursor(now.timestamp(), asked.after)
            notes.append(f"{asked.records.total()} uploads asked for")
    taken = records.pop(Arrival.TAKEN_IN, 0)
    words = "; ".join(filter(None, [f"{taken} shares were made", ", ".join(notes), ", ".join(_counted(records))]))
    return Look(f"{words}; not all could be looked at" if problem else words, json.dumps(asdict(position)), problem)


def _counted(counts: Counter[str], *, leave_out: str = "") -> list[str]:
    return [f"{count} {name}" for name, count in sorted(counts.items()) if name != leave_out]


def _read_cursor(text: str | None) -> _Cursor:
    """Read a cursor. One of another release, or changed by hand, counts as none."""
    try:
        found = json.loads(text or "")
        return _Cursor(float(found["asked_at"]), str(found["after"]))
    except (KeyError, TypeError, ValueError):
        return _Cursor()
