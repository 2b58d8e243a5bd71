"""Moments and lengths of time as people write them: a date, 30s, 15m, 12h, 7d."""

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str) -> timedelta:
    """Parse a number with a unit, such as 15m. Raises a `ValueError` that says what is expected."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    if match is None:
        raise ValueError(f"expected a length of time such as 30s, 15m, 12h or 7d, found {text[:40]!r}")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def parse_moment(text: str, *, now: datetime) -> datetime:
    """Parse a duration before now, or a date, which begins at midnight UTC.

    Raises a `ValueError` that says what is expected.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            return now - parse_duration(text)
        except (ValueError, OverflowError):
            raise ValueError(
                f"expected a length of time such as 12h or 7d, or a date such as 2026-01-31, found {text[:40]!r}"
            ) from None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"expected a moment between the years 1 and 9999, found {text[:40]!r}") from None
