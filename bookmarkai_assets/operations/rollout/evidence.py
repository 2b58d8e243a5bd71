"""The evidence that a decision about the rollout is recorded with: everything it was based on, as one JSON object."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bookmarkai_assets.core.media.placement import StoragePolicy
from bookmarkai_assets.core.rollout.forecast import StageForecast, to_json
from bookmarkai_assets.core.rollout.gate import GateFigures, GateLimits, Judgement, Verdict, judge
from bookmarkai_assets.core.rollout.policy import CONFIGURED
from bookmarkai_assets.core.rollout.ports import RecordedVerification
from bookmarkai_assets.core.rollout.stages import Action, Decision, RolloutPlan, RolloutState, Stage
from bookmarkai_assets.core.rules import PipelineRules

FORECAST = "forecast"
"""Where the evidence has the forecast of the stage that a decision leaves."""

_FAILING = "failing"


def judge_stage(rules: PipelineRules, figures: GateFigures, state: RolloutState, *, now: datetime) -> Judgement:
    """Return the gate's judgement of the present stage, by the limits and the mode of the settings."""
    return judge(figures, rules.gate, state, rules.rollout, now=now, mode=rules.storage.mode)


def collect_evidence(
    rules: PipelineRules,
    state: RolloutState,
    stage: Stage | None,
    judgement: Judgement | None,
    forecasts: Sequence[StageForecast] = (),
) -> dict[str, Any]:
    """Return the evidence of a decision taken in `state`, as JSON values: times in ISO 8601, lengths in seconds.

    Of the forecasts only that of `stage`, which the decision leaves, is kept. Without a judgement, as when somebody
    rolls back while the figures cannot be had, there are the settings alone.
    """
    evidence: dict[str, Any] = {
        "state": _state(state),
        "plan": _plan(rules.rollout),
        "limits": _limits(rules.gate),
        CONFIGURED: _configured(rules.storage),
    }
    if judgement is not None:
        window = judgement.figures.window
        evidence |= {
            "window": {"start": window.start.isoformat(), "end": window.end.isoformat()},
            "figures": _figures(judgement.figures),
            "rules": [asdict(result) for result in judgement.rules],
            _FAILING: sorted(judgement.failing),
            "missing": list(judgement.missing),
        }
    expected = next((forecast for forecast in forecasts if forecast.stage == stage), None)
    return evidence if expected is None else {**evidence, FORECAST: to_json(expected)}


def is_news(judgement: Judgement, last: Decision | None) -> bool:
    """Whether the verdict, or the set of failing rules, differs from the last advice on the present state.

    After any other decision, and before the first one, a gate that holds with no rule failing is no news.
    """
    known: tuple[str | None, object] = (Verdict.HOLD, [])
    if last is not None and last.action is Action.ADVISE:
        known = (last.verdict, last.evidence.get(_FAILING))
    return known != (judgement.verdict, sorted(judgement.failing))


def _state(state: RolloutState) -> dict[str, Any]:
    return {
        "stage": None if state.stage is None else str(state.stage),
        "is_rolled_back": state.is_rolled_back,
        "is_aborted": state.is_aborted,
        "since": state.since.isoformat() if state.since else None,
        "decision_id": state.decision_id,
    }


def _plan(plan: RolloutPlan) -> dict[str, Any]:
    return {
        "stages": [str(stage) for stage in plan.stages],
        "min_stage_seconds": plan.min_stage_time.total_seconds(),
        "control": plan.control.value,
        "abort_to": plan.abort_to.value,
    }


def _limits(limits: GateLimits) -> dict[str, Any]:
    return {
        "window_seconds": limits.window.total_seconds(),
        "min_sample": limits.min_sample,
        "max_failure_percent": limits.max_failure_percent,
        "max_mean_upload_seconds": limits.max_mean_upload_seconds,
        "max_download_p95_seconds": limits.max_download_p95_seconds,
        "budget_usd": limits.budget_usd,
        "max_verification_age_seconds": limits.max_verification_age.total_seconds(),
    }


def _configured(policy: StoragePolicy) -> dict[str, Any]:
    return {"storage_mode": policy.mode.value, "s3_split_percentage": policy.s3_percentage}


def _figures(figures: GateFigures) -> dict[str, Any]:
    return {
        "uploads": figures.uploads,
        "upload_failures": figures.upload_failures,
        "mean_upload_seconds": figures.mean_upload_seconds,
        "access_denied": figures.access_denied,
        "verification": _verification(figures.verification),
        "losses_since_verification": figures.losses_since_verification,
        "projected_month_usd": figures.projected_month_usd,
        "downloads": figures.downloads,
        "download_p95_seconds": figures.download_p95_seconds,
    }


def _verification(verification: RecordedVerification | None) -> dict[str, Any] | None:
    if verification is None:
        return None
    return {
        **{name: getattr(verification, name) for name in ("is_deep", "is_good", "missing", "different", "unverified")},
        "verified_at": verification.verified_at.isoformat(),
        "counts": dict(verification.counts),
    }
