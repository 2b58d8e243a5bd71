"""When a run gives up its slowest downloads: never while others go on, never if nobody waits, and soon enough."""

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.downloads.patience import FIRST_SECONDS, PAUSE_SECONDS, RunProgress, standstill_at

moments = st.floats(0, 10_000)
durations = st.floats(0.01, 10_000)
runs = st.builds(
    RunProgress,
    shares=st.integers(0, 30),
    start_times=st.lists(moments, max_size=8),
    longest_seconds=st.none() | durations,
    last_ended_at=moments,
)


def test_a_straggler_has_twice_the_longest_of_its_neighbours() -> None:
    """If downloads took up to 5 seconds, one that began at 100 may go on to 110, while the rest of the run is done."""
    run = RunProgress(shares=4, start_times=[100], longest_seconds=5, last_ended_at=105)
    assert standstill_at(run, floor_seconds=2) == 110


def test_short_downloads_use_the_floor() -> None:
    """Where a video takes a tenth of a second, half a second is no reason to give up."""
    run = RunProgress(shares=4, start_times=[100], longest_seconds=0.1, last_ended_at=101)
    assert standstill_at(run, floor_seconds=2) == 102


def test_a_straggler_is_given_up_as_soon_as_it_costs_time() -> None:
    """A download that hung while the others went on is given up when the last of them has ended."""
    run = RunProgress(shares=4, start_times=[0], longest_seconds=5, last_ended_at=500)
    assert standstill_at(run, floor_seconds=2) == 500 + PAUSE_SECONDS


def test_before_the_first_success_the_first_patience_counts() -> None:
    """When four downloads hang in four threads, the fifth share waits a minute, not until the deadline."""
    run = RunProgress(shares=5, start_times=[0, 1, 2, 3])
    assert standstill_at(run, floor_seconds=2) == 3 + FIRST_SECONDS


@given(run=runs, floor=durations)
def test_a_download_is_not_given_up_if_nobody_waits(run: RunProgress, floor: float) -> None:
    """The only share of a run that may still get its video has the full time limit."""
    assert standstill_at(replace(run, shares=1), floor_seconds=floor) == math.inf
    assert standstill_at(replace(run, start_times=()), floor_seconds=floor) == math.inf


@given(run=runs, floor=durations)
def test_every_download_that_is_given_up_has_had_its_patience(run: RunProgress, floor: float) -> None:
    """Each download has had the floor, and twice the longest or the first minute, since it began."""
    at = standstill_at(run, floor_seconds=floor)
    fair = FIRST_SECONDS if run.longest_seconds is None else 2 * run.longest_seconds
    assert all(at >= began + max(floor, fair) for began in run.start_times)


@given(run=runs.filter(lambda run: run.shares > 1 and run.start_times), floor=durations, began=moments)
def test_a_run_that_waits_does_not_wait_for_ever(run: RunProgress, floor: float, began: float) -> None:
    """The wait ends a patience after the last begin or a pause after the last end; another begin only extends it."""
    at = standstill_at(run, floor_seconds=floor)
    longest = FIRST_SECONDS if run.longest_seconds is None else 2 * run.longest_seconds
    assert at <= max(*run.start_times, run.last_ended_at) + max(floor, longest, PAUSE_SECONDS)
    assert standstill_at(replace(run, start_times=[*run.start_times, began]), floor_seconds=floor) >= at
