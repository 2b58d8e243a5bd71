"""Moments as options of commands: a date, or a length of time before now."""

from datetime import datetime
from typing import Annotated

import typer

from bookmarkai_assets.core import moments

SharedSince = Annotated[
    str | None,
    typer.Option("--since", metavar="7d|DATE", help="Only what was shared since then, such as 7d or 2026-01-31"),
]
SharedUntil = Annotated[
    str | None,
    typer.Option("--until", metavar="7d|DATE", help="Only what was shared before then, such as 7d or 2026-01-31"),
]


def parse_moment(text: str | None, hint: str, *, now: datetime) -> datetime | None:
    """Parse a duration before now, or a date, which begins at midnight UTC. None stays None.

    Raises `typer.BadParameter`, which names the option `hint`.
    """
    if text is None:
        return None
    try:
        return moments.parse_moment(text, now=now)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from None
