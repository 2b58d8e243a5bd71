"""Keep leases alive while work goes on."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from bookmarkai_assets.core.errors import CatalogUnavailableError

logger = logging.getLogger(__name__)

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
