"""Keeping leases alive while work goes on, and holding media without a share, as movers and clean-up do."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from bookmarkai_assets.core.errors import CatalogUnavailableError
from bookmarkai_assets.core.ports import Catalog
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.stores import Stores, interrupt_all

logger = logging.getLogger(__name__)

Done = TypeVar("Done")

BEATS_PER_LEASE = 4
"""Renewals within one lease: two may fail in a row before live work loses what it holds."""


@contextmanager
def heartbeat(renew: Callable[[datetime], object], *, clock: Callable[[], datetime], seconds: float) -> Iterator[None]:
    """Call `renew` with the leases' new end, `seconds` from now, from a thread for as long as the block lasts."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(seconds / BEATS_PER_LEASE):
            try:
                renew(clock() + timedelta(seconds=seconds))
            except CatalogUnavailableError:
                # The next beat tries again; a lease that is lost for good is noticed where results are recorded.
                logger.warning("could not renew leases", exc_info=True)

    thread = threading.Thread(target=beat, name="lease-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@dataclass(frozen=True)
class MediaWork:
    """Somebody's hold on media: an operator's command or a scheduled run, called `owner`. `clock` gives aware UTC."""

    catalog: Catalog
    rules: PipelineRules
    stores: Stores
    owner: str
    clock: Callable[[], datetime]

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Renew this owner's leases for as long as the block lasts, and free them at its end."""
        with heartbeat(
            lambda until: self.catalog.work.renew(self.owner, until=until),
            clock=self.clock,
            seconds=self.rules.lease_seconds,
        ):
            try:
                yield
            finally:
                self.catalog.work.release(self.owner, now=self.clock())

    @contextmanager
    def leased(self, media_id: str) -> Iterator[bool]:
        """Hold one media for the block; False when somebody else has it."""
        now = self.clock()
        until = now + timedelta(seconds=self.rules.lease_seconds)
        if not self.catalog.work.lease(media_id, owner=self.owner, now=now, until=until):
            yield False
            return
        try:
            yield True
        finally:
            self.catalog.work.free(media_id, owner=self.owner)


def side_by_side(
    work: MediaWork,
    act: Callable[[str], Done],
    media_ids: Sequence[str],
    *,
    workers: int,
    on_done: Callable[[Done], object],
) -> list[Done]:
    """Act on media, `workers` at a time, while this owner's leases are renewed; give the results as they came.

    `act` takes the lease of its media, and gives what failed as a result. `on_done` is called in this thread with each.
    Told to stop, it ends the transfers under way and raises.
    """
    results: list[Done] = []
    with work.hold(), ThreadPoolExecutor(workers, thread_name_prefix="media") as pool:
        futures = [pool.submit(act, media_id) for media_id in dict.fromkeys(media_ids)]
        try:
            for future in as_completed(futures):
                results.append(future.result())
                on_done(results[-1])
        except BaseException:
            interrupt_all(work.stores)
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return results
