"""Moments as operators write them: a date, or a length of time before now."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from bookmarkai_assets.cli.durations import parse_duration

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
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            return now - parse_duration(text, hint)
        except (typer.BadParameter, OverflowError):
            raise typer.BadParameter(
                f"expected a length of time such as 12h or 7d, or a date such as 2026-01-31, found {text[:40]!r}",
                param_hint=hint,
            ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
