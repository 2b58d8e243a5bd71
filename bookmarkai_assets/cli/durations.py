"""Durations as operators write them: 30s, 15m, 12h, 7d."""

import re
from datetime import timedelta

import typer

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str, hint: str) -> timedelta:
    """Parse a number with a unit, such as 15m. Raises `typer.BadParameter`, which names the option `hint`."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    if match is None:
        raise typer.BadParameter(
            f"expected a length of time such as 30s, 15m, 12h or 7d, found {text[:40]!r}", param_hint=hint
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
