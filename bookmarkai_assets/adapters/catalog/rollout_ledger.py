"""`RolloutLedger` over `rollout_decisions` and `storage_verifications`. Rows are only appended."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from sqlalchemy import Row, func, insert, select
from sqlalchemy.exc import IntegrityError
from typing_extensions import override

from bookmarkai_assets.adapters.catalog.columns import storable_document
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.tables.rollout import STANDING, storage_verifications
from bookmarkai_assets.adapters.catalog.tables.rollout import rollout_decisions as table
from bookmarkai_assets.core.errors import RolloutConflictError
from bookmarkai_assets.core.rollout.ports import RecordedVerification, RolloutLedger
from bookmarkai_assets.core.rollout.stages import Action, Decision, Stage

_NONE_BEFORE = 0
"""What the column has for the first decision. The unique constraint would not stop a second first one with null."""

_VERIFICATION_COLUMNS = [storage_verifications.c[field.name] for field in fields(RecordedVerification)]


class SqlRolloutLedger(RolloutLedger):
    """The chain of decisions. Each is followed by at most one, which a unique column ensures in every race."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def append(self, decision: Decision) -> Decision:
        expected = decision.previous_id or _NONE_BEFORE
        try:
            with self._database.writing() as connection:
                found = connection.execute(select(func.max(table.c.id))).scalar() or _NONE_BEFORE
                if found != expected:
                    raise _conflict(expected, f"{_name(found)} as the newest")
                new_id = connection.execute(insert(table).values(_values(decision)).returning(table.c.id)).scalar_one()
        except IntegrityError as error:
            raise _conflict(expected, "another that follows it and was kept at the same moment") from error
        return replace(decision, decision_id=new_id)

    @override
    def history(self, *, limit: int | None = None, with_advice: bool = True) -> Sequence[Decision]:
        statement = select(table).order_by(table.c.id.desc()).limit(limit)
        if not with_advice:
            statement = statement.where(STANDING)
        with self._database.reading() as connection:
            newest_first = connection.execute(statement).all()
        return [_decision(row) for row in reversed(newest_first)]

    @override
    def standing(self) -> Decision | None:
        statement = select(table).where(STANDING).order_by(table.c.id.desc()).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(statement).first()
        return _decision(row) if row else None

    @override
    def record_verification(self, verification: RecordedVerification) -> None:
        values = {column.name: getattr(verification, column.name) for column in _VERIFICATION_COLUMNS}
        with self._database.writing() as connection:
            connection.execute(insert(storage_verifications).values({**values, "counts": dict(verification.counts)}))

    @override
    def last_verification(self) -> RecordedVerification | None:
        newest_first = (storage_verifications.c.verified_at.desc(), storage_verifications.c.id.desc())
        statement = select(*_VERIFICATION_COLUMNS).order_by(*newest_first).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(statement).first()
        return RecordedVerification(*row) if row else None


def _values(decision: Decision) -> dict[str, Any]:
    return {
        "previous_id": decision.previous_id or _NONE_BEFORE,
        "action": decision.action,
        "stage": None if decision.stage is None else str(decision.stage),
        "is_rolled_back": decision.is_rolled_back,
        "decided_at": decision.decided_at,
        "decided_by": decision.decided_by,
        "actor": decision.actor,
        "reason": decision.reason,
        "verdict": decision.verdict,
        "evidence": storable_document(decision.evidence),
    }


def _decision(row: Row[*tuple[Any, ...]]) -> Decision:
    return Decision(
        action=Action(row.action),
        stage=None if row.stage is None else Stage.parse(row.stage),
        is_rolled_back=row.is_rolled_back,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        actor=row.actor,
        reason=row.reason,
        verdict=row.verdict,
        evidence=row.evidence,
        previous_id=None if row.previous_id == _NONE_BEFORE else row.previous_id,
        decision_id=row.id,
    )


def _conflict(expected: int, found: str) -> RolloutConflictError:
    return RolloutConflictError(
        f"expected {_name(expected)} to be the newest one about the rollout, found {found}; nothing was recorded. See "
        "what was decided (`bookmarkai rollout history`), then decide again"
    )


def _name(decision_id: int) -> str:
    return f"decision {decision_id}" if decision_id else "no decision"
