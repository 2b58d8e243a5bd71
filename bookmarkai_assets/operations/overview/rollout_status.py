"""Where the rollout is: its stage, the policy in force and why, the gate's judgement, and the next step."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.ports import PlacedMedia
from bookmarkai_assets.core.media.transfers import TransferUnderWay, under_way_as_dict
from bookmarkai_assets.core.rollout.gate import Judgement
from bookmarkai_assets.core.rollout.metrics import target_percentage
from bookmarkai_assets.core.rollout.next_step import NextStep, next_step
from bookmarkai_assets.core.rollout.policy import STAGED_MODE, EffectivePolicy, list_obstacles, resolve_policy
from bookmarkai_assets.core.rollout.stages import Action, Decision, RolloutState, state_after
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.rollout.evidence import judge_stage
from bookmarkai_assets.operations.rollout.json_forms import window_as_dict
from bookmarkai_assets.operations.rollout.measuring import catch_up, read_gate_figures
from bookmarkai_assets.operations.shares.store_turns import PausedStore, read_paused_stores


@dataclass(frozen=True)
class RolloutStatus:
    """Where the rollout is, and what the gate says of it.

    `effective` is the policy in force, `rollback` the rollback that stands, if any.
    `under_way` are the transfers that have not ended, `paused` the stores that fail for every share.
    """

    rules: PipelineRules
    has_bucket: bool
    now: datetime
    state: RolloutState
    effective: EffectivePolicy
    rollback: Decision | None
    judgement: Judgement
    placed: Sequence[PlacedMedia]
    under_way: Sequence[TransferUnderWay]
    paused: Sequence[PausedStore]

    @property
    def placed_otherwise(self) -> Sequence[PlacedMedia]:
        """What was placed since the stage began, and not as the stage wants it: by workers with other settings."""
        return [one for one in self.placed if one.decision_id != self.state.decision_id]

    @property
    def time_left(self) -> timedelta | None:
        """The rest of the minimum time in the stage. None before the first stage, at 0% and while rolled back."""
        # Under another STORAGE_MODE the time still runs, because the workers may have the one in which stages count.
        obstacles = list_obstacles(STAGED_MODE, self.state)
        if self.state.since is None or obstacles:
            return None
        return max(timedelta(0), self.rules.rollout.min_stage_time - (self.now - self.state.since))

    @property
    def next_step(self) -> NextStep:
        """What to do next."""
        return next_step(
            self.effective.source,
            self.rules.rollout,
            self.state,
            self.judgement,
            now=self.now,
            has_bucket=self.has_bucket,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: times in ISO 8601, durations in seconds."""
        state, judgement, plan = self.state, self.judgement, self.rules.rollout
        configured, rollback = self.rules.storage, self.rollback
        policy = self.effective.policy
        left = self.time_left
        return {
            "stage": None if state.stage is None else str(state.stage),
            "since": state.since.isoformat() if state.since else None,
            "decision_id": state.decision_id,
            "is_aborted": state.is_aborted,
            "is_rolled_back": state.is_rolled_back,
            "rolled_back": rollback
            and {
                "decision_id": rollback.decision_id,
                "at": rollback.decided_at.isoformat(),
                "by": rollback.actor,
                "reason": rollback.reason,
            },
            "storage_mode": configured.mode.value,
            "effective_mode": policy.mode.value,
            "split_percentage": target_percentage(policy),
            "is_shadow": policy.is_shadow,
            "why": self.effective.why,
            "s3_configured": self.has_bucket,
            "control": plan.control.value,
            "stages": [str(stage) for stage in plan.stages],
            "abort_to": plan.abort_to.value,
            "min_stage_seconds": plan.min_stage_time.total_seconds(),
            "min_stage_seconds_left": None if left is None else left.total_seconds(),
            "gate": {
                "verdict": judgement.verdict.value,
                "window": window_as_dict(judgement.figures.window),
                "rules": [asdict(result) for result in judgement.rules],
                "missing": list(judgement.missing),
            },
            "placed": sum(one.media for one in self.placed),
            "placed_otherwise": [asdict(one) for one in self.placed_otherwise],
            "under_way": under_way_as_dict(self.under_way),
            "paused_stores": [store.as_dict() for store in self.paused],
            "next_step": asdict(self.next_step),
        }


def read_status(catalog: Catalog, rules: PipelineRules, *, has_bucket: bool, now: datetime) -> RolloutStatus:
    """Add up the transfers so far and judge them. Nothing is decided."""
    catch_up(catalog)
    figures = read_gate_figures(catalog, rules, now=now)
    decided = catalog.rollout.history(with_advice=False)
    state = state_after(decided)
    rollbacks = [decision for decision in decided if decision.action is Action.ROLLBACK]
    return RolloutStatus(
        rules=rules,
        has_bucket=has_bucket,
        now=now,
        state=state,
        effective=resolve_policy(rules.storage, decided[-1] if decided else None),
        rollback=rollbacks[-1] if state.is_rolled_back else None,
        judgement=judge_stage(rules, figures, state, now=now),
        placed=[] if state.since is None or state.is_rolled_back else catalog.media.placed_since(state.since),
        under_way=catalog.transfers.under_way(now=now),
        paused=read_paused_stores(catalog, now=now),
    )
