"""Half-open windows of time, on the grid of rolled-up events. Nothing here reads a clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Resolution(IntEnum):
    """The lengths of time, in seconds, that events are rolled up over: five minutes, an hour, a day in UTC."""

    FIVE_MINUTES = 300
    HOUR = 3600
    DAY = 86_400

    def floor(self, moment: datetime) -> datetime:
        """Return the latest boundary of the grid that is not after `moment`."""
        return EPOCH + timedelta(seconds=(moment - EPOCH) // timedelta(seconds=1) // self * self)

    def ceil(self, moment: datetime) -> datetime:
        """Return the earliest boundary of the grid that is not before `moment`."""
        floor = self.floor(moment)
        return floor if floor == moment else floor + timedelta(seconds=self)


GRID = Resolution.FIVE_MINUTES
"""Windows begin and end on it, so that rolled-up events are exact for them."""


@dataclass(frozen=True)
class Window:
    """The moments from `start` on and before `end`."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse an end before the start (`ValueError`)."""
        if self.end < self.start:
            raise ValueError(f"expected a window that ends after it starts, found {self.start} to {self.end}")

    def __contains__(self, moment: datetime) -> bool:
        """Whether a moment is within."""
        return self.start <= moment < self.end

    @property
    def length(self) -> timedelta:
        """The time from start to end."""
        return self.end - self.start


WINDOWS: dict[str, timedelta] = {
    "5m": timedelta(minutes=5),
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
}
"""The windows that rollout metrics are computed over, by name."""


def window_ending(end: datetime, length: timedelta) -> Window:
    """Return the window of this length that ends at the last boundary of the grid up to `end`."""
    end = GRID.floor(end)
    return Window(end - length, end)


def day_of(moment: datetime) -> Window:
    """Return the UTC day of a moment."""
    start = Resolution.DAY.floor(moment)
    return Window(start, start + timedelta(days=1))


def month_of(moment: datetime) -> Window:
    """Return the calendar month of a moment, in UTC."""
    start = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Window(start, (start + timedelta(days=31)).replace(day=1))


def tiles(window: Window) -> Iterator[tuple[Resolution, Window]]:
    """Cover a window with stretches of rolled-up time, each of the longest resolution that fits.

    They are in order and do not overlap. Raises `ValueError` unless the window's ends are on the grid.
    """
    if {GRID.floor(window.start), GRID.floor(window.end)} != {window.start, window.end}:
        raise ValueError(f"expected a window on the five-minute grid, found {window}")
    yield from _tiles(window, list(Resolution))


def _tiles(window: Window, resolutions: list[Resolution]) -> Iterator[tuple[Resolution, Window]]:
    if window.start == window.end:
        return
    *shorter, resolution = resolutions
    start, end = resolution.ceil(window.start), resolution.floor(window.end)
    if end <= start:
        yield from _tiles(window, shorter)
        return
    yield from _tiles(Window(window.start, start), shorter) if shorter else ()
    yield resolution, Window(start, end)
    yield from _tiles(Window(end, window.end), shorter) if shorter else ()
