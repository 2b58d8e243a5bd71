"""A process that takes in uploads by events and is killed between two steps: after it received, or before it deletes.

    python -m tests.support.notice_child CATALOG_URL ENDPOINT BUCKET QUEUE_URL DIES

DIES is `received` or `taken_in`.
"""

import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from typing_extensions import override

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.adapters.sqs_queue import SqsQueue
from bookmarkai_assets.core.uploads.inbox import NoticeLimits
from bookmarkai_assets.core.uploads.queue import QueuedMessage
from bookmarkai_assets.operations.uploads.notices import take_in_notices
from tests.support.event_server import connection_of, open_bucket

HIDDEN_SECONDS = 2
WAIT_SECONDS = 20


class DeadlyQueue(SqsQueue):
    """Kills its own process at a step."""

    dies = ""

    @override
    def receive(self, *, wait_seconds: float, hidden_seconds: int) -> Sequence[QueuedMessage]:
        messages = super().receive(wait_seconds=wait_seconds, hidden_seconds=hidden_seconds)
        if messages and self.dies == "received":
            os.kill(os.getpid(), signal.SIGKILL)
        return messages

    @override
    def delete(self, messages: Sequence[QueuedMessage]) -> Sequence[QueuedMessage]:
        if self.dies == "taken_in":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().delete(messages)


def main(catalog_url: str, endpoint: str, bucket: str, queue_url: str, dies: str) -> None:
    """Deal with what is in the queue, and die where the caller says."""
    queue = DeadlyQueue(connection_of(queue_url))
    queue.dies = dies
    with open_catalog(catalog_url) as catalog:
        take_in_notices(
            catalog,
            open_bucket(endpoint, bucket),
            queue,
            NoticeLimits(bucket, HIDDEN_SECONDS, max_receives=10),
            clock=lambda: datetime.now(UTC),
            wait_seconds=WAIT_SECONDS,
            work_seconds=WAIT_SECONDS,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
