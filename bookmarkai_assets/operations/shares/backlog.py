"""How much work waits for workers, by queue: what decides how many workers there should be."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bookmarkai_assets.core.alerts.ports import MetricSink
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rollout.published_metrics import Datum, MetricName
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.workers.worker import DEFAULT_QUEUE
from bookmarkai_assets.operations.sites.turns import free_slots_by_site


@dataclass(frozen=True)
class QueueWork:
    """The work of one queue at one moment.

    `due_shares` wait for a worker, the oldest for `oldest_due_seconds`: 0 if there is none. `running_shares` have one.
    """

    queue: str
    due_shares: int
    running_shares: int
    oldest_due_seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form, without the queue's name. Every value is a number, as those who scale need it."""
        return {
            "due_shares": self.due_shares,
            "oldest_due_seconds": self.oldest_due_seconds,
            "running_shares": self.running_shares,
        }


def work_by_queue(catalog: Catalog, rules: PipelineRules, *, now: datetime) -> list[QueueWork]:
    """Return the work of each queue. Every run goes to one queue, so there is one.

    What no worker could take now is left out: shares that wait for a retry, for a paused site or store, or for another
    share of the same video.
    """
    slots = free_slots_by_site(catalog.sites.loads(now=now), rules, now=now)
    backlog = catalog.work.backlog(now=now, slots=slots)
    waited = (now - backlog.oldest_since).total_seconds() if backlog.oldest_since else 0.0
    # A share may be from a clock that is ahead of this one.
    return [QueueWork(DEFAULT_QUEUE, backlog.due, backlog.running, round(max(waited, 0.0), 3))]


def publish_work(catalog: Catalog, rules: PipelineRules, sink: MetricSink, *, now: datetime) -> None:
    """Publish the work of all queues together, as it is now. Raises `MetricSinkError`."""
    queues, minute = work_by_queue(catalog, rules, now=now), now.replace(second=0, microsecond=0)
    oldest = max(queue.oldest_due_seconds for queue in queues)
    sink.put(
        [
            Datum(MetricName.DUE_SHARES, minute, {float(sum(queue.due_shares for queue in queues)): 1}),
            Datum(MetricName.OLDEST_DUE_SECONDS, minute, {oldest: 1}),
        ]
    )
