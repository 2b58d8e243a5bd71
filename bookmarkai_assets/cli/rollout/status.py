"""`bookmarkai rollout status`: the stage, the policy in force and why, the gate's judgement, and the next step."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.text import Text

from bookmarkai_assets.cli.output import clean, out, print_json, print_table
from bookmarkai_assets.cli.rollout.words import format_moment, format_or_dash, format_window, window_as_dict
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.placement import describe_rule
from bookmarkai_assets.core.media.ports import PlacedMedia
from bookmarkai_assets.core.media.transfers import TransferUnderWay, describe_under_way, under_way_as_dict
from bookmarkai_assets.core.rollout.gate import Judgement, RuleName, RuleResult, RuleStatus, Verdict
from bookmarkai_assets.core.rollout.gate_figures import format_length
from bookmarkai_assets.core.rollout.metrics import target_percentage
from bookmarkai_assets.core.rollout.next_step import NextStep, next_step
from bookmarkai_assets.core.rollout.policy import (
    STAGED_MODE,
    EffectivePolicy,
    list_obstacles,
    resolve_policy,
)
from bookmarkai_assets.core.rollout.stages import (
    AbortTarget,
    Action,
    Decision,
    RolloutControl,
    RolloutPlan,
    RolloutState,
    state_after,
)
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.rollout.evidence import judge_stage
from bookmarkai_assets.operations.rollout.measuring import catch_up, read_gate_figures
from bookmarkai_assets.operations.shares.store_turns import PausedStore, read_paused_stores
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.rules import make_rules

_MAX_CHARACTERS = 2000
"""The longest value that is printed."""

_UNITS = {
    RuleName.UPLOAD_FAILURES: "%",
    RuleName.MEAN_UPLOAD: " s",
    RuleName.ACCESS_DENIED: "",
    RuleName.NOTHING_LOST: "",
    RuleName.COST: " USD",
    RuleName.DOWNLOAD_P95: " s",
}
_SAMPLES = {
    RuleName.UPLOAD_FAILURES: "uploads",
    RuleName.MEAN_UPLOAD: "good uploads",
    RuleName.ACCESS_DENIED: "transfers",
    RuleName.NOTHING_LOST: "files verified",
    RuleName.DOWNLOAD_P95: "downloads",
}
_STYLES = {RuleStatus.PASS: "green", RuleStatus.INSUFFICIENT: "yellow", RuleStatus.FAIL: "bold red"}
_VERDICT_STYLES = {Verdict.PROMOTE: "green", Verdict.HOLD: "yellow", Verdict.ABORT: "bold red"}


@dataclass(frozen=True)
class _Status:
    """What the command shows. `effective` is the policy in force, `rollback` the rollback that stands, if any.

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


def status(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: times in ISO 8601, durations in seconds")
    ] = False,
) -> None:
    """Show the stage, where new media go and why, the gate's verdict about the stage, and the next step.

    It adds up the transfers so far and judges them, but decides nothing. The settings are those of this command's
    environment. A worker's may differ.

    Example: bookmarkai rollout status
    """
    settings = load_settings()
    rules = make_rules(settings)
    with open_catalog(settings) as catalog:
        found = _read_status(catalog, rules, has_bucket=settings.has_bucket, now=datetime.now(UTC))
    if as_json:
        print_json(_as_dict(found))
    else:
        _print(found)


def _read_status(catalog: Catalog, rules: PipelineRules, *, has_bucket: bool, now: datetime) -> _Status:
    catch_up(catalog)
    figures = read_gate_figures(catalog, rules, now=now)
    decided = catalog.rollout.history(with_advice=False)
    state = state_after(decided)
    rollbacks = [decision for decision in decided if decision.action is Action.ROLLBACK]
    return _Status(
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


def _as_dict(found: _Status) -> dict[str, Any]:
    state, judgement, plan = found.state, found.judgement, found.rules.rollout
    configured, rollback = found.rules.storage, found.rollback
    policy = found.effective.policy
    left = found.time_left
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
        "why": found.effective.why,
        "s3_configured": found.has_bucket,
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
        "placed": sum(one.media for one in found.placed),
        "placed_otherwise": [asdict(one) for one in found.placed_otherwise],
        "under_way": under_way_as_dict(found.under_way),
        "paused_stores": [store.as_dict() for store in found.paused],
        "next_step": asdict(found.next_step),
    }


def _print(found: _Status) -> None:
    judgement, step = found.judgement, found.next_step
    window = judgement.figures.window
    rolled_back, stage = ("rolled back", _rolled_back(found.rollback)), ("stage", _stage(found))
    rows = [
        *((rolled_back,) if found.rollback else (stage,)),
        ("new media", found.effective.policy.effect),
        ("because", found.effective.why),
        *((stage,) if found.rollback else (rolled_back,)),
        *([("placed otherwise", _placed_otherwise(found))] if found.placed_otherwise else ()),
        ("under way", describe_under_way(found.under_way)),
        *(("PAUSED", store.words) for store in found.paused),
        ("plan", _plan(found.rules.rollout)),
        ("control", _control(found.rules.rollout)),
        ("window", format_window(window) if window.length else "no whole five minutes of this stage yet"),
        ("gate", Text(judgement.verdict, style=_VERDICT_STYLES[judgement.verdict])),
        *(("missing", missing) for missing in judgement.missing),
    ]
    print_table(
        ["", ""], [(name, clean(value, _MAX_CHARACTERS) if isinstance(value, str) else value) for name, value in rows]
    )
    out.print()
    print_table(["rule", "status", "value", "limit", "sample"], [_rule(result) for result in judgement.rules])
    out.print()
    out.print(clean(f"Next: {step.why}", _MAX_CHARACTERS), soft_wrap=True)
    if step.command is not None:
        out.print(clean(f"  {step.command}"), soft_wrap=True)


def _stage(found: _Status) -> str:
    state = found.state
    if state.stage is None:
        return "not begun"
    reached = ", by an abort" if state.is_aborted else ""
    if found.rollback:
        return f"{state.stage}{reached} before the rollback; resume goes back to it"
    if state.since is None:
        return f"{state.stage}{reached}"
    lasted = format_length(max(timedelta(0), found.now - state.since))
    left = found.time_left
    rest = f", {format_length(left)} more at least" if left else ""
    return f"{state.stage} since {format_moment(state.since)}{reached}: {lasted}{rest}"


def _rolled_back(rollback: Decision | None) -> str:
    if rollback is None:
        return "no"
    return (
        f"by {rollback.who}, {format_moment(rollback.decided_at)} (decision {rollback.decision_id}): {rollback.reason}"
    )


def _placed_otherwise(found: _Status) -> str:
    count, whole = (sum(one.media for one in placed) for placed in (found.placed_otherwise, found.placed))
    policies = "; ".join(
        f"{one.media} under {describe_rule(one.mode, one.percentage, one.decision_id)}"
        for one in found.placed_otherwise
    )
    return (
        f"{count} of the {whole} media of this stage: {policies}. A worker had other settings: bookmarkai doctor names "
        "it while it runs"
    )


def _plan(plan: RolloutPlan) -> str:
    return f"{', '.join(map(str, plan.stages))}; at least {format_length(plan.min_stage_time)} in each"


def _control(plan: RolloutPlan) -> str:
    to = "0%" if plan.abort_to is AbortTarget.ZERO else "the last stage that held"
    if plan.control is RolloutControl.AUTOMATIC:
        return f"automatic: the gate promotes and aborts; an abort goes to {to}"
    return f"manual: the gate advises, a person decides; an abort goes to {to}"


def _rule(result: RuleResult) -> list[object]:
    unit = _UNITS[result.rule]
    sample = f"{result.sample:,} {_SAMPLES[result.rule]}" if result.rule in _SAMPLES else "-"
    return [
        result.rule.replace("_", " "),
        Text(result.status, style=_STYLES[result.status]),
        format_or_dash(result.value, lambda value: f"{value:.4g}{unit}"),
        format_or_dash(result.limit, lambda limit: f"{limit:g}{unit}"),
        sample,
    ]
