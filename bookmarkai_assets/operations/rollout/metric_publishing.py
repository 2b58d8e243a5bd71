"""Publishes what storage events say to a service of metrics, each event once, from a position of its own."""

from dataclasses import dataclass
from datetime import datetime

from bookmarkai_assets.core.alerts.ports import MetricSink
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rollout.published_metrics import MAX_EVENTS, publishable

CURSOR = "cloudwatch"
"""Up to which storage event metrics have been published."""

MAX_REQUESTS = 100
"""In one go: 25,000 events, which is hundreds of times what a minute brings. A backlog takes several."""


@dataclass(frozen=True)
class Published:
    """How many events were read, how many data they made, and how many events were left out for their age.

    `has_begun` is False for the first go ever, which only takes the present as where to begin.
    """

    events: int = 0
    data: int = 0
    skipped: int = 0
    is_complete: bool = True
    has_begun: bool = True


def publish(catalog: Catalog, sink: MetricSink, *, now: datetime) -> Published:
    """Publish the events since the last time; what was before the first time is nobody's alarm any more.

    Each request has the data of one page of events, and the position moves after it: when a request fails, or the
    process dies, the next go publishes that page again and no other. It is counted twice then only if the service had
    taken it all the same. Raises `MetricSinkError`.
    """
    cursor = catalog.cursors.get(CURSOR)
    if cursor is None:
        return _begin(catalog)
    position, done = int(cursor), Published(is_complete=False)
    for _ in range(MAX_REQUESTS):
        events, following = catalog.events.after(position, limit=MAX_EVENTS)
        if events:
            page = publishable(events, now=now)
            if page.data:
                sink.put(page.data)
            catalog.cursors.set(CURSOR, str(following))
            position = following
            done = Published(
                done.events + len(events), done.data + len(page.data), done.skipped + page.skipped, is_complete=False
            )
        if len(events) < MAX_EVENTS:
            return Published(done.events, done.data, done.skipped)
    return done


def _begin(catalog: Catalog) -> Published:
    # Totals know where the present is: reading the log up to it would take as long, and leave nothing done.
    while not (progress := catalog.totals.roll_up()).is_complete:
        pass
    catalog.cursors.set(CURSOR, str(progress.position))
    return Published(has_begun=False)
