"""The gate: whether the figures of the present stage let the rollout go on, keep it where it is, or send it back.

These are pure rules over figures. What follows from a verdict is decided in `operations/rollout`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bookmarkai_assets.core.media.placement import BUCKET_COUNT, StorageMode
from bookmarkai_assets.core.rollout.gate_figures import (
    VERIFY,
    GateFigures,
    GateLimits,
    RuleName,
    RuleResult,
    RuleStatus,
    format_length,
    window_of_losses,
    window_to_judge,
)
from bookmarkai_assets.core.rollout.policy import STAGED_MODE, StageObstacle, list_obstacles
from bookmarkai_assets.core.rollout.stages import NOTHING, RolloutPlan, RolloutState

__all__ = [
    "GateFigures",
    "GateLimits",
    "Judgement",
    "RuleName",
    "RuleResult",
    "RuleStatus",
    "Verdict",
    "judge",
    "window_of_losses",
    "window_to_judge",
]


class Verdict(StrEnum):
    """What the gate concludes: go on, stay or go back."""

    PROMOTE = "promote"
    HOLD = "hold"
    ABORT = "abort"


@dataclass(frozen=True)
class Judgement:
    """The gate's answer: a verdict, the result of each rule, and the figures behind them.

    `missing` says what stands against a promotion; it is empty when nothing does.
    """

    verdict: Verdict
    rules: Sequence[RuleResult]
    missing: Sequence[str]
    figures: GateFigures

    @property
    def failing(self) -> Sequence[RuleName]:
        """The rules that fail."""
        return tuple(result.rule for result in self.rules if result.status is RuleStatus.FAIL)

    @property
    def by_rule(self) -> Mapping[RuleName, RuleResult]:
        """The results by rule."""
        return {result.rule: result for result in self.rules}


def judge(
    figures: GateFigures,
    limits: GateLimits,
    state: RolloutState,
    plan: RolloutPlan,
    *,
    now: datetime,
    mode: StorageMode = STAGED_MODE,
) -> Judgement:
    """Judge the present stage. `mode` is `STORAGE_MODE`: stages count in `hybrid` alone.

    The verdict is abort if a rule fails and there is a stage to go back from. It is promote if every rule passes, the
    least time is over and a stage follows. Otherwise it is hold.
    """
    rules = _apply_rules(figures, limits, state, now=now)
    failed = [result for result in rules if result.status is RuleStatus.FAIL]
    against = [result.detail for result in failed]
    if obstacles := list_obstacles(mode, state):
        idle = [_explain_obstacle(obstacle, state, plan, mode) for obstacle in obstacles]
        return Judgement(Verdict.HOLD, rules, (*idle, *against), figures)
    if state.is_aborted:
        against.insert(
            0,
            f"the rollout was aborted to {state.stage}: once you know why, `bookmarkai rollout promote` goes on and "
            f"`bookmarkai rollout set {_write_argument(state)}` begins the stage again",
        )
    against += [result.detail for result in rules if result.status is RuleStatus.INSUFFICIENT]
    left = plan.min_stage_time - (now - (state.since or now))
    if left > timedelta(0):
        against.append(f"{format_length(left)} more at {state.stage}, of at least {format_length(plan.min_stage_time)}")
    if not against and plan.next_after(state.stage) is None:
        against.append(_explain_end(state))
    # A projected cost follows the stage only after days: the one that aborted to this stage must not abort it too.
    if any(not (state.is_aborted and result.rule is RuleName.COST) for result in failed):
        verdict = Verdict.ABORT
    else:
        verdict = Verdict.HOLD if against else Verdict.PROMOTE
    return Judgement(verdict, rules, tuple(dict.fromkeys(against)), figures)


def _explain_obstacle(obstacle: StageObstacle, state: RolloutState, plan: RolloutPlan, mode: StorageMode) -> str:
    match obstacle:
        case StageObstacle.STORAGE_MODE:
            return f"STORAGE_MODE is {mode}: stages have no effect until it is hybrid"
        case StageObstacle.ROLLED_BACK:
            return "the rollout is rolled back and everything local: `bookmarkai rollout resume` takes it back"
        case StageObstacle.NOT_BEGUN:
            first = plan.next_after(None)
            return f"the rollout has not begun: `bookmarkai rollout promote` begins it with {first}"
        case StageObstacle.AT_ZERO:
            how = "was aborted to" if state.is_aborted else "stands at"
            return f"the rollout {how} {NOTHING}: `bookmarkai rollout promote` begins it again"


def _explain_end(state: RolloutState) -> str:
    if state.stage is not None and state.stage.percentage == BUCKET_COUNT:
        return "the rollout is complete: set STORAGE_MODE=s3"
    return f"{state.stage} is the last of ROLLOUT_STAGES: add one that is higher to go on"


def _write_argument(state: RolloutState) -> str:
    return str(state.stage).removesuffix("%")


def _apply_rules(
    figures: GateFigures, limits: GateLimits, state: RolloutState, *, now: datetime
) -> tuple[RuleResult, ...]:
    return (
        _require_this_stage(_judge_upload_failures(figures, limits), figures, state),
        _require_this_stage(_judge_mean_upload(figures, limits), figures, state),
        _require_this_stage(_judge_access_denied(figures), figures, state),
        _require_this_stage(_judge_losses(figures, limits, state, now=now), figures, state),
        _judge_cost(figures, limits),
        _require_this_stage(_judge_download_p95(figures, limits, state), figures, state),
    )


def _require_this_stage(result: RuleResult, figures: GateFigures, state: RolloutState) -> RuleResult:
    """Turn a result into insufficient if its transfers reach back before the present stage.

    That happens when somebody has decided since they were counted.
    """
    window = figures.window
    if state.since is None or window.start >= state.since or window.start == window.end:
        return result
    detail = f"figures of {state.stage} alone: these reach back to {window.start:%Y-%m-%d %H:%M}, before it began"
    return RuleResult(result.rule, RuleStatus.INSUFFICIENT, result.value, result.limit, result.sample, detail)


def _judge_upload_failures(figures: GateFigures, limits: GateLimits) -> RuleResult:
    """Judge the share of failed uploads.

    The sample counts good uploads, so that a failure never completes it. While it is short, the rule fails as soon as
    not even a sample of nothing but good ones would bring the failures within the limit.
    """
    failures, uploads, limit = figures.upload_failures, figures.uploads, limits.max_failure_percent
    good = uploads - failures
    expected = max(good, limits.min_sample)
    percent = 100 * failures / uploads if uploads else None
    if not 100 * failures <= limit * (failures + expected):
        even = f", too many even with {expected - good} more good ones" if expected > good else ""
        status, detail = RuleStatus.FAIL, f"{failures} of {uploads} uploads failed, {percent:.3g}%{even}; "
        detail += f"at most {limit:g}% may"
    elif good < limits.min_sample:
        status, detail = RuleStatus.INSUFFICIENT, _describe_shortfall(good, limits.min_sample, "good uploads to S3")
    else:
        status, detail = RuleStatus.PASS, f"{failures} of {uploads} uploads failed; at most {limit:g}% may"
    return RuleResult(RuleName.UPLOAD_FAILURES, status, percent, limit, uploads, detail)


def _judge_mean_upload(figures: GateFigures, limits: GateLimits) -> RuleResult:
    good = figures.uploads - figures.upload_failures
    mean, limit = figures.mean_upload_seconds, limits.max_mean_upload_seconds
    if good < limits.min_sample or mean is None:
        status, detail = RuleStatus.INSUFFICIENT, _describe_shortfall(good, limits.min_sample, "good uploads to S3")
    else:
        status = _compare(mean, limit)
        detail = f"an upload takes {mean:.1f} s on average; at most {limit:g} s are allowed"
    return RuleResult(RuleName.MEAN_UPLOAD, status, mean, limit, good, detail)


def _judge_access_denied(figures: GateFigures) -> RuleResult:
    """Judge refused requests: one is enough, because a permission is missing for the others too."""
    denied = figures.access_denied
    return RuleResult(
        RuleName.ACCESS_DENIED,
        _compare(denied, 0),
        denied,
        0,
        figures.uploads + figures.downloads,
        f"S3 denied access {denied} times; `bookmarkai storage check` names the permission"
        if denied
        else "S3 denied no access",
    )


def _judge_losses(figures: GateFigures, limits: GateLimits, state: RolloutState, *, now: datetime) -> RuleResult:
    """Judge the last verification of this stage, and the reads since.

    A verification from before the stage says nothing about it. A loss stays a failure, however long ago it was found.
    """
    last, losses = figures.verification, figures.losses_since_verification
    found = last.missing + last.different if last else 0
    sample = sum(last.counts.values()) if last else 0
    value = None if last is None and not losses else found + losses

    def result(status: RuleStatus, detail: str) -> RuleResult:
        return RuleResult(RuleName.NOTHING_LOST, status, value, 0, sample, detail)

    if losses:
        return result(RuleStatus.FAIL, f"{losses} reads from S3 found nothing or other bytes; `{VERIFY}` names them")
    if last is None:
        return result(RuleStatus.INSUFFICIENT, f"a first verification: `{VERIFY}`")
    at = f"the last verification, of {last.verified_at:%Y-%m-%d %H:%M},"
    if state.since is not None and last.verified_at < state.since:
        return result(RuleStatus.INSUFFICIENT, f"{at} is from before {state.stage} began: `{VERIFY}`")
    if found:
        return result(RuleStatus.FAIL, f"{at} found {last.missing} missing and {last.different} different; `{VERIFY}`")
    if not last.is_good:
        return result(
            RuleStatus.INSUFFICIENT, f"{at} could not check everything: `bookmarkai storage check`, `{VERIFY}`"
        )
    if last.verified_at > now:
        return result(RuleStatus.INSUFFICIENT, f"{at} lies in the future; once the clock is right: `{VERIFY}`")
    if now - last.verified_at > limits.max_verification_age:
        longest = format_length(limits.max_verification_age)
        return result(RuleStatus.INSUFFICIENT, f"{at} is older than {longest}: `{VERIFY}`")
    return result(RuleStatus.PASS, f"{at} found nothing missing or different")


def _judge_cost(figures: GateFigures, limits: GateLimits) -> RuleResult:
    projected, budget = figures.projected_month_usd, limits.budget_usd
    if budget is None:
        status, detail = RuleStatus.PASS, "no budget is set (ROLLOUT_BUDGET_USD)"
    elif projected is None:
        status, detail = (
            RuleStatus.INSUFFICIENT,
            "a projection of the month's cost, which comes with the first transfers",
        )
    else:
        status = _compare(projected, budget)
        detail = f"the month is projected to cost {projected:.2f} USD; the budget is {budget:.2f} USD"
    return RuleResult(RuleName.COST, status, projected, budget, 0, detail)


def _judge_download_p95(figures: GateFigures, limits: GateLimits, state: RolloutState) -> RuleResult:
    """Judge how long workers wait for S3.

    The shadow stage serves the local files, so workers read nothing from S3. At every other stage transcriptions do:
    no downloads at all means that none has succeeded yet.
    """
    p95, limit, downloads = figures.download_p95_seconds, limits.max_download_p95_seconds, figures.downloads
    if downloads >= limits.min_sample and p95 is not None:
        status = _compare(p95, limit)
        detail = f"95% of downloads take at most {p95:.1f} s; {limit:g} s are allowed"
    elif state.stage is not None and state.stage.is_shadow:
        status, detail = RuleStatus.PASS, "the shadow stage serves local: workers download nothing from S3"
    else:
        status, detail = (
            RuleStatus.INSUFFICIENT,
            _describe_shortfall(downloads, limits.min_sample, "downloads from S3 by workers"),
        )
    return RuleResult(RuleName.DOWNLOAD_P95, status, p95, limit, downloads, detail)


def _compare(value: float, limit: float) -> RuleStatus:
    return RuleStatus.PASS if value <= limit else RuleStatus.FAIL


def _describe_shortfall(have: int, wanted: int, what: str) -> str:
    return f"{wanted - have} more {what} ({have} of {wanted})"
