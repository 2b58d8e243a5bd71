"""`LinkNames` over `link_names`."""

from datetime import datetime

from sqlalchemy import Select, select
from typing_extensions import override

from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.sites import link_names
from bookmarkai_assets.core.links.ports import LinkNames


class SqlLinkNames(LinkNames):
    """What each short link stands for. It is recorded once and never changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def get(self, canonical_url: str) -> str | None:
        with self._database.reading() as connection:
            return connection.scalar(_resolved_url(canonical_url))

    @override
    def record(self, canonical_url: str, resolved_url: str, *, now: datetime) -> str:
        statement = (
            insert_into(link_names, is_sqlite=self._database.is_sqlite)
            .values(canonical_url=canonical_url, resolved_url=resolved_url, found_at=now)
            .on_conflict_do_nothing(index_elements=[link_names.c.canonical_url])
        )
        with self._database.writing() as connection:
            connection.execute(statement)
            return str(connection.execute(_resolved_url(canonical_url)).scalar_one())


def _resolved_url(canonical_url: str) -> Select[str]:
    return select(link_names.c.resolved_url).where(link_names.c.canonical_url == canonical_url)
