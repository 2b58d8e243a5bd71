"""`WorkerTable` over `workers`."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from typing_extensions import override

from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.workers import workers as table
from bookmarkai_assets.core.workers.ports import WorkerTable
from bookmarkai_assets.core.workers.worker import Worker, WorkerKind

_KEPT = timedelta(days=1)
"""A worker that died keeps its row for so long, for whoever asks what it was."""


class SqlWorkerTable(WorkerTable):
    """Workers in the table `workers`. It has a row for each that is alive, and a few more."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def announce(self, worker: Worker) -> None:
        values = asdict(worker)
        statement = insert_into(table, is_sqlite=self._database.is_sqlite).values(values)
        with self._database.writing() as connection:
            connection.execute(delete(table).where(table.c.expires_at < worker.began_at - _KEPT))
            connection.execute(statement.on_conflict_do_update(index_elements=[table.c.worker_id], set_=values))

    @override
    def renew(self, worker_id: str, *, until: datetime) -> None:
        with self._database.writing() as connection:
            connection.execute(update(table).where(table.c.worker_id == worker_id).values(expires_at=until))

    @override
    def leave(self, worker_id: str) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(table).where(table.c.worker_id == worker_id))

    @override
    def living(self, *, now: datetime) -> Sequence[Worker]:
        alive = select(table).where(table.c.expires_at > now).order_by(table.c.began_at, table.c.worker_id)
        with self._database.reading() as connection:
            rows = connection.execute(alive).mappings().all()
        return [Worker(**{**row, "kind": WorkerKind(row["kind"])}) for row in rows]

    @override
    def expired(self, *, now: datetime) -> frozenset[str]:
        with self._database.reading() as connection:
            return frozenset(connection.execute(select(table.c.worker_id).where(table.c.expires_at <= now)).scalars())
