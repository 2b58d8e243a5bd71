"""`WorkLedger` over `share_work`, `leases` and the status of `shares`: who works on what, and how it ended.

Every method is one transaction, and decides by rows that it has locked (see `Database.writing` for the order). Leases
that do not belong to a share's work are in `lease_ledger`, the queries for due shares in `selection`, and the
statements in `leases` and `work_rows`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select
from typing_extensions import override

from bookmarkai_assets.adapters.catalog import leases, work_rows
from bookmarkai_assets.adapters.catalog.columns import has_id, id_text, in_groups, is_uuid
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.selection import due_shares, read_backlog
from bookmarkai_assets.adapters.catalog.tables.shares import shares
from bookmarkai_assets.adapters.catalog.tables.work import IS_PARKED, share_work
from bookmarkai_assets.adapters.catalog.tables.work import leases as lease_table
from bookmarkai_assets.adapters.catalog.work_rows import Work, WorkState, move, set_status
from bookmarkai_assets.core.errors import LeaseLostError, UnknownShareError
from bookmarkai_assets.core.outcomes import ENDS_WELL, Failure, Outcome
from bookmarkai_assets.core.shares.ports import Backlog, Begun, DueShare, ParkedShare, Refused, WorkLedger
from bookmarkai_assets.core.shares.share import ShareProgress, ShareStatus


class SqlWorkLedger(WorkLedger):
    """The ledger in SQL. The owner of a media's lease is a claim, by its claim id, or a run, by its run id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def due(self, *, now: datetime, limit: int, slots: Mapping[str, int] | None = None) -> Sequence[DueShare]:
        """List the shares that are due, oldest first.

        `created_at` is ISO 8601 with its offset on PostgreSQL, and whatever is in the row on SQLite. An id that is not
        valid text is returned as a SQL blob literal, which `park` and `retry` understand.
        """
        with self._database.reading() as connection:
            return due_shares(connection, now=now, limit=limit, slots=slots or {})

    @override
    def backlog(self, *, now: datetime, slots: Mapping[str, int]) -> Backlog:
        with self._database.reading() as connection:
            return read_backlog(connection, now=now, slots=slots)

    @override
    def wait_for_site(self, share_id: str, media_id: str, *, held_for: str, reason: str, now: datetime) -> None:
        with self._database.writing() as connection:
            # The lease is taken for this moment only. A share that somebody works on must not be postponed.
            if not leases.take(connection, media_id, owner=held_for, now=now, until=now, succeeding=()):
                return
            work = work_rows.lock(connection, share_id)
            if work is None or not _is_due(connection, work, media_id, now):
                connection.rollback()
                return
            move(
                connection,
                work,
                now=now,
                state=WorkState.WAITING,
                crashes=work.crashes + (work.state is WorkState.RUNNING),
                media_id=media_id,
                finished_at=None,
                # Its position in the queue, which it keeps however often it is postponed.
                next_attempt_at=work.next_attempt_at or now,
                held_for=held_for,
                **_postponed_columns(reason),
            )
            set_status(connection, work, ShareStatus.PENDING, now=now)
            leases.free(connection, [media_id], held_for)

    @override
    def park(self, share_id: str, failure: Failure, *, now: datetime) -> None:
        """Park a share without an attempt. Nothing happens if it is done, or if a live run has it."""
        with self._database.writing() as connection:
            media_id = work_rows.media_id_of(connection, share_id)
            lease = leases.read(connection, media_id) if media_id is not None else None
            work = work_rows.lock(connection, share_id)
            if work is None or work.is_done:
                return
            if work.state is WorkState.RUNNING and leases.is_live_now(connection, work.media_id, now):
                return
            _park(connection, work, failure, now=now)
            # Only a lease that was locked before the share. Locking one now would be out of order.
            if media_id is not None and lease is not None and lease.owner == work.claim_id:
                leases.free(connection, [media_id], lease.owner)

    @override
    def claim(self, share_id: str, media_id: str, *, claim_id: str, now: datetime, until: datetime) -> bool:
        """Reserve a due share for a run that will be launched. Claiming again under the same id returns True again.

        If another owner has the media's lease, a share that is new, or whose link has turned out to stand for that
        media, is recorded as waiting for it. `due` then leaves it out until the lease is free, so that many shares of
        one busy video do not crowd out the others.
        """
        with self._database.writing() as connection:
            is_taken = leases.take(connection, media_id, owner=claim_id, now=now, until=until, succeeding=())
            lease = leases.read(connection, media_id)
            work = work_rows.lock(connection, share_id)
            if work is None:
                connection.rollback()
                return False
            if not is_taken:
                is_renamed = work.state is WorkState.WAITING and work.media_id != media_id
                if work.is_new or is_renamed:
                    moment = work.next_attempt_at if is_renamed else now
                    move(connection, work, now=now, state=WorkState.WAITING, media_id=media_id, next_attempt_at=moment)
                is_ours = lease is not None and lease.owner == claim_id
                return is_ours and work.state is WorkState.CLAIMED and work.claim_id == claim_id
            if not _is_due(connection, work, media_id, now):
                connection.rollback()
                return False
            move(
                connection,
                work,
                now=now,
                state=WorkState.CLAIMED,
                crashes=work.crashes + (work.state is WorkState.RUNNING),
                media_id=media_id,
                claim_id=claim_id,
                owner=None,
                finished_at=None,
            )
            set_status(connection, work, ShareStatus.PROCESSING, now=now)
            return True

    @override
    def open_claims(self, *, expiring_before: datetime) -> Sequence[str]:
        statement = (
            select(share_work.c.claim_id)
            .distinct()
            .join(
                lease_table,
                (lease_table.c.media_id == share_work.c.media_id) & (lease_table.c.owner == share_work.c.claim_id),
            )
            .where(share_work.c.state == WorkState.CLAIMED, lease_table.c.expires_at < expiring_before)
            .order_by(share_work.c.claim_id)
        )
        with self._database.reading() as connection:
            return connection.execute(statement).scalars().all()

    @override
    def extend_claim(self, claim_id: str, *, until: datetime) -> None:
        of_claim = select(share_work.c.media_id).where(
            share_work.c.state == WorkState.CLAIMED, share_work.c.claim_id == claim_id
        )
        with self._database.writing() as connection:
            leased = leases.lock_all_of(connection, claim_id)
            not_begun = connection.execute(of_claim.where(share_work.c.media_id.in_(leased))).scalars().all()
            leases.set_expiry(connection, [media_id for media_id in not_begun if media_id is not None], until)

    @override
    def begin(
        self, share_id: str, media_id: str, *, owner: str, claim_id: str | None, now: datetime, until: datetime
    ) -> Begun | Refused:
        """Take the share for a run. Raises `UnknownShareError` if there is no such share."""
        succeeding = [owner] if claim_id is None else [owner, claim_id]
        with self._database.writing() as connection:
            if not leases.take(connection, media_id, owner=owner, now=now, until=until, succeeding=succeeding):
                return Refused(f"expected the video to be free, found {leases.describe_owner(connection, media_id)}")
            work = work_rows.lock(connection, share_id)
            if work is None:
                raise UnknownShareError(f"expected a share with the id {share_id!r} to begin work on, found none")
            if claim_id is not None and work.claim_id not in (None, claim_id):
                connection.rollback()
                return Refused(f"expected claim {claim_id} to be the share's latest, found {work.claim_id} after it")
            attempts = work.attempts + (work.last_owner != owner)
            move(
                connection,
                work,
                now=now,
                state=WorkState.DONE if work.is_done else WorkState.RUNNING,
                attempts=attempts,
                media_id=media_id,
                owner=owner,
                last_owner=owner,
                finished_at=work.finished_at if work.is_done else None,
            )
            is_next_step = work.state is WorkState.RUNNING and work.owner == owner
            if not (work.is_done or is_next_step):
                set_status(connection, work, ShareStatus.PROCESSING, now=now)
            return Begun(attempts=attempts)

    @override
    def mark(self, share_id: str, status: str, *, owner: str, now: datetime) -> None:
        """Set `shares.status` to a state of the work in progress. Nothing happens if the run has lost the share."""
        with self._database.writing() as connection:
            work = work_rows.lock(connection, share_id)
            if work is not None and work.owner == owner and not work.is_done:
                columns = work_rows.video_columns(connection, work) if status == ShareStatus.FETCHED else {}
                set_status(connection, work, status, now=now, **columns)

    @override
    def fail(self, share_id: str, failure: Failure, *, owner: str, now: datetime, retry_at: datetime | None) -> None:
        with self._database.writing() as connection:
            work = _require_in_hand(connection, share_id, owner)
            if work.is_done or work_rows.has_transcript(connection, work):
                _keep_done(connection, work, failure, now=now)
            elif retry_at is None:
                _park(connection, work, failure, now=now)
            else:
                move(
                    connection,
                    work,
                    now=now,
                    state=WorkState.WAITING,
                    next_attempt_at=retry_at,
                    **_failure_columns(work, failure),
                )
                set_status(connection, work, ShareStatus.PENDING, now=now)
            _free(connection, work, owner)

    @override
    def postpone(
        self,
        share_id: str,
        *,
        reason: str,
        owner: str,
        now: datetime,
        until: datetime,
        held_for: str | None = None,
        alone: bool = False,
    ) -> None:
        with self._database.writing() as connection:
            work = _require_in_hand(connection, share_id, owner)
            if work.is_done:
                move(connection, work, now=now, state=WorkState.DONE, owner=None)
            else:
                move(
                    connection,
                    work,
                    now=now,
                    state=WorkState.WAITING,
                    attempts=max(0, work.attempts - 1),
                    runs_alone=work.runs_alone or alone,
                    last_owner=None,
                    next_attempt_at=until,
                    held_for=held_for,
                    **_postponed_columns(reason),
                )
                set_status(connection, work, ShareStatus.PENDING, now=now)
            _free(connection, work, owner)

    @override
    def finish(
        self, share_id: str, *, media_url: str, owner: str, now: datetime, outcome: Outcome = Outcome.DONE
    ) -> None:
        """Record success. If the catalog has a newer location of the video, that replaces `media_url`."""
        if outcome not in ENDS_WELL:
            raise ValueError(f"expected a good end, {' or '.join(sorted(ENDS_WELL))}, found {outcome}; use `fail`")
        with self._database.writing() as connection:
            work = _require_in_hand(connection, share_id, owner)
            move(
                connection,
                work,
                now=now,
                state=WorkState.DONE,
                owner=None,
                runs_alone=False,
                outcome=outcome,
                reason=None,
                failed_by=None,
                finished_at=now,
            )
            # The caller may have read the media before it was moved or expired, and begun the share afterwards.
            url = work_rows.current_url(connection, work.media_id, default=media_url)
            columns = work_rows.video_columns(connection, work)
            set_status(connection, work, ShareStatus.DONE, now=now, media_url=url, **columns)
            _free(connection, work, owner)

    @override
    def release(self, owner: str, *, now: datetime) -> None:
        with self._database.writing() as connection:
            media_ids = leases.lock_all_of(connection, owner)
            for work in work_rows.lock_all(connection, work_rows.shares_of_run(connection, owner)):
                if work.owner != owner:
                    continue
                # A finished share whose bytes were lost and fetched again is not finished before they are stored.
                if work.is_done and not work_rows.is_staged(connection, work):
                    move(connection, work, now=now, state=WorkState.DONE, owner=None)
                else:
                    move(connection, work, now=now, state=WorkState.WAITING, owner=None, next_attempt_at=now)
                    set_status(connection, work, ShareStatus.PENDING, now=now)
            leases.free(connection, media_ids, owner)

    @override
    def failure_in(self, share_id: str, owner: str) -> Failure | None:
        statement = select(share_work.c.outcome, share_work.c.reason).where(
            self._is_share(share_id), share_work.c.failed_by == owner
        )
        with self._database.reading() as connection:
            row = connection.execute(statement).first()
        return Failure(outcome=Outcome(row.outcome), reason=row.reason) if row else None

    @override
    def retry(self, share_ids: Sequence[str], *, now: datetime, is_lost: bool = False) -> Sequence[str]:
        with self._database.writing() as connection:
            changed = {
                work.share_id: replace(work_rows.reset_attempts(work), finished_at=None)
                for work in work_rows.lock_all(connection, share_ids)
                if work.state in _RETRIABLE or (work.is_done and _is_to_be_fetched(connection, work, is_lost=is_lost))
            }
            for work in changed.values():
                move(connection, work, now=now, state=WorkState.WAITING, next_attempt_at=now)
                set_status(connection, work, ShareStatus.PENDING, now=now)
        return [share_id for share_id in share_ids if share_id in changed]

    @override
    def adopt(self, share_id: str, media_id: str, *, media_url: str, now: datetime) -> bool:
        with self._database.writing() as connection:
            work = work_rows.lock(connection, share_id)
            if work is None or work.state is not None or work.status != ShareStatus.DONE:
                return False
            outcome = Outcome.NO_SPEECH if work_rows.has_empty_transcript(connection, work) else Outcome.DONE
            move(connection, work, now=now, state=WorkState.DONE, media_id=media_id, outcome=outcome)
            set_status(connection, work, ShareStatus.DONE, now=now, media_url=media_url)
            return True

    @override
    def failed_share_ids(self) -> Sequence[str]:
        statement = (
            select(share_work.c.share_id)
            .outerjoin(shares, shares.c.id == share_work.c.share_id)
            .where(share_work.c.state == WorkState.PARKED)
            .order_by(shares.c.created_at, share_work.c.share_id)
        )
        with self._database.reading() as connection:
            return [id_text(key) for key in connection.execute(statement).scalars()]

    @override
    def parked_since(self, moment: datetime, *, limit: int) -> Sequence[ParkedShare]:
        statement = (
            select(share_work.c.share_id, share_work.c.outcome, share_work.c.reason, share_work.c.finished_at)
            .where(IS_PARKED, share_work.c.finished_at >= moment)
            .order_by(share_work.c.finished_at.desc(), share_work.c.share_id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [ParkedShare(id_text(key), *rest) for key, *rest in connection.execute(statement)]

    @override
    def progress(self, share_id: str) -> ShareProgress:
        with self._database.reading() as connection:
            row = connection.execute(select(*_PROGRESS).where(self._is_share(share_id))).first()
        return ShareProgress(*row) if row else _UNCLAIMED

    @override
    def progress_of(self, share_ids: Sequence[str]) -> Sequence[ShareProgress]:
        found: dict[str, ShareProgress] = {}
        with self._database.reading() as connection:
            # Only a malformed row has another id than a UUID.
            for some in in_groups(share_id for share_id in share_ids if is_uuid(share_id)):
                statement = select(share_work.c.share_id, *_PROGRESS).where(share_work.c.share_id.in_(some))
                for share_id, *values in connection.execute(statement):
                    found[share_id] = ShareProgress(*values)
        return [
            found.get(share_id, _UNCLAIMED) if is_uuid(share_id) else self.progress(share_id) for share_id in share_ids
        ]

    def _is_share(self, share_id: str) -> ColumnElement[bool]:
        return has_id(share_work.c.share_id, share_id, is_sqlite=self._database.is_sqlite)


_IN_PROGRESS = (WorkState.CLAIMED, WorkState.RUNNING)
_RETRIABLE = (WorkState.PARKED, WorkState.WAITING)
_PROGRESS = [share_work.c[field.name] for field in fields(ShareProgress)]
_UNCLAIMED = ShareProgress(0, None, None, None, None, None)


def _is_due(connection: Connection, work: Work, media_id: str, now: datetime) -> bool:
    """Whether a share is due, given that the lease on `media_id` has just been taken for it."""
    if work.state is WorkState.WAITING:
        return work.next_attempt_at is not None and work.next_attempt_at <= now
    if work.state in _IN_PROGRESS:
        return work.media_id in (None, media_id) or not leases.is_live_now(connection, work.media_id, now)
    return work.is_new


def _is_to_be_fetched(connection: Connection, work: Work, *, is_lost: bool) -> bool:
    """Whether a done share's media has to be fetched again: it has expired, or it is lost and no run has the share."""
    return (is_lost and work.owner is None) or work_rows.is_media_expired(connection, work)


def _require_in_hand(connection: Connection, share_id: str, owner: str) -> Work:
    """Lock a share that `owner` has begun, and its lease. Raises `LeaseLostError` if it has lost either."""
    media_id = work_rows.media_id_of(connection, share_id)
    if media_id is not None:
        leases.require(connection, media_id, owner)
    work = work_rows.lock(connection, share_id)
    if work is None or work.owner != owner or work.media_id != media_id:
        found = "no such share" if work is None else f"{work.owner or 'no run'} has it"
        raise LeaseLostError(
            f"expected run {owner} to have share {share_id} in hand, found that {found}; record nothing more about it"
        )
    return work


def _free(connection: Connection, work: Work, owner: str) -> None:
    # A run may have two shares of one video. The lease is freed with the last of them.
    if work.media_id is not None and not work_rows.has_sibling_in_hand(connection, work, owner):
        leases.free(connection, [work.media_id], owner)


def _failure_columns(work: Work, failure: Failure) -> dict[str, str | None]:
    return {"outcome": failure.outcome, "reason": failure.reason, "failed_by": work.owner, "owner": None}


def _postponed_columns(reason: str) -> dict[str, str | None]:
    return {"outcome": Outcome.POSTPONED, "reason": reason, "failed_by": None, "owner": None}


def _park(connection: Connection, work: Work, failure: Failure, *, now: datetime) -> None:
    move(connection, work, now=now, state=WorkState.PARKED, finished_at=now, **_failure_columns(work, failure))
    set_status(connection, work, ShareStatus.ERROR, now=now)


def _keep_done(connection: Connection, work: Work, failure: Failure, *, now: datetime) -> None:
    move(
        connection,
        work,
        now=now,
        state=WorkState.DONE,
        finished_at=work.finished_at or now,
        **_failure_columns(work, failure),
    )
    # A run may have died after the transcript and before `finish`, which would have recorded where the video is.
    url = func.coalesce(shares.c.media_url, work_rows.stored_url(connection, work.media_id))
    set_status(connection, work, ShareStatus.DONE, now=now, media_url=url)
