"""Count the progress of a verification over its threads. The caller displays it."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from bookmarkai_assets.core.media.ports import ListedObject


@dataclass(frozen=True)
class VerificationProgress:
    """How much of what the stores listed has been checked. `done_bytes` counts bytes as they are read.

    Objects that no record claims are not checked, and are taken out of the totals in the end.
    """

    objects: int = 0
    objects_total: int = 0
    done_bytes: int = 0
    total_bytes: int = 0


class ProgressMeter:
    """Counts the progress for several threads, and calls `on_progress` with each change, one call at a time."""

    def __init__(self, on_progress: Callable[[VerificationProgress], object]) -> None:
        self._lock = threading.Lock()
        self._on_progress = on_progress
        self._progress = VerificationProgress()

    def expect(self, objects: int, size_bytes: int) -> None:
        """Add objects that are to be checked to the totals: their number and their bytes."""
        self._add(objects_total=objects, total_bytes=size_bytes)

    def read(self, size_bytes: int) -> None:
        """Count bytes that have been read."""
        self._add(done_bytes=size_bytes)

    def finish(self, listed: Collection[ListedObject], *, read_bytes: int) -> None:
        """Count checked objects. `read_bytes` of their bytes were counted by `read` before."""
        self._add(objects=len(listed), done_bytes=sum(found.size_bytes for found in listed) - read_bytes)

    def leave_out(self, objects: int, size_bytes: int) -> None:
        """Take objects that will not be checked out of the totals."""
        self._add(objects_total=-objects, total_bytes=-size_bytes)

    def _add(self, **changes: int) -> None:
        with self._lock:
            now = {name: getattr(self._progress, name) + change for name, change in changes.items()}
            self._progress = replace(self._progress, **now)
            self._on_progress(self._progress)
