"""`bookmarkai rollout status`: the stage, the policy in force and why, the gate's judgement, and the next step."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.text import Text

from bookmarkai_assets.cli.output import clean, out, print_json, print_table
from bookmarkai_assets.cli.rollout.words import format_moment, format_or_dash, format_window
from bookmarkai_assets.core.media.placement import describe_rule
from bookmarkai_assets.core.media.transfers import describe_under_way
from bookmarkai_assets.core.rollout.gate import RuleName, RuleResult, RuleStatus, Verdict
from bookmarkai_assets.core.rollout.gate_figures import format_length
from bookmarkai_assets.core.rollout.stages import (
    AbortTarget,
    Decision,
    RolloutControl,
    RolloutPlan,
)
from bookmarkai_assets.operations.overview.rollout_status import RolloutStatus, read_status
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.rules import make_rules

_MAX_CHARACTERS = 2000
"""The longest value that is printed."""

_SAMPLES = {
    RuleName.UPLOAD_FAILURES: "uploads",
    RuleName.MEAN_UPLOAD: "good uploads",
    RuleName.ACCESS_DENIED: "transfers",
    RuleName.NOTHING_LOST: "files verified",
    RuleName.DOWNLOAD_P95: "downloads",
}
_STYLES = {RuleStatus.PASS: "green", RuleStatus.INSUFFICIENT: "yellow", RuleStatus.FAIL: "bold red"}
_VERDICT_STYLES = {Verdict.PROMOTE: "green", Verdict.HOLD: "yellow", Verdict.ABORT: "bold red"}


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
        found = read_status(catalog, rules, has_bucket=settings.has_bucket, now=datetime.now(UTC))
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found)


def _print(found: RolloutStatus) -> None:
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


def _stage(found: RolloutStatus) -> str:
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


def _placed_otherwise(found: RolloutStatus) -> str:
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
    unit = result.rule.unit
    sample = f"{result.sample:,} {_SAMPLES[result.rule]}" if result.rule in _SAMPLES else "-"
    return [
        result.rule.replace("_", " "),
        Text(result.status, style=_STYLES[result.status]),
        format_or_dash(result.value, lambda value: f"{value:.4g}{unit}"),
        format_or_dash(result.limit, lambda limit: f"{limit:g}{unit}"),
        sample,
    ]
