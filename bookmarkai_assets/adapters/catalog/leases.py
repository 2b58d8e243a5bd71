"""Leases on media, as statements within a caller's transaction. When one is taken or freed is decided elsewhere.

A lease is a row (media, owner, end). One that has ended is nobody's for whoever wants it, and still its owner's as long
as nobody has taken it: a slow run may renew it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, exists, or_, select, update

from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.work import leases
from bookmarkai_assets.core.errors import LeaseLostError


@dataclass(frozen=True)
class Lease:
    """Who has a media, and until when."""

    owner: str
    expires_at: datetime


def take(
    connection: Connection, media_id: str, *, owner: str, now: datetime, until: datetime, succeeding: Collection[str]
) -> bool:
    """Take the lease if it is free, ended, or held by one of `succeeding`; one statement, so exactly one taker wins."""
    statement = insert_into(leases, is_sqlite=connection.dialect.name == "sqlite").values(
        media_id=media_id, owner=owner, expires_at=until
    )
    return (
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[leases.c.media_id],
                set_={"owner": owner, "expires_at": until},
                where=or_(leases.c.expires_at <= now, leases.c.owner.in_(list(succeeding))),
            )
        ).rowcount
        == 1
    )


def read(connection: Connection, media_id: str) -> Lease | None:
    """Read a media's lease and lock it for the rest of the transaction."""
    row = connection.execute(
        select(leases.c.owner, leases.c.expires_at).where(leases.c.media_id == media_id).with_for_update()
    ).first()
    return Lease(owner=row.owner, expires_at=row.expires_at) if row else None


def require(connection: Connection, media_id: str, owner: str) -> None:
    """Lock the lease, which must be `owner`'s; raises `LeaseLostError`."""
    lease = read(connection, media_id)
    if lease is None or lease.owner != owner:
        raise LeaseLostError(
            f"expected run {owner} to hold the lease on media {media_id}, found {_text(lease)}; this run must stop "
            "working on it and record nothing, the share is picked up again by itself"
        )


def holder_text(connection: Connection, media_id: str) -> str:
    """Say who has a media, for a person."""
    return _text(read(connection, media_id))


def _text(lease: Lease | None) -> str:
    return f"{lease.owner} holding it until {lease.expires_at:%Y-%m-%d %H:%M:%S} UTC" if lease else "nobody holding it"


def free(connection: Connection, media_ids: Collection[str], owner: str) -> None:
    """Give leases back, as far as they are `owner`'s."""
    connection.execute(delete(leases).where(leases.c.media_id.in_(media_ids), leases.c.owner == owner))


def lock_of_owner(connection: Connection, owner: str) -> list[str]:
    """Lock every lease of `owner`; returns the media ids.

    Whoever goes on to change them names them: a lease that the owner has taken meanwhile is not locked in its turn, and
    two calls that reach for each other's would wait in a circle.
    """
    return list(
        connection.execute(
            select(leases.c.media_id).where(leases.c.owner == owner).order_by(leases.c.media_id).with_for_update()
        ).scalars()
    )


def set_end(connection: Connection, media_ids: Collection[str], until: datetime) -> None:
    """Set the end of leases that are locked."""
    connection.execute(update(leases).where(leases.c.media_id.in_(media_ids)).values(expires_at=until))


def is_live(media_id: ColumnElement[str], now: datetime) -> ColumnElement[bool]:
    """Say in SQL that somebody holds the media now."""
    return exists().where(leases.c.media_id == media_id, leases.c.expires_at > now)


def is_live_now(connection: Connection, media_id: str | None, now: datetime) -> bool:
    """Tell whether somebody holds the media, without locking the lease."""
    statement = select(exists().where(leases.c.media_id == media_id, leases.c.expires_at > now))
    return bool(connection.execute(statement).scalar_one())
