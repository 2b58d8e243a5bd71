"""`SiteLedger` over `sites`, `site_places` and `silent_formats`. `core/sites` decides when a site has a free slot.

A site's row is locked first, so that only one of several workers gets its last slot. `leases` are only read.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update
from typing_extensions import override

from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.leases import is_live
from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.sites import silent_formats, site_places
from bookmarkai_assets.adapters.catalog.tables.sites import sites as table
from bookmarkai_assets.core.sites.breaker import (
    Site,
    SiteRules,
    after_refusal,
    after_start,
    after_success,
    free_slots,
    start_of,
    waiting_reason,
)
from bookmarkai_assets.core.sites.ports import NoSlot, SiteLedger, SiteLoad, Slot
from bookmarkai_assets.core.sites.silent_formats import BELIEVED_FOR, FormatFamily

_LEASE_DELAY = timedelta(seconds=10)
"""A slot is taken a moment before the lease on its media, and counts for this long without one."""

_COLUMNS = [column for column in table.c if column.name != "updated_at"]


class SqlSiteLedger(SiteLedger):
    """Sites in SQL. Each site that was ever fetched from keeps its row. Most rows have nothing to report.

    A silent format keeps its row, too: one whose time is over is not read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def loads(self, *, now: datetime) -> Mapping[str, SiteLoad]:
        slots = (
            select(site_places.c.site, func.count().label("media"))
            .where(_is_slot_in_use(now))
            .group_by(site_places.c.site)
        )
        with self._database.reading() as connection:
            in_progress = {row.site: row.media for row in connection.execute(slots)}
            is_notable = or_(
                table.c.allowed.is_not(None),
                table.c.refusals > 0,
                table.c.next_start_at > now,
                table.c.name.in_(list(in_progress)),
            )
            known = [
                Site(*row) for row in connection.execute(select(*_COLUMNS).where(is_notable).order_by(table.c.name))
            ]
        return {site.name: SiteLoad(site, in_progress.get(site.name, 0)) for site in known}

    @override
    def take_slot(self, site: str, media_id: str, *, rules: SiteRules, now: datetime) -> Slot | NoSlot:
        limits = rules.limits_of(site)
        with self._database.writing() as connection:
            known = _lock(connection, site, now)
            slot = connection.execute(
                select(site_places.c.reserved_at, site_places.c.starts_at).where(
                    site_places.c.media_id == media_id, site_places.c.site == site
                )
            ).first()
            if slot is not None and not _is_slot_void(known, slot.reserved_at):
                return Slot(slot.starts_at)
            _free_slot(connection, media_id)
            in_progress = connection.execute(
                select(func.count()).select_from(site_places).where(site_places.c.site == site, _is_slot_in_use(now))
            ).scalar_one()
            if free_slots(known, limits, in_progress=in_progress, now=now) == 0:
                return NoSlot(waiting_reason(known, limits, now=now), is_pause=not known.is_closed)
            starts_at = start_of(known, limits, now=now)
            connection.execute(
                insert_into(site_places, is_sqlite=self._database.is_sqlite).values(
                    media_id=media_id, site=site, reserved_at=now, starts_at=starts_at
                )
            )
            _write(connection, after_start(known, limits, starts_at=starts_at), now)
            return Slot(starts_at)

    @override
    def free_slot(self, media_id: str, *, site: str | None = None) -> None:
        is_slot = [site_places.c.media_id == media_id]
        if site is not None:
            is_slot.append(site_places.c.site == site)
        with self._database.writing() as connection:
            connection.execute(delete(site_places).where(*is_slot))

    @override
    def record_success(self, site: str, media_id: str, *, now: datetime) -> Site:
        with self._database.writing() as connection:
            known = _lock(connection, site, now)
            reserved_at = _free_slot(connection, media_id)
            after = after_success(known, reserved_at=reserved_at)
            _write(connection, after, now)
            return after

    @override
    def record_refusal(self, site: str, media_id: str, *, reason: str, rules: SiteRules, now: datetime) -> Site:
        with self._database.writing() as connection:
            known = _lock(connection, site, now)
            reserved_at = _free_slot(connection, media_id)
            after = after_refusal(known, rules, reason=reason, reserved_at=reserved_at, now=now)
            _write(connection, after, now)
            return after

    @override
    def resume(self, site: str) -> bool:
        cleared = {"refusals": 0, "allowed": None, "opened_at": None, "resumes_at": None, "reason": None}
        statement = update(table).where(table.c.name == site, or_(table.c.refusals > 0, table.c.allowed.is_not(None)))
        with self._database.writing() as connection:
            return connection.execute(statement.values(cleared)).rowcount == 1

    @override
    def silent_formats(self, *, now: datetime) -> Mapping[str, Mapping[FormatFamily, datetime]]:
        columns = silent_formats.c
        believed = select(columns.site, columns.family, columns.found_at).where(columns.found_at > now - BELIEVED_FOR)
        found: dict[str, dict[FormatFamily, datetime]] = {}
        with self._database.reading() as connection:
            for row in connection.execute(believed.order_by(columns.site, columns.family)):
                found.setdefault(row.site, {})[FormatFamily.parse(row.family)] = row.found_at + BELIEVED_FOR
        return found

    @override
    def record_silent_formats(self, site: str, families: Collection[FormatFamily], *, now: datetime) -> None:
        with self._database.writing() as connection:
            for family in sorted(families):
                connection.execute(
                    insert_into(silent_formats, is_sqlite=self._database.is_sqlite)
                    .values(site=site, family=str(family), found_at=now)
                    .on_conflict_do_update(index_elements=list(silent_formats.primary_key), set_={"found_at": now})
                )


def _lock(connection: Connection, name: str, now: datetime) -> Site:
    """Read a site, adding its row if there is none, and lock it for the rest of the transaction."""
    connection.execute(
        insert_into(table, is_sqlite=connection.dialect.name == "sqlite")
        .values(name=name, refusals=0, updated_at=now)
        .on_conflict_do_nothing(index_elements=[table.c.name])
    )
    return Site(*connection.execute(select(*_COLUMNS).where(table.c.name == name).with_for_update()).one())


def _write(connection: Connection, site: Site, now: datetime) -> None:
    values = asdict(site) | {"updated_at": now}
    connection.execute(update(table).where(table.c.name == site.name).values(values))


def _free_slot(connection: Connection, media_id: str) -> datetime | None:
    """Free a media's slot. Return when it was taken, or None if there was none."""
    is_slot = site_places.c.media_id == media_id
    reserved_at = connection.execute(select(site_places.c.reserved_at).where(is_slot)).scalar()
    connection.execute(delete(site_places).where(is_slot))
    return reserved_at


def _is_slot_in_use(now: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that a slot is in use."""
    return or_(is_live(site_places.c.media_id, now), site_places.c.reserved_at > now - _LEASE_DELAY)


def _is_slot_void(site: Site, reserved_at: datetime) -> bool:
    """Whether the breaker has opened since a slot was taken."""
    return not site.is_closed and site.resumes_at is not None and reserved_at < site.resumes_at
