"""Durations as options of commands: 30s, 15m, 12h, 7d."""

from datetime import timedelta

import typer

from bookmarkai_assets.core import moments


def parse_duration(text: str, hint: str) -> timedelta:
    """Parse a number with a unit, such as 15m. Raises `typer.BadParameter`, which names the option `hint`."""
    try:
        return moments.parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from None
