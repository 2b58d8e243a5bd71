"""Publishes metrics of storage events to a metrics service, each event once, from a position of its own."""

from dataclasses import dataclass
from datetime import datetime

from bookmarkai_assets.core.alerts.ports import MetricSink
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rollout.published_metrics import MAX_EVENTS, make_publishable

CURSOR = "cloudwatch"
"""Up to which storage event metrics have been published."""

MAX_REQUESTS = 100
"""In one run: 25,000 events, hundreds of times what a minute brings. A backlog takes several runs."""


@dataclass(frozen=True)
class Published:
    """How many events were read, how many data points they made, and how many events were too old to publish.

    `has_begun` is False for the first run ever, which only records the present position.
    """

    events: int = 0
    data: int = 0
    skipped: int = 0
    is_complete: bool = True
    has_begun: bool = True


def publish(catalog: Catalog, sink: MetricSink, *, now: datetime) -> Published:
    """Publish the events since the last run. Events from before the first run are never published.

    Each request has the data points of one page of events, and the position moves after it. When a request fails or the
    process dies, the next run publishes that page again and no other. It counts twice only if the service had accepted
    it. Raises `MetricSinkError`.
    """
    cursor = catalog.cursors.get(CURSOR)
    if cursor is None:
        return _begin(catalog)
    position, done = int(cursor), Published(is_complete=False)
    for _ in range(MAX_REQUESTS):
        events, following = catalog.events.after(position, limit=MAX_EVENTS)
        if events:
            page = make_publishable(events, now=now)
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
    # Rolling up finds the present position. Reading the log would take as long and leave the totals behind.
    while not (progress := catalog.totals.roll_up()).is_complete:
        pass
    catalog.cursors.set(CURSOR, str(progress.position))
    return Published(has_begun=False)
