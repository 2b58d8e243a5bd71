"""Reading and writing the rows of `share_work` and `shares`, as statements within a caller's transaction.

Which changes of state are allowed, and when, is decided in `work`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Text, exists, literal, select, type_coerce, update

from bookmarkai_assets.adapters.catalog.columns import has_id, id_text, text_of
from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.media import media
from bookmarkai_assets.adapters.catalog.tables.shares import shares
from bookmarkai_assets.adapters.catalog.tables.transcripts import transcripts
from bookmarkai_assets.adapters.catalog.tables.work import share_work
from bookmarkai_assets.core.media.media import UNTITLED, MediaState
from bookmarkai_assets.core.shares.share import ShareStatus


class WorkState(StrEnum):
    """`share_work.state`. A share without a row is new."""

    CLAIMED = "claimed"
    RUNNING = "running"
    WAITING = "waiting"
    PARKED = "parked"
    DONE = "done"


@dataclass(frozen=True)
class Work:
    """What has to be known of a share, from its two rows. `state` is None for a new one.

    `key` is the id as it is in the database, which for a malformed row may not be text. `share_id` is its name in text.
    """

    share_id: str
    key: str | bytes
    status: str | None
    state: WorkState | None
    media_id: str | None
    claim_id: str | None
    owner: str | None
    last_owner: str | None
    attempts: int
    crashes: int
    runs_alone: bool
    next_attempt_at: datetime | None
    finished_at: datetime | None

    @property
    def is_reopened(self) -> bool:
        """Whether somebody has set a parked share back to pending, which makes it new again."""
        return self.state is WorkState.PARKED and self.status == ShareStatus.PENDING

    @property
    def is_new(self) -> bool:
        """Whether it waits for its first attempt, or for its first after it was reopened."""
        return self.is_reopened or (self.state is None and self.status == ShareStatus.PENDING)

    @property
    def is_done(self) -> bool:
        """Whether it was finished before, here or by whoever set its status."""
        return self.state is WorkState.DONE or self.status == ShareStatus.DONE


def lock(connection: Connection, share_id: str) -> Work | None:
    """Read a share and lock it for the rest of the transaction. None if there is no such share.

    A parked share that somebody has set back to pending is returned with its counters at zero.
    """
    is_sqlite = connection.dialect.name == "sqlite"
    row = connection.execute(
        select(shares.c.id, shares.c.status)
        .where(has_id(shares.c.id, share_id, is_sqlite=is_sqlite))
        .with_for_update(key_share=True)
    ).first()
    if row is None:
        return None
    # A second statement, so that on PostgreSQL it sees what the transaction that had the lock before has committed.
    work = connection.execute(
        select(share_work).where(has_id(share_work.c.share_id, share_id, is_sqlite=is_sqlite))
    ).first()
    found = Work(
        share_id=share_id,
        key=row.id,
        status=text_of(row.status),
        state=WorkState(work.state) if work else None,
        media_id=work.media_id if work else None,
        claim_id=work.claim_id if work else None,
        owner=work.owner if work else None,
        last_owner=work.last_owner if work else None,
        attempts=work.attempts if work else 0,
        crashes=work.crashes if work else 0,
        runs_alone=bool(work and work.runs_alone),
        next_attempt_at=work.next_attempt_at if work else None,
        finished_at=work.finished_at if work else None,
    )
    return reset_attempts(found) if found.is_reopened else found


def reset_attempts(work: Work) -> Work:
    """Clear what a share's earlier attempts have left, because a person wants it tried as if it were new."""
    return replace(work, attempts=0, crashes=0, runs_alone=False, last_owner=None)


def lock_all(connection: Connection, share_ids: Sequence[str]) -> list[Work]:
    """Lock several shares in the order of their ids, so that two transactions that do so never deadlock."""
    return [work for share_id in sorted(set(share_ids)) for work in [lock(connection, share_id)] if work]


def media_id_of(connection: Connection, share_id: str) -> str | None:
    """Read the media that a share was last claimed or begun with. Locks nothing."""
    is_sqlite = connection.dialect.name == "sqlite"
    return connection.execute(
        select(share_work.c.media_id).where(has_id(share_work.c.share_id, share_id, is_sqlite=is_sqlite))
    ).scalar()


def move(connection: Connection, work: Work, *, now: datetime, state: WorkState, **changes: Any) -> None:  # noqa: ANN401 - columns of every type
    """Write a share's row in `share_work`, adding it if there is none. Columns that are not named keep their values.

    The exceptions are `next_attempt_at` and `held_for`. They belong to one state, so they are cleared unless named.
    """
    values = {
        "attempts": work.attempts,
        "crashes": work.crashes,
        "runs_alone": work.runs_alone,
        "last_owner": work.last_owner,
        "finished_at": work.finished_at,
        "next_attempt_at": None,
        "held_for": None,
        **changes,
        "state": state,
        "updated_at": now,
    }
    connection.execute(
        insert_into(share_work, is_sqlite=connection.dialect.name == "sqlite")
        .values(share_id=work.key, **values)
        .on_conflict_do_update(index_elements=[share_work.c.share_id], set_=values)
    )


def set_status(connection: Connection, work: Work, status: str, *, now: datetime, **changes: Any) -> None:  # noqa: ANN401 - as in `move`
    """Write a share's status in the gateway's table."""
    is_share = has_id(shares.c.id, work.share_id, is_sqlite=connection.dialect.name == "sqlite")
    connection.execute(update(shares).where(is_share).values(status=status, updated_at=now, **changes))


def video_columns(connection: Connection, work: Work) -> dict[str, Any]:
    """Return what is known of a share's video as columns of the gateway's `shares`. Empty if it was never fetched.

    What the site does not say stays as the gateway has it. So do the entries of `platform_data` that are not ours.
    """
    row = connection.execute(select(media).where(media.c.media_id == work.media_id)).first()
    if row is None:
        return {}
    described = {
        "title": row.title if row.title != UNTITLED else None,
        "author": row.author,
        "description": row.description,
        "thumbnail_url": row.thumbnail_url,
    }
    measured = {
        "extractor": row.extractor,
        "posted_at": row.posted_at.isoformat() if row.posted_at else None,
        "duration_seconds": row.duration_seconds,
        "width": row.width,
        "height": row.height,
    }
    return {
        **_without_nulls(described),
        "media_type": "audio" if row.width is None else "video",
        "platform_data": {**platform_data(connection, work.share_id), **_without_nulls(measured)},
    }


def _without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def platform_data(connection: Connection, share_id: str) -> dict[str, Any]:
    """Read the gateway's JSON object. On SQLite the column may hold anything. What is not an object counts as empty."""
    is_sqlite = connection.dialect.name == "sqlite"
    column = type_coerce(shares.c.platform_data, Text) if is_sqlite else shares.c.platform_data
    found = connection.execute(select(column).where(has_id(shares.c.id, share_id, is_sqlite=is_sqlite))).scalar()
    if is_sqlite:
        try:
            found = json.loads(found) if isinstance(found, str | bytes) else None
        except ValueError:
            return {}
    return dict(found) if isinstance(found, Mapping) else {}


def shares_of_run(connection: Connection, owner: str) -> list[str]:
    """List the ids of the shares that a run has in hand."""
    return [
        id_text(key)
        for key in connection.execute(select(share_work.c.share_id).where(share_work.c.owner == owner)).scalars()
    ]


def has_sibling_in_hand(connection: Connection, work: Work, owner: str) -> bool:
    """Whether the run also works on another share of the same media, under the same lease."""
    is_sibling = exists().where(
        share_work.c.media_id == work.media_id, share_work.c.owner == owner, share_work.c.share_id != work.key
    )
    return bool(connection.execute(select(is_sibling)).scalar_one())


def has_transcript(connection: Connection, work: Work) -> bool:
    """Whether the share's transcript has been written, by any attempt."""
    return bool(connection.execute(select(exists().where(transcripts.c.share_id == work.key))).scalar_one())


def has_empty_transcript(connection: Connection, work: Work) -> bool:
    """Whether the share has a transcript without words."""
    is_empty = exists().where(transcripts.c.share_id == work.key, transcripts.c.full_text == literal(""))
    return bool(connection.execute(select(is_empty)).scalar_one())


def is_media_expired(connection: Connection, work: Work) -> bool:
    """Whether the bytes of the share's media have expired."""
    statement = select(exists().where(media.c.media_id == work.media_id, media.c.state == MediaState.EXPIRED))
    return bool(connection.execute(statement).scalar_one())


def is_staged(connection: Connection, work: Work) -> bool:
    """Whether the share's media is in staging and still has to be stored."""
    statement = select(exists().where(media.c.media_id == work.media_id, media.c.state == MediaState.STAGED))
    return bool(connection.execute(statement).scalar_one())


def current_url(connection: Connection, media_id: str | None, *, default: str) -> str | None:
    """Read where a media's video is now. None if it has expired, `default` if it was never stored."""
    row = connection.execute(select(media.c.video_url, media.c.state).where(media.c.media_id == media_id)).first()
    if row is None or row.state == MediaState.STAGED:
        return default
    return str(row.video_url) if row.state == MediaState.STORED else None


def stored_url(connection: Connection, media_id: str | None) -> str | None:
    """Read where a stored media's video is. None if it is not stored."""
    return connection.execute(
        select(media.c.video_url).where(media.c.media_id == media_id, media.c.state == MediaState.STORED)
    ).scalar()
