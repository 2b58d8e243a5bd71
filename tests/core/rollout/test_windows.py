"""Half-open windows of time on the five-minute grid."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.rollout.windows import (
    GRID,
    WINDOWS,
    Resolution,
    Window,
    day_of,
    month_of,
    tiles,
    window_ending,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
A_MOMENT = timedelta(microseconds=1)

moments = st.datetimes(datetime(1960, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis adds the zone
on_grid = st.integers(-100_000, 30_000_000).map(lambda n: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=5 * n))
grid_windows = st.builds(
    lambda start, fives: Window(start, start + timedelta(minutes=5 * fives)), on_grid, st.integers(0, 20_000)
)


def test_a_window_has_its_start_and_not_its_end() -> None:
    """A moment on the boundary between two windows is in the later one only."""
    before, after = Window(NOON - timedelta(hours=1), NOON), Window(NOON, NOON + timedelta(hours=1))
    assert NOON not in before
    assert NOON in after
    assert NOON - A_MOMENT in before
    assert NOON - A_MOMENT not in after


def test_a_window_does_not_end_before_it_starts() -> None:
    """A window that runs backwards is refused, and an empty one is not."""
    with pytest.raises(ValueError, match="ends after it starts"):
        Window(NOON, NOON - A_MOMENT)
    assert NOON not in Window(NOON, NOON)


@given(moments, st.sampled_from(Resolution))
def test_boundaries_enclose_a_moment(moment: datetime, resolution: Resolution) -> None:
    """The boundaries next to a moment are multiples of the resolution since 1970, and at most one resolution apart."""
    floor, ceil = resolution.floor(moment), resolution.ceil(moment)
    assert floor <= moment <= ceil
    assert (floor.timestamp() % resolution, ceil.timestamp() % resolution) == (0, 0)
    assert ceil - floor == (timedelta(0) if moment == floor else timedelta(seconds=resolution))


@pytest.mark.parametrize(
    ("moment", "start", "end"),
    [
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), (2026, 12, 1), (2027, 1, 1)),
        (datetime(2028, 2, 29, tzinfo=UTC), (2028, 2, 1), (2028, 3, 1)),
        (datetime(2026, 2, 1, tzinfo=UTC), (2026, 2, 1), (2026, 3, 1)),
        (datetime(2026, 4, 1, 1, tzinfo=timezone(timedelta(hours=2))), (2026, 3, 1), (2026, 4, 1)),
    ],
)
def test_months_are_calendar_months_in_utc(
    moment: datetime, start: tuple[int, int, int], end: tuple[int, int, int]
) -> None:
    """A moment belongs to its calendar month in UTC, whatever zone it is written in."""
    assert month_of(moment) == Window(datetime(*start, tzinfo=UTC), datetime(*end, tzinfo=UTC))


def test_days_are_days_in_utc() -> None:
    """Midnight UTC begins a day, and the moment before belongs to the day before."""
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    assert day_of(midnight).start == midnight
    assert day_of(midnight - A_MOMENT).end == midnight
    assert day_of(midnight.astimezone(timezone(timedelta(hours=-5)))) == day_of(midnight)


@given(moments, st.sampled_from(sorted(WINDOWS)))
def test_a_window_ends_with_the_last_whole_five_minutes(moment: datetime, name: str) -> None:
    """A window of a given length ends on the grid, less than five minutes ago."""
    window = window_ending(moment, WINDOWS[name])
    assert window.length == WINDOWS[name]
    assert timedelta(0) <= moment - window.end < timedelta(minutes=5)
    assert GRID.floor(window.end) == window.end


@given(grid_windows)
def test_tiles_cover_a_window_once(window: Window) -> None:
    """The tiles of a window follow one another from its start to its end, and each is on the grid of its resolution."""
    end = window.start
    for resolution, tile in tiles(window):
        assert tile.start == end
        assert tile.start < tile.end
        assert (resolution.floor(tile.start), resolution.floor(tile.end)) == (tile.start, tile.end)
        end = tile.end
    assert end == window.end


@given(grid_windows)
def test_tiles_are_as_long_as_they_can_be(window: Window) -> None:
    """However long a window is, it takes five tiles at most: fives and hours on either side of whole days."""
    covering = list(tiles(window))
    assert len(covering) <= 5
    for resolution, tile in covering:
        assert all(other.floor(tile.end) <= other.ceil(tile.start) for other in Resolution if other > resolution)


@pytest.mark.parametrize("shift", [A_MOMENT, timedelta(seconds=1), timedelta(minutes=4)])
def test_windows_off_the_grid_have_no_tiles(shift: timedelta) -> None:
    """A window off the five-minute grid cannot be answered exactly, and is refused."""
    hour = timedelta(hours=1)
    for window in (Window(NOON + shift, NOON + hour), Window(NOON, NOON + hour + shift)):
        with pytest.raises(ValueError, match="five-minute grid"):
            list(tiles(window))
