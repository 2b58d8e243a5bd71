"""Leases on media, as statements within a caller's transaction. The callers decide when one is taken or freed.

A lease is a row (media, owner, expiry). Anybody may take an expired lease. Until somebody does, its owner may still
renew it, because a run may only be slow.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, exists, or_, select, update

from bookmarkai_assets.adapters.catalog.revisions import require_usable
from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.work import leases
from bookmarkai_assets.core.errors import LeaseLostError


@dataclass(frozen=True)
class Lease:
    """Who has the lease on a media, and until when."""

    owner: str
    expires_at: datetime


def take(
    connection: Connection, media_id: str, *, owner: str, now: datetime, until: datetime, succeeding: Collection[str]
) -> bool:
    """Take the lease if it is free, expired, or one of `succeeding` has it. In one statement, so exactly one wins.

    All work begins here, so this is where code that is too old for the schema stops. Raises `ConfigurationError`.
    """
    require_usable(connection)
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
    """Lock the lease and check that it is `owner`'s. Raises `LeaseLostError`."""
    lease = read(connection, media_id)
    if lease is None or lease.owner != owner:
        raise LeaseLostError(
            f"expected run {owner} to hold the lease on media {media_id}, found {_describe(lease)}; this run must stop "
            "working on it and record nothing, the share is picked up again by itself"
        )


def describe_owner(connection: Connection, media_id: str) -> str:
    """Describe in words who has the lease on a media."""
    return _describe(read(connection, media_id))


def _describe(lease: Lease | None) -> str:
    return f"{lease.owner} holding it until {lease.expires_at:%Y-%m-%d %H:%M:%S} UTC" if lease else "nobody holding it"


def free(connection: Connection, media_ids: Collection[str], owner: str) -> None:
    """Free the leases on these media that are `owner`'s."""
    connection.execute(delete(leases).where(leases.c.media_id.in_(media_ids), leases.c.owner == owner))


def lock_all_of(connection: Connection, owner: str) -> list[str]:
    """Lock every lease of `owner`. Return the media ids.

    To change these leases, select them by the ids that this returns. A lease that the owner has taken since is not
    locked in the right order, and two callers that change each other's leases would deadlock.
    """
    return list(
        connection.execute(
            select(leases.c.media_id).where(leases.c.owner == owner).order_by(leases.c.media_id).with_for_update()
        ).scalars()
    )


def set_expiry(connection: Connection, media_ids: Collection[str], until: datetime) -> None:
    """Set when these leases expire. The caller has locked them."""
    connection.execute(update(leases).where(leases.c.media_id.in_(media_ids)).values(expires_at=until))


def is_live(media_id: ColumnElement[str], now: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that the media has a lease that has not expired."""
    return exists().where(leases.c.media_id == media_id, leases.c.expires_at > now)


def is_live_now(connection: Connection, media_id: str | None, now: datetime) -> bool:
    """Whether the media has a lease that has not expired. Does not lock the lease."""
    statement = select(exists().where(leases.c.media_id == media_id, leases.c.expires_at > now))
    return bool(connection.execute(statement).scalar_one())
