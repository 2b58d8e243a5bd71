"""`LeaseLedger` over `leases`: leases that are taken, renewed and freed on their own.

The leases that are taken and freed together with a share's work are in `work`.
"""

from datetime import datetime

from sqlalchemy import func, select
from typing_extensions import override

from bookmarkai_assets.adapters.catalog import leases
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.tables.work import leases as lease_table
from bookmarkai_assets.core.shares.leases import LeaseLedger


class SqlLeaseLedger(LeaseLedger):
    """Leases in the table `leases`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def take(self, media_id: str, *, owner: str, now: datetime, until: datetime) -> bool:
        with self._database.writing() as connection:
            return leases.take(connection, media_id, owner=owner, now=now, until=until, succeeding=[owner])

    @override
    def free(self, media_id: str, *, owner: str) -> None:
        with self._database.writing() as connection:
            leases.free(connection, [media_id], owner)

    @override
    def is_leased(self, media_id: str, *, now: datetime) -> bool:
        with self._database.reading() as connection:
            return leases.is_live_now(connection, media_id, now)

    @override
    def count_live(self, *, now: datetime) -> int:
        statement = select(func.count()).select_from(lease_table).where(lease_table.c.expires_at > now)
        with self._database.reading() as connection:
            return connection.execute(statement).scalar_one()

    @override
    def renew(self, owner: str, *, until: datetime) -> frozenset[str]:
        with self._database.writing() as connection:
            media_ids = leases.lock_all_of(connection, owner)
            leases.set_expiry(connection, media_ids, until)
            return frozenset(media_ids)

    @override
    def holds(self, owner: str, media_id: str) -> bool:
        with self._database.reading() as connection:
            found = connection.execute(select(lease_table.c.owner).where(lease_table.c.media_id == media_id)).scalar()
        return found == owner

    @override
    def has_live_lease(self, owner: str, *, now: datetime) -> bool:
        statement = select(lease_table.c.media_id).where(lease_table.c.owner == owner, lease_table.c.expires_at > now)
        with self._database.reading() as connection:
            return connection.execute(statement.limit(1)).first() is not None
