"""What one worker has in hand. A worker is a run, an operator's command or a scheduled job."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import PostponedError
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.shares.leases import heartbeat
from bookmarkai_assets.operations.stores import Stores


class Turns:
    """Locks by media, for the threads of one worker: the worker's lease on a media is theirs together."""

    def __init__(self) -> None:
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def __getitem__(self, media_id: str) -> threading.Lock:
        """Return the lock of a media."""
        with self._guard:
            return self._locks.setdefault(media_id, threading.Lock())


@dataclass
class PlannedBytes:
    """How many bytes the threads of one worker are about to write to the local disk."""

    size_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Hold:
    """The catalog, the rules, the stores, and the leases that `owner` holds.

    `owner` is the run's id or a command's name; messages show it. `clock` returns aware UTC times. `claim_id` is the
    claim that a run was launched for, if any. `jitter` returns numbers in [0, 1). `stopping` is set when the worker is
    told to end.
    """

    catalog: Catalog
    rules: PipelineRules
    stores: Stores
    owner: str
    clock: Callable[[], datetime]
    claim_id: str | None = None
    jitter: Callable[[], float] = random.random
    stopping: threading.Event = field(default_factory=threading.Event, compare=False)
    turns: Turns = field(default_factory=Turns, compare=False)
    planned: PlannedBytes = field(default_factory=PlannedBytes, compare=False)

    @contextmanager
    def renew_leases(self) -> Iterator[None]:
        """Renew the owner's leases, and the claim that it has yet to begin, from a thread during the block.

        If the block raises, or a person ends the run, the leases are freed: nothing crashed, and the shares are due
        again at once.
        """
        with heartbeat(self._renew, clock=self.clock, seconds=self.rules.lease_seconds):
            try:
                yield
            except BaseException:
                self.release()
                raise

    @contextmanager
    def lease(self, media_id: str) -> Iterator[bool]:
        """Lease one media for the block. Yields False when another owner holds it."""
        now = self.clock()
        if not self.catalog.leases.take(media_id, owner=self.owner, now=now, until=self.lease_end(now)):
            yield False
            return
        try:
            yield True
        finally:
            self.catalog.leases.free(media_id, owner=self.owner)

    def has_lease(self, media_id: str) -> bool:
        """Whether the lease on a media is still this owner's."""
        return self.catalog.leases.holds(self.owner, media_id)

    def release(self) -> None:
        """Free all leases of the owner. Unfinished shares are due again at once."""
        self.catalog.work.release(self.owner, now=self.clock())

    def lease_end(self, now: datetime) -> datetime:
        """Return when a lease that is taken or renewed at `now` ends."""
        return now + timedelta(seconds=self.rules.lease_seconds)

    def wait(self, seconds: float) -> None:
        """Wait. Raises `PostponedError` when the worker is told to end meanwhile."""
        if self.stopping.wait(seconds):
            raise PostponedError("the run was told to end", until=self.clock())

    def _renew(self, until: datetime) -> None:
        self.catalog.leases.renew(self.owner, until=until)
        if self.claim_id is not None:
            self.catalog.work.extend_claim(self.claim_id, until=until)
