"""How long one run waits for its own downloads: which are under way, and whether its other shares only wait for them.

The rule is in `core/downloads/patience`. The caller decides what becomes of a share whose download is given up.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bookmarkai_assets.core.downloads.patience import RunProgress, standstill_at
from bookmarkai_assets.core.rules import PipelineRules


@dataclass(eq=False)
class RunningDownload:
    """A download under way.

    `is_given_up` is set once the run stands still because of it. The caller sets `is_video` if it has brought one.
    """

    began: float
    is_given_up: bool = False
    is_video: bool = False


class RunPatience:
    """One run's patience, shared by the threads that download. `clock` returns seconds and never goes back."""

    def __init__(self, shares: int, *, floor_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = RunProgress(shares)
        self._running: set[RunningDownload] = set()
        self._floor_seconds = floor_seconds
        self._clock = clock
        self._lock = threading.Lock()

    @contextmanager
    def share(self) -> Iterator[None]:
        """Enclose one share's whole step. A share that fails or is postponed waits for no download any more."""
        still_waiting = 0
        try:
            yield
            still_waiting = 1
        finally:
            with self._lock:
                self._run = replace(self._run, shares=self._run.shares - 1 + still_waiting, last_ended_at=self._clock())

    @contextmanager
    def download(self) -> Iterator[RunningDownload]:
        """Enclose one download. It can hold up the other shares while the block lasts."""
        download = RunningDownload(self._clock())
        with self._lock:
            self._running.add(download)
        try:
            yield download
        finally:
            with self._lock:
                self._running.remove(download)
                self._run = replace(
                    self._run, last_ended_at=self._clock(), longest_seconds=self._longest_with(download)
                )

    def has_run_out(self, download: RunningDownload) -> bool:
        """Whether a download is to be given up. It stays given up, whatever the other downloads do afterwards."""
        with self._lock:
            run = replace(self._run, start_times=[each.began for each in self._running])
            if self._clock() >= standstill_at(run, floor_seconds=self._floor_seconds):
                # All are given up at once. Otherwise the first freed thread would begin another, and the wait go on.
                for each in self._running:
                    each.is_given_up = True
            return download.is_given_up

    def _longest_with(self, download: RunningDownload) -> float | None:
        if not download.is_video:
            return self._run.longest_seconds
        return max(self._run.longest_seconds or 0.0, self._clock() - download.began)


def run_patience(rules: PipelineRules, *, shares: int) -> RunPatience:
    """Return the patience of a run with this many shares. A single share has all of `DOWNLOAD_TIMEOUT_SECONDS`."""
    return RunPatience(shares, floor_seconds=rules.patience_seconds)
