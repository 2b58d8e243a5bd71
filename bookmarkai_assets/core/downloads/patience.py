"""How long the shares of one run wait for slow downloads. Nothing here reads a clock or ends a download."""

import math
from collections.abc import Collection
from dataclasses import dataclass

FIRST_SECONDS = 60.0
"""The patience while no download of the run has succeeded, because nothing shows how long one takes here."""

TIMES_THE_LONGEST = 2
"""Videos differ in length, so a download that takes as long as the longest one before is no straggler yet."""

PAUSE_SECONDS = 0.25
"""Between one share's end and the next download a thread runs some transactions. That is no standstill yet."""


@dataclass(frozen=True)
class RunProgress:
    """The progress of a run. Times are in seconds by one clock.

    `shares` counts the shares that have their video or may still get it. A share that failed waits for nothing.
    `start_times` are when the downloads under way began. `longest_seconds` is how long the longest download took that
    returned a video. `last_ended_at` is when a share or a download last ended.
    """

    shares: int
    start_times: Collection[float] = ()
    longest_seconds: float | None = None
    last_ended_at: float = -math.inf


def standstill_at(run: RunProgress, *, floor_seconds: float) -> float:
    """Return when the run will wait for stragglers alone if nothing more happens.

    The stragglers then continue in runs of their own. That is when each download under way has taken twice as long as
    the longest one that succeeded, and at least `floor_seconds`. While one of them has not, the run waits for that one
    anyway, and slower ones cost nobody time. A run whose threads all have hanging downloads stands still too. Infinity
    if no share waits for another.
    """
    if run.shares <= 1 or not run.start_times:
        return math.inf
    if run.longest_seconds is None:
        patience = max(floor_seconds, FIRST_SECONDS)
    else:
        patience = max(floor_seconds, TIMES_THE_LONGEST * run.longest_seconds)
    return max(max(run.start_times) + patience, run.last_ended_at + PAUSE_SECONDS)
