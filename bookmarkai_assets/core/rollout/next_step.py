"""What an operator does next about the rollout: one command and the reason for it."""

from dataclasses import dataclass
from datetime import datetime

from bookmarkai_assets.core.media.placement import BUCKET_COUNT
from bookmarkai_assets.core.rollout.gate import Judgement, RuleName, RuleStatus, Verdict
from bookmarkai_assets.core.rollout.gate_figures import CAUSE_COMMANDS, CHECK_BUCKET, VERIFY
from bookmarkai_assets.core.rollout.policy import PolicySource
from bookmarkai_assets.core.rollout.stages import NOTHING, RolloutControl, RolloutPlan, RolloutState

PROMOTE = "bookmarkai rollout promote"


@dataclass(frozen=True)
class NextStep:
    """What to do and why. `command` is None where it is a setting that has to change."""

    why: str
    command: str | None = None


def next_step(
    source: PolicySource,
    plan: RolloutPlan,
    state: RolloutState,
    judgement: Judgement,
    *,
    now: datetime,
    has_bucket: bool,
) -> NextStep:
    """Return the next step while the policy in force comes from `source`.

    `has_bucket`: whether a bucket is configured.
    """
    match source:
        case PolicySource.ROLLBACK:
            return _resume(state)
        case PolicySource.SETTINGS_LOCAL if state.is_rolled_back:
            # The rollback still applies to every worker with other settings.
            return _resume(state)
        case PolicySource.SETTINGS_LOCAL if not has_bucket:
            return NextStep("set S3_MEDIA_BUCKET and AWS_REGION, then STORAGE_MODE=hybrid: no bucket is configured")
        case PolicySource.SETTINGS_LOCAL:
            return NextStep(
                "stages count in STORAGE_MODE=hybrid: test the bucket, then set that where the workers run",
                CHECK_BUCKET,
            )
        case PolicySource.SETTINGS_S3:
            return NextStep(
                "everything new goes to S3; this lists the local copies that are no longer needed",
                "bookmarkai storage cleanup --dry-run",
            )
        case PolicySource.STAGE | PolicySource.SETTINGS_PERCENTAGE:
            return _advance(plan, state, judgement, now=now)


def _resume(state: RolloutState) -> NextStep:
    to = f", to {state.stage}" if state.stage is not None else ""
    return NextStep(f"once the cause of the rollback is gone, this takes it back{to}", "bookmarkai rollout resume")


def _advance(plan: RolloutPlan, state: RolloutState, judgement: Judgement, *, now: datetime) -> NextStep:
    is_automatic = plan.control is RolloutControl.AUTOMATIC
    by_itself = "; the gate does it by itself within five minutes" if is_automatic else ""
    is_begun = state.stage is not None and state.stage != NOTHING
    following = plan.next_after(state.stage)
    if judgement.verdict is Verdict.ABORT:
        return NextStep(
            f"the gate says abort ({', '.join(judgement.failing)}){by_itself}", "bookmarkai rollout abort --reason '…'"
        )
    if judgement.failing:
        return NextStep(
            f"{judgement.failing[0]} fails: find the cause before going on", CAUSE_COMMANDS[judgement.failing[0]]
        )
    if state.is_aborted:
        return NextStep(f"once you know why it was aborted, this goes on to {following}", PROMOTE)
    if not is_begun:
        return NextStep(f"this begins the rollout with {following}", PROMOTE)
    if judgement.verdict is Verdict.PROMOTE:
        return NextStep(f"the gate agrees to go on to {following}{by_itself}", PROMOTE)
    if judgement.by_rule[RuleName.NOTHING_LOST].status is RuleStatus.INSUFFICIENT:
        return NextStep("the gate wants a verification of this stage", VERIFY)
    has_had_its_time = state.since is not None and now - state.since >= plan.min_stage_time
    has_passed = all(result.status is RuleStatus.PASS for result in judgement.rules)
    if following is not None or not (has_had_its_time and has_passed):
        return NextStep("nothing to do yet: the gate holds until nothing is missing", "bookmarkai metrics --window 24h")
    if state.stage is not None and state.stage.percentage == BUCKET_COUNT:
        return NextStep("the rollout is complete: set STORAGE_MODE=s3 where the workers run, and restart them")
    return NextStep(f"{state.stage} is the last of ROLLOUT_STAGES: add one that is higher to go on")
