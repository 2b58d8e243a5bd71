"""Parameters that several routes have."""

from datetime import datetime
from typing import Annotated

from fastapi import Query

from bookmarkai_assets.core.moments import parse_moment
from bookmarkai_assets.door.problems import ProblemError

_MAX_CHARACTERS = 40
_FORM = r"^([0-9]{1,6}[smhd]|[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]+(Z|[+-][0-9:]+)?)?)$"
_EXAMPLES = ["7d", "2026-01-31"]

Since = Annotated[
    str | None,
    Query(
        max_length=_MAX_CHARACTERS,
        pattern=_FORM,
        description="Only what was shared since then: a length of time before now, or a date or moment in ISO 8601",
        examples=_EXAMPLES,
    ),
]
Until = Annotated[
    str | None,
    Query(
        max_length=_MAX_CHARACTERS,
        pattern=_FORM,
        description="Only what was shared before then, in the forms of `since`",
        examples=_EXAMPLES,
    ),
]


def moment(text: str | None, *, now: datetime) -> datetime | None:
    """Return the moment that a parameter means. Raises `ProblemError`."""
    try:
        return None if text is None else parse_moment(text, now=now)
    except ValueError as error:
        raise ProblemError(422, "unreadable-moment", str(error)) from None
