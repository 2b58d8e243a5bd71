"""How long the shares of one run wait for downloads that go on and on. Nothing here keeps time or ends anything."""

import math
from collections.abc import Collection
from dataclasses import dataclass

FIRST_SECONDS = 60.0
"""While no download of the run has come through, nothing says how long one takes here."""

TIMES_THE_LONGEST = 2
"""Neighbours differ in length, so one that takes as long as the longest of them is no straggler yet."""

PAUSE_SECONDS = 0.25
"""Between one share's end and the next one's download a thread has some transactions to do: no standstill yet."""


@dataclass(frozen=True)
class RunProgress:
    """How far a run has come; times in seconds by one clock.

    `shares` are those that have their video or may yet get it: who has failed waits for nobody. `going` are the
    begins of the downloads under way, `longest_seconds` is the longest that has brought a video, and `moved_at` is when
    a share or a download last ended.
    """

    shares: int
    going: Collection[float] = ()
    longest_seconds: float | None = None
    moved_at: float = -math.inf


def standstill_at(run: RunProgress, *, floor_seconds: float) -> float:
    """Say when the run will wait for stragglers alone if nothing more happens: what goes on then is to go on elsewhere.

    That is when each download under way has taken twice as long as the longest of those that came through, and
    `floor_seconds` at least. As long as one of them has not, the run waits for that one anyway, and whoever is slower
    costs nobody time. So a run whose every thread is held by a hanging download stands still too. Without end where
    nobody waits.
    """
    if run.shares <= 1 or not run.going:
        return math.inf
    if run.longest_seconds is None:
        patience = max(floor_seconds, FIRST_SECONDS)
    else:
        patience = max(floor_seconds, TIMES_THE_LONGEST * run.longest_seconds)
    return max(max(run.going) + patience, run.moved_at + PAUSE_SECONDS)
