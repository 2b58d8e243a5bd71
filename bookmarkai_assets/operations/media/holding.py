"""Keeping leases alive while work goes on, and holding media without a share, as movers and clean-up do."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.media.stores import Stores, interrupt_all
from bookmarkai_assets.operations.shares.leases import heartbeat

Done = TypeVar("Done")


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
            lambda until: self.catalog.leases.renew(self.owner, until=until),
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
        if not self.catalog.leases.take(media_id, owner=self.owner, now=now, until=until):
            yield False
            return
        try:
            yield True
        finally:
            self.catalog.leases.free(media_id, owner=self.owner)


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
