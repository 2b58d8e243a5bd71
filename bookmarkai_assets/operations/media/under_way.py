"""Show a transfer in the catalog while it is under way, if it takes longer than a moment."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Self

from bookmarkai_assets.core.errors import CatalogUnavailableError
from bookmarkai_assets.core.media.transfers import REPORT_EVERY, TransferTable, TransferUnderWay

logger = logging.getLogger(__name__)


class WatchedTransfer:
    """A store's `on_bytes`, which passes each call on. As a context manager it encloses the transfer.

    If the catalog does not answer, the transfer goes on.
    """

    def __init__(
        self,
        table: TransferTable,
        transfer: TransferUnderWay,
        on_bytes: Callable[[int], object],
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._table = table
        self._transfer = transfer
        self._on_bytes = on_bytes
        self._clock = clock
        self._report_at = transfer.begun_at + REPORT_EVERY
        self._is_reported = False

    def __call__(self, size_bytes: int) -> None:
        """Count the bytes, report if it is time, and pass the call on. Raises what the callee raises."""
        now = self._clock()
        if size_bytes:
            moved = self._transfer.moved_bytes + size_bytes
            self._transfer = replace(self._transfer, moved_bytes=moved, moved_at=now)
        if now >= self._report_at:
            self._report_at = now + REPORT_EVERY
            try:
                self._table.report(self._transfer, now=now)
                self._is_reported = True
            except CatalogUnavailableError as error:
                logger.warning("could not record how far a transfer is: %s", error)
        self._on_bytes(size_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if not self._is_reported:
            return
        try:
            self._table.end(self._transfer)
        except CatalogUnavailableError as error:
            logger.warning("could not record that a transfer is over: %s", error)
