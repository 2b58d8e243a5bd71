"""The patience of one run with its own downloads: which are under way, what has ended, whether the others only wait.

The rule is in `core/patience`. What becomes of a share whose download is given up is decided where it was begun.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bookmarkai_assets.core.downloads.patience import RunProgress, standstill_at
from bookmarkai_assets.core.rules import PipelineRules


@dataclass(eq=False)
class OneDownload:
    """A download under way. `is_given_up` once the run stood still for it; set `is_video` when it has brought one."""

    began: float
    is_given_up: bool = False
    is_video: bool = False


class RunPatience:
    """One run's, for the threads in which it downloads. `clock` gives seconds that never go back."""

    def __init__(self, shares: int, *, floor_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = RunProgress(shares)
        self._going: set[OneDownload] = set()
        self._floor_seconds = floor_seconds
        self._clock = clock
        self._lock = threading.Lock()

    @contextmanager
    def share(self) -> Iterator[None]:
        """Do a share's whole step: once it has failed, or is put off, it waits for nobody."""
        waiting = 0
        try:
            yield
            waiting = 1
        finally:
            with self._lock:
                self._run = replace(self._run, shares=self._run.shares - 1 + waiting, moved_at=self._clock())

    @contextmanager
    def download(self) -> Iterator[OneDownload]:
        """Do one download: from its begin it can hold up the others, and its end is told to them."""
        one = OneDownload(self._clock())
        with self._lock:
            self._going.add(one)
        try:
            yield one
        finally:
            with self._lock:
                self._going.remove(one)
                self._run = replace(self._run, moved_at=self._clock(), longest_seconds=self._longest_with(one))

    def has_run_out(self, one: OneDownload) -> bool:
        """Tell whether a download is to be given up. Once so it stays so, whatever the others do then."""
        with self._lock:
            run = replace(self._run, going=[each.began for each in self._going])
            if self._clock() >= standstill_at(run, floor_seconds=self._floor_seconds):
                # All of them at once: the first whose thread is free begins another, and the others would wait on.
                for each in self._going:
                    each.is_given_up = True
            return one.is_given_up

    def _longest_with(self, one: OneDownload) -> float | None:
        if not one.is_video:
            return self._run.longest_seconds
        return max(self._run.longest_seconds or 0.0, self._clock() - one.began)


def run_patience(rules: PipelineRules, *, shares: int) -> RunPatience:
    """Give the patience of a run with so many shares. One alone has the whole of `DOWNLOAD_TIMEOUT_SECONDS`."""
    return RunPatience(shares, floor_seconds=rules.patience_seconds)
