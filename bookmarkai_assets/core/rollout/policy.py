"""Which storage policy is in force and why: the only place that weighs the settings against the rollout's decisions.

The order of precedence is ADR 13's. `operations.rollout.current_policy` reads the decision that goes in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from enum import StrEnum

from bookmarkai_assets.core.media.placement import StorageMode, StoragePolicy
from bookmarkai_assets.core.rollout.stages import NOTHING, Decision, RolloutState

STAGED_MODE = StorageMode.HYBRID
"""The `STORAGE_MODE` in which the rollout's stages count."""


CONFIGURED = "configured"
"""The entry of a decision's evidence with the storage settings of its time."""


class PolicySource(StrEnum):
    """What the policy in force comes from, the highest precedence first."""

    SETTINGS_LOCAL = "settings_local"
    """`STORAGE_MODE=local`: everything local, whatever is on record."""
    ROLLBACK = "rollback"
    """A rollback on record: everything local, also under `STORAGE_MODE=s3`."""
    SETTINGS_S3 = "settings_s3"
    """`STORAGE_MODE=s3`: everything to S3, whatever the stage."""
    STAGE = "stage"
    """The stage on record, in `hybrid`: one that was promoted to, set, aborted to or resumed."""
    SETTINGS_PERCENTAGE = "settings_percentage"
    """`S3_SPLIT_PERCENTAGE`, in `hybrid` while no stage is on record."""


@dataclass(frozen=True)
class EffectivePolicy:
    """The policy that the next placement follows, what it comes from, and `why` in words for an operator."""

    policy: StoragePolicy
    source: PolicySource
    why: str


def resolve_policy(configured: StoragePolicy, standing: Decision | None) -> EffectivePolicy:
    """Return the policy in force under these settings while `standing` is the newest decision that is not advice."""
    if configured.mode is StorageMode.LOCAL:
        return EffectivePolicy(
            configured,
            PolicySource.SETTINGS_LOCAL,
            "STORAGE_MODE=local in the settings: everything local, whatever the rollout says",
        )
    if standing is not None and standing.is_rolled_back:
        return EffectivePolicy(
            StoragePolicy(StorageMode.LOCAL, configured.s3_percentage, decision_id=standing.decision_id),
            PolicySource.ROLLBACK,
            f"rolled back (decision {standing.decision_id}): everything local, whatever the stage and STORAGE_MODE",
        )
    if configured.mode is StorageMode.S3:
        return EffectivePolicy(
            configured,
            PolicySource.SETTINGS_S3,
            "STORAGE_MODE=s3 in the settings: everything to S3, whatever the stage; only a rollback counts more",
        )
    if standing is None or standing.stage is None:
        return EffectivePolicy(
            configured,
            PolicySource.SETTINGS_PERCENTAGE,
            f"S3_SPLIT_PERCENTAGE={configured.s3_percentage} in the settings: the rollout has no stage yet",
        )
    return EffectivePolicy(
        replace(
            configured,
            s3_percentage=standing.stage.percentage,
            is_shadow=standing.stage.is_shadow,
            decision_id=standing.decision_id,
        ),
        PolicySource.STAGE,
        f"STORAGE_MODE=hybrid in the settings, and the rollout's stage {standing.stage} (decision "
        f"{standing.decision_id}: {standing.action} by {standing.who}, "
        f"{standing.decided_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC)",
    )


def is_open_to_decisions(configured: StoragePolicy) -> bool:
    """Whether a decision can change this policy. `STORAGE_MODE=local` must work without reading the catalog."""
    return configured.mode is not StorageMode.LOCAL


class StageObstacle(StrEnum):
    """What keeps the stage on record from sending new media to S3."""

    STORAGE_MODE = "storage_mode"
    """Stages count in `STORAGE_MODE=hybrid` alone."""
    ROLLED_BACK = "rolled_back"
    NOT_BEGUN = "not_begun"
    """No stage is on record."""
    AT_ZERO = "at_zero"
    """The stage on record is 0% without a shadow."""


def list_obstacles(mode: StorageMode, state: RolloutState) -> Sequence[StageObstacle]:
    """Return everything that has to change before a stage counts, not only what takes precedence.

    Empty while a stage counts.
    """
    obstacles = []
    if mode is not STAGED_MODE:
        obstacles.append(StageObstacle.STORAGE_MODE)
    if state.is_rolled_back:
        obstacles.append(StageObstacle.ROLLED_BACK)
    if state.stage is None:
        obstacles.append(StageObstacle.NOT_BEGUN)
    elif state.stage == NOTHING:
        obstacles.append(StageObstacle.AT_ZERO)
    return tuple(obstacles)


def settings_of(decision: Decision, *, otherwise: StoragePolicy) -> StoragePolicy:
    """Return the storage settings that a decision has recorded, else `otherwise`."""
    recorded = decision.evidence.get(CONFIGURED)
    if recorded is None:
        return otherwise
    return StoragePolicy(StorageMode(recorded["storage_mode"]), recorded["s3_split_percentage"])
