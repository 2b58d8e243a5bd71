"""A rollout's past, as tests of the command line write it into the catalog."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.rollout.ports import RecordedVerification
from bookmarkai_assets.core.rollout.stages import Action, Decision, Stage
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.plugins.command_line import BookmarkAI
from tests.support.storage_events import transfer

HYBRID = {"STORAGE_MODE": "hybrid", "S3_MEDIA_BUCKET": "media", "AWS_REGION": "eu-west-1"}
"""Settings under which stages count."""

SAMPLE = 50
"""The sample that the gate requires by default."""


def rules() -> PipelineRules:
    """Return the rules of a worker with the command's settings."""
    return make_rules(load_settings(env_file=None))


def ago(**length: float) -> datetime:
    """Return a time in the past."""
    return datetime.now(UTC) - timedelta(**length)


def decide(
    catalog: OpenCatalog,
    stage: int | None,
    *,
    action: Action = Action.PROMOTE,
    days_ago: float = 8,
    is_rolled_back: bool = False,
    decided_by: str = "operator",
    actor: str = "ana",
    reason: str = "it was time",
) -> Decision:
    """Record a decision of the past."""
    newest = next(iter(catalog.rollout.history(limit=1)), None)
    return catalog.rollout.append(
        Decision(
            action=action,
            stage=None if stage is None else Stage(stage),
            is_rolled_back=is_rolled_back,
            decided_at=ago(days=days_ago),
            decided_by=decided_by,
            actor=actor,
            reason=reason,
            previous_id=newest.decision_id if newest else None,
        )
    )


def transfers(catalog: OpenCatalog, *, good: int = SAMPLE, errors: Sequence[str] = (), downloads: int = SAMPLE) -> None:
    """Record uploads to S3 and downloads by workers, an hour ago."""
    for _ in range(good):
        catalog.events.record(transfer(ago(hours=1), seconds=2.0))
    for error in errors:
        catalog.events.record(transfer(ago(hours=1), error=error))
    for _ in range(downloads):
        catalog.events.record(transfer(ago(hours=1), "get", "s3", "transcribe", kind="audio", seconds=0.5))


def add_verification(catalog: OpenCatalog, *, missing: int = 0) -> None:
    """Record a verification, half an hour old."""
    catalog.rollout.record_verification(
        RecordedVerification(
            verified_at=ago(minutes=30),
            is_deep=False,
            is_good=not missing,
            missing=missing,
            different=0,
            unverified=0,
            counts={"same": 120, "missing": missing},
        )
    )


def status(bookmarkai: BookmarkAI) -> dict[str, Any]:
    """Return the status as a program reads it."""
    ended = bookmarkai("rollout", "status", "--json")
    assert ended.code == 0
    found: dict[str, Any] = ended.json
    return found
