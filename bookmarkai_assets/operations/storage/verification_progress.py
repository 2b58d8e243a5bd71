"""How far a verification has come, counted over its threads; showing it is for others."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from bookmarkai_assets.core.media.ports import ListedObject


@dataclass(frozen=True)
class VerificationProgress:
    """What has been looked at, of what the stores have listed. `done_bytes` counts the bytes read as they are read.

    What no record claims is not looked at, and leaves the totals in the end.
    """

    objects: int = 0
    objects_total: int = 0
    done_bytes: int = 0
    total_bytes: int = 0


class ProgressMeter:
    """Counts, and tells of each change, one at a time: for several threads."""

    def __init__(self, on_progress: Callable[[VerificationProgress], object]) -> None:
        self._lock = threading.Lock()
        self._on_progress = on_progress
        self._progress = VerificationProgress()

    def expect(self, listed: Collection[ListedObject]) -> None:
        """Add to what there is to look at."""
        self._add(objects_total=len(listed), total_bytes=sum(found.size_bytes for found in listed))

    def read(self, size_bytes: int) -> None:
        """Count bytes that have been read."""
        self._add(done_bytes=size_bytes)

    def finish(self, listed: Collection[ListedObject], *, read_bytes: int) -> None:
        """Count what has been looked at, of which so many bytes were counted before."""
        self._add(objects=len(listed), done_bytes=sum(found.size_bytes for found in listed) - read_bytes)

    def leave_out(self, listed: Collection[ListedObject]) -> None:
        """Take back what is not going to be looked at."""
        self._add(objects_total=-len(listed), total_bytes=-sum(found.size_bytes for found in listed))

    def _add(self, **changes: int) -> None:
        with self._lock:
            now = {name: getattr(self._progress, name) + change for name, change in changes.items()}
            self._progress = replace(self._progress, **now)
            self._on_progress(self._progress)
