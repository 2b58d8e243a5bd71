"""What the rollout's page shows: the figures of `rollout_metrics`, the gate's rules, the charts and the decisions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from bookmarkai_assets.core.rollout.charts import (
    Chart,
    decisions_chart,
    failures_chart,
    latency_chart,
    split_chart,
)
from bookmarkai_assets.core.rollout.gate import RuleResult, RuleStatus, Verdict
from bookmarkai_assets.core.rollout.metrics import DayMetrics, Latency, WindowMetrics
from bookmarkai_assets.core.rollout.stages import Decision, RolloutState
from bookmarkai_assets.core.text import format_size
from bookmarkai_assets.door.pages.views.common import REASON_CHARACTERS, Fact, Target, Words, prose, shown
from bookmarkai_assets.door.pages.views.library import in_words
from bookmarkai_assets.operations.overview.rollout_status import RolloutStatus

_DASH = "–"  # noqa: RUF001 - shown where nothing was measured
_RULE_TONES = {RuleStatus.PASS: "good", RuleStatus.INSUFFICIENT: "warn", RuleStatus.FAIL: "bad"}
_VERDICT_TONES = {Verdict.PROMOTE: "good", Verdict.HOLD: "warn", Verdict.ABORT: "bad"}


@dataclass(frozen=True)
class Drawing:
    """A chart. `svg` is markup that was drawn here, from numbers alone."""

    title: str
    svg: Markup


@dataclass(frozen=True)
class Rule:
    """One rule of the gate."""

    name: str
    status: str
    tone: str
    value: str
    limit: str
    sample: str
    detail: Sequence[Words]


@dataclass(frozen=True)
class FigureRow:
    """One figure over all windows."""

    name: str
    cells: Sequence[str]


@dataclass(frozen=True)
class DecisionRow:
    """One decision."""

    at: datetime
    action: str
    stage: str
    verdict: str
    who: str
    reason: str


@dataclass(frozen=True)
class RolloutView:
    """The rollout's page."""

    effect: str
    why: str
    next_step: Sequence[Words]
    command: str | None
    figures: Sequence[Fact]
    charts: Sequence[Drawing]
    verdict: str
    verdict_tone: str
    missing: Sequence[Sequence[Words]]
    rules: Sequence[Rule]
    windows: Sequence[str]
    table: Sequence[FigureRow]
    decisions: Sequence[DecisionRow]


def rollout_view(metrics: DayMetrics, status: RolloutStatus, decisions: Sequence[Decision]) -> RolloutView:
    """Return the page. `decisions` are the newest ones, oldest first."""
    effective, judgement, step = status.effective, status.judgement, status.next_step
    effect = effective.policy.effect
    return RolloutView(
        effect=f"{effect[:1].upper()}{effect[1:]}.",
        why=shown(f"{effective.why}.", REASON_CHARACTERS),
        next_step=prose(step.why),
        command=step.command,
        figures=_figures(metrics, status.state),
        charts=_drawings(metrics, decisions),
        verdict=judgement.verdict.value,
        verdict_tone=_VERDICT_TONES[judgement.verdict],
        missing=[prose(reason) for reason in judgement.missing],
        rules=[_rule(result) for result in judgement.rules],
        windows=list(metrics.windows),
        table=[
            FigureRow(name, [form(window) for window in metrics.windows.values()]) for name, form in _FIGURES.items()
        ],
        decisions=[_decision(one) for one in reversed(decisions)],
    )


def _figures(metrics: DayMetrics, state: RolloutState) -> list[Fact]:
    day, cost = metrics.windows["24h"], metrics.month_cost
    stored = {backend.value: found.media for backend, found in (metrics.inventory or {}).items()}
    values = {
        "Stage": "not begun" if state.stage is None else f"{state.stage}{' (rolled back)' * state.is_rolled_back}",
        "Target": f"{metrics.target_percentage}%",
        "S3 took, 24 h": _percent(day.s3_upload_rate),
        "Failed, 24 h": _percent(day.error_rate),
        "Upload p95, 24 h": _seconds(day.upload.p95),
        "Stored in S3": f"{stored.get('s3', 0):,}",
        "Stored locally": f"{stored.get('local', 0):,}",
        "Cost, this month": _usd(cost.to_date.total),
        "Cost, projected": _usd(cost.projected.total),
    }
    return [Fact(name, Target(value)) for name, value in values.items()]


def _drawings(metrics: DayMetrics, decisions: Sequence[Decision]) -> list[Drawing]:
    steps = metrics.steps
    charts: tuple[Chart | None, ...] = (
        split_chart(steps, metrics.targets),
        latency_chart(steps),
        failures_chart(steps),
        decisions_chart(steps, decisions),
    )
    # The charts have no text but numbers, times and our own words.
    return [Drawing(chart.title, Markup(chart.svg)) for chart in charts if chart]  # noqa: S704


def _rule(result: RuleResult) -> Rule:
    unit = result.rule.unit
    return Rule(
        name=in_words(result.rule),
        status=result.status.value,
        tone=_RULE_TONES[result.status],
        value=_DASH if result.value is None else f"{result.value:.4g}{unit}",
        limit=_DASH if result.limit is None else f"{result.limit:g}{unit}",
        sample=f"{result.sample:,}",
        detail=prose(result.detail),
    )


def _decision(decision: Decision) -> DecisionRow:
    stage = "" if decision.stage is None else f"{decision.stage}{' (off)' * decision.is_rolled_back}"
    return DecisionRow(
        at=decision.decided_at,
        action=decision.action.value,
        stage=stage,
        verdict=shown(decision.verdict, 20) or _DASH,
        who=shown(decision.who, 80),
        reason=shown(decision.reason, REASON_CHARACTERS),
    )


def _percent(value: float | None) -> str:
    return _DASH if value is None else f"{value:.1f}%"


def _seconds(value: float | None) -> str:
    return _DASH if value is None else f"{value:.2f} s"


def _usd(value: float) -> str:
    """Return an amount to the cent, and below one dollar to a hundredth of a cent."""
    return f"${value:,.2f}" if value >= 1 or not value else f"${value:.4f}"


def _latencies(name: str, of: Callable[[WindowMetrics], Latency]) -> dict[str, Callable[[WindowMetrics], str]]:
    return {
        f"{name}, mean": lambda window: _seconds(of(window).mean),
        f"{name}, p50": lambda window: _seconds(of(window).p50),
        f"{name}, p95": lambda window: _seconds(of(window).p95),
        f"{name}, p99": lambda window: _seconds(of(window).p99),
    }


_FIGURES: dict[str, Callable[[WindowMetrics], str]] = {
    "S3's share of new media": lambda window: _percent(window.s3_upload_rate),
    "New media in S3": lambda window: f"{window.s3_storage:,}",
    "New media in the local directory": lambda window: f"{window.local_storage:,}",
    "Uploads to S3": lambda window: f"{window.s3_uploads:,}",
    "Of these failed": lambda window: f"{window.s3_upload_errors:,}",
    **_latencies("Upload to S3", lambda window: window.upload),
    "Downloads by workers": lambda window: f"{window.download.count:,}",
    **_latencies("Download from S3", lambda window: window.download),
    "Failed transfers to and from S3": lambda window: _percent(window.error_rate),
    "Errors": lambda window: (
        ", ".join(f"{count:,} {in_words(name)}" for name, count in window.errors_by_class.items() if count) or "none"
    ),
    "Bytes put": lambda window: format_size(sum(window.bytes_put.values())),
    "Bytes read": lambda window: format_size(sum(window.bytes_got.values())),
}
"""The figures of each window, in the order of the page, and how each is written."""
