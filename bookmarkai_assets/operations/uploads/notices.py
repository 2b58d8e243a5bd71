"""Take in the uploads that the bucket's events name: receive, take in, and only then delete the message.

A process may die at any point. A message that was not deleted comes again, and taking in is idempotent, so nothing is
lost and nothing is made twice. What cannot be read is left in the queue, which puts it aside after a few receives.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property, partial

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import CatalogUnavailableError, StoreError
from bookmarkai_assets.core.text import clean_line
from bookmarkai_assets.core.uploads.events import ArrivedObject, is_outdated, read_notice
from bookmarkai_assets.core.uploads.inbox import NoticeLimits
from bookmarkai_assets.core.uploads.ports import UploadedObjects
from bookmarkai_assets.core.uploads.queue import NoticeQueue, QueuedMessage, QueueError
from bookmarkai_assets.operations.shares.leases import heartbeat
from bookmarkai_assets.operations.uploads.arrivals import Arrival, take_in_key

logger = logging.getLogger(__name__)

WORKERS = 4
"""Messages dealt with at a time, because each waits for the bucket. A catalog on PostgreSQL has five connections."""

_SHOWN_CHARACTERS = 1000
_EXPECTED = frozenset({Arrival.TAKEN_IN, Arrival.KNOWN})


class MessageEnd(StrEnum):
    """What becomes of a message.

    `deleted`: all that it says has been done. `held`: the bucket or the catalog failed, so it comes again. `poison`: it
    cannot be read, so it comes again until the queue puts it aside. `dropped`: it cannot be read, came too often, and
    the queue puts nothing aside.
    """

    DELETED = "deleted"
    HELD = "held"
    POISON = "poison"
    DROPPED = "dropped"


OUTDATED = "outdated"
"""Counts events that are not newer than one of the same key that was dealt with."""

UNHIDDEN = "unhidden"
"""Counts messages that others may have received again, because they were hidden no more before they were deleted."""


@dataclass
class NoticeReport:
    """What was received. `ends` counts messages by `MessageEnd`.

    `records` counts what they said: by `Arrival`, `Unwanted`, and the words above. `failure` is why the bucket or the
    catalog failed; nothing more was received then.
    """

    ends: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    failure: str | None = None

    @property
    def messages(self) -> int:
        """How many messages were dealt with."""
        return self.ends.total()


def take_in_notices(
    catalog: Catalog,
    objects: UploadedObjects,
    queue: NoticeQueue,
    limits: NoticeLimits,
    *,
    clock: Callable[[], datetime],
    wait_seconds: float,
    work_seconds: float,
) -> NoticeReport:
    """Deal with the messages that are in the queue, for about `work_seconds`.

    Wait for the first one for `wait_seconds`. Raises `QueueError`, after which the messages that were received come
    again.
    """
    reader = _Reader(catalog, objects, queue, limits, clock)
    end = clock() + timedelta(seconds=wait_seconds + work_seconds)
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="notices") as pool:
        while messages := queue.receive(wait_seconds=wait_seconds, hidden_seconds=limits.hidden_seconds):
            reader.deal_with_all(messages, pool)
            if reader.report.failure is not None or clock() >= end:
                break
            wait_seconds = 0
    return reader.report


class _Reader:
    """Deals with the messages of one visit to the queue."""

    def __init__(
        self,
        catalog: Catalog,
        objects: UploadedObjects,
        queue: NoticeQueue,
        limits: NoticeLimits,
        clock: Callable[[], datetime],
    ) -> None:
        self.report = NoticeReport()
        self._catalog = catalog
        self._objects = objects
        self._queue = queue
        self._limits = limits
        self._clock = clock
        self._newest: dict[str, str] = {}
        self._lock = threading.Lock()

    def deal_with_all(self, messages: Sequence[QueuedMessage], pool: ThreadPoolExecutor) -> None:
        """Deal with the messages of one receive, which stay hidden meanwhile, and delete those that are done with."""
        keep = partial(self._keep_hidden, messages)
        with heartbeat(keep, clock=self._clock, seconds=self._limits.hidden_seconds):
            ends = list(pool.map(self._deal_with, messages))
        self.report.ends.update(ends)
        over = [
            message
            for message, end in zip(messages, ends, strict=True)
            if end in {MessageEnd.DELETED, MessageEnd.DROPPED}
        ]
        if over:
            self._note_unhidden(self._queue.delete(over))

    @cached_property
    def _does_queue_put_aside(self) -> bool:
        return self._queue.puts_aside()

    def _keep_hidden(self, messages: Sequence[QueuedMessage], _until: datetime) -> None:
        try:
            self._note_unhidden(self._queue.keep_hidden(messages, hidden_seconds=self._limits.hidden_seconds))
        except QueueError:
            logger.warning("could not keep messages hidden: they may come again", exc_info=True)

    def _note_unhidden(self, messages: Sequence[QueuedMessage]) -> None:
        for message in messages:
            logger.info("message %s was not ours any more: it may come again, which is harmless", message.message_id)
        self._count(*[UNHIDDEN] * len(messages))

    def _deal_with(self, message: QueuedMessage) -> MessageEnd:
        notice = read_notice(message.body, bucket=self._limits.bucket, prefix=self._objects.prefix)
        for record in notice.unwanted:
            self._count(record.why)
            logger.info("message %s names no upload (%s): %s", message.message_id, record.why, record.detail)
        try:
            for arrived in notice.arrived:
                self._take_in(arrived)
        except (StoreError, CatalogUnavailableError) as error:
            self.report.failure = str(error)
            return MessageEnd.HELD
        except Exception:  # whatever goes wrong with one message holds up no other
            logger.exception("message %s could not be dealt with", message.message_id)
            return self._end_of_poison(message)
        return self._end_of_poison(message) if notice.is_malformed else MessageEnd.DELETED

    def _take_in(self, arrived: ArrivedObject) -> None:
        if is_outdated(arrived, self._newest):
            self._count(OUTDATED)
            return
        taken = take_in_key(self._catalog, self._objects, arrived.key, now=self._clock())
        self._count(taken.arrival)
        if taken.arrival not in _EXPECTED:
            key = clean_line(arrived.key, max_characters=_SHOWN_CHARACTERS)
            logger.info("no share for %s (%s): %s", key, taken.arrival, taken.reason or "see docs/upload-events.md")
        # Only now: of an event that failed, an older one may be all that comes again.
        if arrived.sequencer is not None and taken.arrival is not Arrival.MISSING:
            self._newest[arrived.key] = arrived.sequencer

    def _end_of_poison(self, message: QueuedMessage) -> MessageEnd:
        if message.receives < self._limits.max_receives or self._does_queue_put_aside:
            return MessageEnd.POISON
        logger.error(
            "message %s was received %s times and cannot be dealt with, and the queue has no place for such: it is "
            "deleted. It begins: %s",
            message.message_id,
            message.receives,
            clean_line(message.body, max_characters=_SHOWN_CHARACTERS),
        )
        return MessageEnd.DROPPED

    def _count(self, *words: str) -> None:
        with self._lock:
            self.report.records.update(words)
