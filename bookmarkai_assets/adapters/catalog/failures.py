"""`FailureTable` over `share_work`, with the links from `shares`."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from typing_extensions import override

from bookmarkai_assets.adapters.catalog.columns import id_text, text_of
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.tables.shares import shares
from bookmarkai_assets.adapters.catalog.tables.work import IS_FAILED, IS_HELD, share_work
from bookmarkai_assets.adapters.catalog.work_rows import WorkState
from bookmarkai_assets.core.failures.debt import PostponedShares, StandingFailure
from bookmarkai_assets.core.failures.ports import FailureTable
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.shares.share import ShareStatus

ROWS_AT_A_TIME = 1000
"""About 0.5 MB of rows, so that a hundred thousand failures are never in memory at once."""


class SqlFailureTable(FailureTable):
    """Reads by an index. The many shares that are done are never visited."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def standing(self, *, outcomes: Collection[Outcome] = ()) -> Iterator[StandingFailure]:
        statement = _standing(share_work.c.outcome.in_(outcomes) if outcomes else None)
        with self._database.reading() as connection:
            for row in connection.execution_options(yield_per=ROWS_AT_A_TIME).execute(statement):
                is_parked = row.state == WorkState.PARKED
                yield StandingFailure(
                    share_id=id_text(row.share_id),
                    url=text_of(row.url) or "",
                    outcome=Outcome(row.outcome),
                    failed_at=(row.finished_at if is_parked else None) or row.updated_at,
                    retry_at=None if is_parked else row.next_attempt_at,
                )

    @override
    def waiting(self) -> Sequence[PostponedShares]:
        statement = (
            select(share_work.c.held_for, func.count(), func.min(share_work.c.updated_at))
            .where(share_work.c.state == WorkState.WAITING, or_(IS_HELD, share_work.c.outcome == Outcome.POSTPONED))
            .group_by(share_work.c.held_for)
        )
        with self._database.reading() as connection:
            return [PostponedShares(*row) for row in connection.execute(statement)]


def _standing(only: ColumnElement[bool] | None) -> Select[*tuple[Any, ...]]:
    statement = (
        select(
            share_work.c.share_id,
            shares.c.url,
            share_work.c.state,
            share_work.c.outcome,
            share_work.c.finished_at,
            share_work.c.next_attempt_at,
            share_work.c.updated_at,
        )
        .join(shares, shares.c.id == share_work.c.share_id)
        .where(
            IS_FAILED,
            share_work.c.outcome != Outcome.POSTPONED,
            or_(
                and_(share_work.c.state == WorkState.PARKED, shares.c.status != ShareStatus.PENDING),
                and_(share_work.c.state == WorkState.WAITING, share_work.c.held_for.is_(None)),
            ),
        )
    )
    return statement if only is None else statement.where(only)
