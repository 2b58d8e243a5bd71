"""Open a catalog: connect to the database behind a URL, check its schema, and set up the adapter of each port."""

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Self
from uuid import uuid4

from sqlalchemy.exc import DBAPIError

from bookmarkai_assets.adapters.catalog.cursors import SqlCursors
from bookmarkai_assets.adapters.catalog.engine import Database, parse_url
from bookmarkai_assets.adapters.catalog.event_totals import SqlEventTotals
from bookmarkai_assets.adapters.catalog.events import SqlEventLog
from bookmarkai_assets.adapters.catalog.failures import SqlFailureTable
from bookmarkai_assets.adapters.catalog.incidents import SqlIncidentTable
from bookmarkai_assets.adapters.catalog.lease_ledger import SqlLeaseLedger
from bookmarkai_assets.adapters.catalog.link_names import SqlLinkNames
from bookmarkai_assets.adapters.catalog.media import SqlMediaLedger
from bookmarkai_assets.adapters.catalog.revisions import SchemaState, schema_error
from bookmarkai_assets.adapters.catalog.rollout_ledger import SqlRolloutLedger
from bookmarkai_assets.adapters.catalog.schema import (
    configuration_errors,
    require_full_text_search,
    state_of,
    upgrade,
)
from bookmarkai_assets.adapters.catalog.search import SqlTranscriptSearch
from bookmarkai_assets.adapters.catalog.shares import SqlShareTable
from bookmarkai_assets.adapters.catalog.sites import SqlSiteLedger
from bookmarkai_assets.adapters.catalog.tombstones import SqlTombstoneTable
from bookmarkai_assets.adapters.catalog.transcript_chunks import SqlChunkTable
from bookmarkai_assets.adapters.catalog.transcripts import SqlTranscriptTable
from bookmarkai_assets.adapters.catalog.transfers import SqlTransferTable
from bookmarkai_assets.adapters.catalog.uploads import SqlUploadLedger
from bookmarkai_assets.adapters.catalog.work import SqlWorkLedger
from bookmarkai_assets.adapters.catalog.workers import SqlWorkerTable
from bookmarkai_assets.core.catalog import Catalog


@dataclass(frozen=True)
class OpenCatalog(Catalog):
    """A catalog over one pool of connections. `close`, or leaving a `with` block, closes them."""

    database: Database = field(repr=False)

    def close(self) -> None:
        """Close the pooled connections."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def open_catalog(url: str, *, new_id: Callable[[], str] = lambda: str(uuid4())) -> OpenCatalog:
    """Open the catalog at `url`: `sqlite:////absolute/file.db` or `postgresql+psycopg2://user:password@host/database`.

    A SQLite file is created or upgraded if needed, by one process at a time. A PostgreSQL schema is changed only by an
    operator: one that is behind is refused. One that is ahead is refused on both, unless it says that this code can
    work on it. Threads may share the result. Each process opens its own. `new_id` returns the id of a new row, a UUID.
    Raises `ConfigurationError`.
    """
    database = Database(parse_url(url))
    try:
        _ensure_usable(database)
    except BaseException:
        database.close()
        raise
    return OpenCatalog(
        shares=SqlShareTable(database, new_id),
        work=SqlWorkLedger(database),
        leases=SqlLeaseLedger(database),
        media=SqlMediaLedger(database),
        transcripts=SqlTranscriptTable(database, new_id),
        chunks=SqlChunkTable(database),
        events=SqlEventLog(database),
        transfers=SqlTransferTable(database),
        totals=SqlEventTotals(database),
        tombstones=SqlTombstoneTable(database),
        rollout=SqlRolloutLedger(database),
        incidents=SqlIncidentTable(database),
        cursors=SqlCursors(database),
        sites=SqlSiteLedger(database),
        links=SqlLinkNames(database),
        failures=SqlFailureTable(database),
        search=SqlTranscriptSearch(database),
        workers=SqlWorkerTable(database),
        uploads=SqlUploadLedger(database, new_id),
        database=database,
    )


def refuse_unusable_schema(url: str) -> None:
    """Raise `ConfigurationError` if `open_catalog` would refuse the schema. A database that is away is no reason.

    For a process that waits for work and opens the catalog for each piece of it: it need not begin to wait.
    """
    database = Database(parse_url(url))
    with closing(database), suppress(DBAPIError):
        state = state_of(database)
        if not _can_open(database, state):
            raise schema_error(database.name, state)


def _ensure_usable(database: Database) -> None:
    with configuration_errors(database, "open"):
        require_full_text_search(database)
        state = state_of(database)
    if not _can_open(database, state):
        raise schema_error(database.name, state)
    if not state.is_usable:
        upgrade(database)


def _can_open(database: Database, state: SchemaState) -> bool:
    return state.is_usable or (database.is_sqlite and state.is_behind)
