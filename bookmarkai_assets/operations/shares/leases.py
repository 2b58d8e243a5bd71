"""Keep leases alive while work goes on."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from bookmarkai_assets.core.errors import CatalogUnavailableError

logger = logging.getLogger(__name__)

BEATS_PER_LEASE = 4
"""Renewals within one lease: two in a row may fail before live work loses what it holds."""


@contextmanager
def heartbeat(renew: Callable[[datetime], object], *, clock: Callable[[], datetime], seconds: float) -> Iterator[None]:
    """Call `renew` from a thread during the block, with the new end of the leases, `seconds` from now."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(seconds / BEATS_PER_LEASE):
            try:
                renew(clock() + timedelta(seconds=seconds))
            except CatalogUnavailableError:
                # The next beat tries again. A lease that is lost for good is noticed where results are recorded.
                logger.warning("could not renew leases", exc_info=True)

    thread = threading.Thread(target=beat, name="lease-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
