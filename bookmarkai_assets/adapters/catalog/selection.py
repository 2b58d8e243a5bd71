"""Which shares are due, and how many: the queries behind `WorkLedger.due` and `WorkLedger.backlog`.

They find the few unfinished rows by an index, and never visit the many finished ones. Every column is read as text, so
that no malformed row can make them fail.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, case, false, func, literal, not_, null, or_, select, true

from bookmarkai_assets.adapters.catalog.columns import Moment, id_text, moment_of, moment_text, text_of
from bookmarkai_assets.adapters.catalog.leases import is_live
from bookmarkai_assets.adapters.catalog.tables.shares import shares
from bookmarkai_assets.adapters.catalog.tables.work import share_work
from bookmarkai_assets.core.shares.ports import Backlog, DueShare
from bookmarkai_assets.core.shares.share import ShareStatus


def due_shares(connection: Connection, *, now: datetime, limit: int, slots: Mapping[str, int]) -> list[DueShare]:
    """List the shares that are due, oldest first, at most `limit`. None whose media has a lease that has not expired.

    `slots` limits how many of those that wait for a site are listed, by site. Those that have waited longest are taken.
    """
    is_sqlite = connection.dialect.name == "sqlite"
    by_age = (shares.c.created_at, shares.c.id)
    known = _known(is_sqlite=is_sqlite, now=now)
    is_free = or_(share_work.c.held_for.is_(None), share_work.c.held_for.not_in(list(slots))) if slots else true()
    statements = [
        _new(is_sqlite=is_sqlite, now=now).order_by(*by_age).limit(limit),
        known.where(is_free).order_by(*by_age).limit(limit),
        # Those that have waited longest since they were last postponed come first. A share that its site always turns
        # away goes to the end of the queue each time.
        *(
            known.where(share_work.c.held_for == site)
            .order_by(share_work.c.next_attempt_at, *by_age)
            .limit(min(free, limit))
            for site, free in slots.items()
            if free > 0
        ),
    ]
    by_id = {
        due.share_id: due
        for statement in statements
        for row in connection.execute(statement)
        for due in [
            DueShare(
                share_id=id_text(row.id),
                url=text_of(row.url),
                created_at=text_of(row.created_at),
                attempts=row.attempts,
                crashes=row.crashes,
                runs_alone=bool(row.runs_alone),
                held_for=row.held_for,
            )
        ]
    }
    return sorted(by_id.values(), key=lambda due: (due.created_at or "", due.share_id))[:limit]


def read_backlog(connection: Connection, *, now: datetime, slots: Mapping[str, int]) -> Backlog:
    """Count the shares that wait for a worker, and those that a run has. `slots` is as for `due_shares`."""
    is_sqlite = connection.dialect.name == "sqlite"
    due, since = _count_new(connection, is_sqlite=is_sqlite, now=now)
    moments = [since]
    is_waiting, is_claimed = share_work.c.state == "waiting", share_work.c.state == "claimed"
    is_leased = is_live(share_work.c.media_id, now)
    known = _known(is_sqlite=is_sqlite, now=now).with_only_columns(
        share_work.c.held_for,
        func.count(),
        func.min(case((is_waiting, share_work.c.next_attempt_at), else_=share_work.c.updated_at), type_=Moment),
    )
    for held_for, count, oldest in connection.execute(known.group_by(share_work.c.held_for)):
        allowed = min(count, max(slots.get(held_for, count), 0))
        due += allowed
        moments += [oldest] if allowed else []
    claimed = select(func.count(), func.min(share_work.c.updated_at)).where(is_claimed, is_leased)
    count, oldest = connection.execute(claimed).one()
    running = select(func.count()).where(share_work.c.state == "running", is_leased)
    return Backlog(
        due=due + count,
        running=connection.execute(running).scalar_one(),
        oldest_since=min((moment for moment in (*moments, oldest) if moment is not None), default=None),
    )


def _count_new(connection: Connection, *, is_sqlite: bool, now: datetime) -> tuple[int, datetime | None]:
    new = _new(is_sqlite=is_sqlite, now=now)
    count, oldest = connection.execute(
        new.with_only_columns(func.count(), moment_text(func.min(shares.c.created_at), is_sqlite=is_sqlite))
    ).one()
    try:
        return count, moment_of(text_of(oldest) or "") if count else None
    except ValueError:  # a malformed row, which the next tick of the sensor parks
        return count, None


def _columns(*, is_sqlite: bool) -> tuple[Any, ...]:
    return shares.c.id, shares.c.url, moment_text(shares.c.created_at, is_sqlite=is_sqlite).label("created_at")


def _new(*, is_sqlite: bool, now: datetime) -> Select[*tuple[Any, ...]]:
    """Select the shares that are pending and have no work recorded, or are parked and were set back to pending."""
    return (
        select(
            *_columns(is_sqlite=is_sqlite),
            literal(0).label("attempts"),
            literal(0).label("crashes"),
            false().label("runs_alone"),
            null().label("held_for"),
        )
        .select_from(shares.outerjoin(share_work, share_work.c.share_id == shares.c.id))
        .where(
            shares.c.status == ShareStatus.PENDING,
            shares.c.id.is_not(None),
            or_(
                share_work.c.share_id.is_(None),
                and_(share_work.c.state == "parked", not_(is_live(share_work.c.media_id, now))),
            ),
        )
    )


def _known(*, is_sqlite: bool, now: datetime) -> Select[*tuple[Any, ...]]:
    """Select the retries that are due, and the claims and runs whose lease has expired."""
    # A run whose lease has expired has died. This crash counts already, or its share would be put in a batch again.
    crashes = share_work.c.crashes + case((share_work.c.state == "running", 1), else_=0)
    return (
        select(
            *_columns(is_sqlite=is_sqlite),
            share_work.c.attempts,
            crashes.label("crashes"),
            share_work.c.runs_alone,
            share_work.c.held_for,
        )
        .select_from(share_work.join(shares, shares.c.id == share_work.c.share_id))
        .where(
            or_(
                and_(share_work.c.state == "waiting", share_work.c.next_attempt_at <= now),
                share_work.c.state.in_(["claimed", "running"]),
            ),
            not_(is_live(share_work.c.media_id, now)),
        )
    )
