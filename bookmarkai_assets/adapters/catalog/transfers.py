"""`TransferTable` over `transfers_under_way`.

A row lasts as long as its transfer. What a killed process has left is removed by the next report.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, select
from typing_extensions import override

from bookmarkai_assets.adapters.catalog.columns import has_id
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.media import transfers_under_way as table
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.storage_events import Operation, Purpose
from bookmarkai_assets.core.media.transfers import BELIEVED_FOR, TransferTable, TransferUnderWay

_COLUMNS = [table.c[field.name] for field in fields(TransferUnderWay)]


class SqlTransferTable(TransferTable):
    """The transfers under way. Its columns are the fields of `TransferUnderWay`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def report(self, transfer: TransferUnderWay, *, now: datetime) -> None:
        values = asdict(transfer) | {"reported_at": now}
        with self._database.writing() as connection:
            connection.execute(delete(table).where(table.c.reported_at < now - BELIEVED_FOR))
            connection.execute(
                insert_into(table, is_sqlite=self._database.is_sqlite)
                .values(values)
                .on_conflict_do_update(index_elements=list(table.primary_key), set_=values)
            )

    @override
    def end(self, transfer: TransferUnderWay) -> None:
        is_it = and_(
            table.c.media_id == transfer.media_id,
            table.c.kind == transfer.kind,
            table.c.operation == transfer.operation,
            table.c.backend == transfer.backend,
        )
        with self._database.writing() as connection:
            connection.execute(delete(table).where(is_it))

    @override
    def under_way(self, *, now: datetime, share_id: str | None = None) -> Sequence[TransferUnderWay]:
        statement = select(*_COLUMNS).where(table.c.reported_at >= now - BELIEVED_FOR)
        if share_id is not None:
            statement = statement.where(has_id(table.c.share_id, share_id, is_sqlite=self._database.is_sqlite))
        with self._database.reading() as connection:
            found = connection.execute(statement.order_by(table.c.begun_at, table.c.media_id, table.c.kind))
            return [_transfer(row) for row in found]


def _transfer(row: Row[*tuple[Any, ...]]) -> TransferUnderWay:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
    values["kind"] = PartKind(row.kind)
    values["operation"] = Operation(row.operation)
    values["purpose"] = Purpose(row.purpose)
    return TransferUnderWay(**values)
