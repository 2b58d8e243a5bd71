"""A share: one submission of a link by a user, as BookmarkAI's gateway records it."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

LOCAL_USER = "00000000-0000-0000-0000-000000000000"
"""The user of shares for which nobody names one: on the command line without --user, and by an open HTTP door."""


class ShareStatus(StrEnum):
    """`shares.status`, the gateway's vocabulary. `enriched` is set by the gateway, never here."""

    PENDING = "pending"
    PROCESSING = "processing"
    FETCHING = "fetching"
    FETCHED = "fetched"
    ENRICHED = "enriched"
    DONE = "done"
    ERROR = "error"


@dataclass(frozen=True)
class Share:
    """One row of `shares`. `share_id` is a UUID in text form and the partition key of all three assets.

    `title` and `author` are the video's, None until it was fetched.
    """

    share_id: str
    user_id: str
    url: str
    platform: str
    status: str
    created_at: datetime
    title: str | None = None
    author: str | None = None


@dataclass(frozen=True)
class ShareProgress:
    """What the pipeline records of a share beyond the gateway's row: attempts, outcome, next attempt.

    `held_for` is the site or store that the share waits for, as `sites.breaker.site_of` and `sites.stores` name it.
    """

    attempts: int
    outcome: str | None
    reason: str | None
    next_attempt_at: datetime | None
    media_id: str | None
    finished_at: datetime | None
    held_for: str | None = None


def language_code(value: object) -> str | None:
    """Return Whisper's code for a language tag (`de`, `de-AT`, `pt_BR`). None if `value` is no language tag."""
    match = re.fullmatch(r"([a-z]{2,3})(?:[-_][a-z0-9]{1,8})*", value.lower()) if isinstance(value, str) else None
    return match[1] if match else None
