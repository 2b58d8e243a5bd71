"""The metadata of the rollout's assets and checks: the keys, their meanings and their values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.rollout.gate_figures import RuleName, RuleResult
from bookmarkai_assets.core.rollout.policy import EffectivePolicy
from bookmarkai_assets.core.rollout.stages import Decision, RolloutState, Stage
from bookmarkai_assets.core.rollout.windows import Window
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.text import format_size
from bookmarkai_assets.metadata.tables import key_table, markdown_table, table

if TYPE_CHECKING:
    from bookmarkai_assets.core.media.ports import StoredMedia
    from bookmarkai_assets.core.rollout.costs import MonthCost
    from bookmarkai_assets.core.rollout.gate import Judgement
    from bookmarkai_assets.core.rollout.metrics import DayMetrics, Latency, WindowMetrics

Metadata = dict[str, dg.MetadataValue | str | int | float | bool]
"""An unknown value has no entry, because Dagster plots only numbers."""

_BACKENDS = tuple(reversed(Backend))
"""Remote ones first: they are what the rollout is about."""


def _transfer_keys(backend: Backend) -> dict[str, str]:
    files, put = ("objects", "to") if backend.is_remote else ("files", "in")
    return {
        f"{backend}_objects_put": f"{files} put {put} {backend.facts.title}",
        f"{backend}_bytes_put": f"bytes put {put} {backend.facts.title}",
        f"{backend}_bytes_got": f"bytes read from {backend.facts.title}",
    }


def _inventory_keys(backend: Backend) -> dict[str, str]:
    return {
        f"{backend}_media": f"media that are stored in {backend.facts.title} now; only in today's partition",
        f"{backend}_stored_bytes": "bytes of these media, with audio tracks",
    }


_WINDOWS_IN_WORDS = {"5m": "five minutes", "1h": "hour", "24h": "24 hours", "7d": "seven days"}

WINDOW_KEYS: dict[str, str] = {
    "total_requests": "puts to and gets from the media stores, without fetches from sites",
    "s3_uploads": "attempts to put to S3",
    "s3_upload_errors": "S3 uploads that failed",
    "success_rate": "percent of S3 uploads that succeeded",
    "s3_storage": "newly placed videos that went to S3",
    "local_storage": "newly placed videos that went to the local directory",
    "s3_upload_rate": "percent of newly placed videos that went to S3, to compare with target_percentage",
    "upload_seconds_mean": "mean time of successful puts to S3, in seconds",
    "upload_seconds_p50": "median time of successful puts to S3, in seconds",
    "upload_seconds_p95": "95th percentile of their time, in seconds",
    "upload_seconds_p99": "99th percentile of their time, in seconds",
    "downloads": "successful gets from S3 by workers",
    "download_seconds_mean": "mean time of these gets, in seconds",
    "download_seconds_p50": "median time of these gets, in seconds",
    "download_seconds_p95": "95th percentile of their time, in seconds",
    "download_seconds_p99": "99th percentile of their time, in seconds",
    "error_rate": "percent of puts to and gets from S3 that failed",
    "errors_throttled": "failures because S3 asked for fewer requests",
    "errors_access_denied": "failures because a permission or the credentials were refused",
    "errors_timeout": "failures because no answer came in time",
    "errors_not_found": "failures because an object, or the bucket, was absent",
    "errors_checksum": "failures because the bytes were different",
    "errors_other": "all other failures",
    "interrupted": "transfers that we stopped ourselves; they count nowhere else",
    **{key: meaning for backend in _BACKENDS for key, meaning in _transfer_keys(backend).items()},
}
"""`{figure: meaning}` of the rows of each window's table."""

PLOTTED = ("s3_upload_rate", "error_rate", "upload_seconds_p95", "download_seconds_p95", "total_requests")
"""The figures of the last 24 hours that are numbers of their own as well, because Dagster plots only those."""

DAY_KEYS: dict[str, str] = {
    "until": "the end of all windows: when it was measured, or the end of a past day",
    "storage_mode": "the mode in force for placements then",
    "target_percentage": "percent of new media that should have gone to S3 then",
    **{f"24h/{key}": f"{WINDOW_KEYS[key]}, in the last 24 hours" for key in PLOTTED},
    "split": "chart: S3's share of new media by the hour, and the target at each moment",
    "failed": "chart: the share of failed transfers to and from S3 by the hour",
    "latency": "chart: how long 95% of uploads to S3 and of downloads from it took at most, by the hour",
    **{name: f"table: the figures of the last {words}" for name, words in _WINDOWS_IN_WORDS.items()},
    "stored": "table: the media that are stored now, and their bytes with audio tracks; only in today's partition",
    **{key: meaning for backend in _BACKENDS for key, meaning in _inventory_keys(backend).items()},
    "cost_usd/total": "what S3 has cost in this calendar month until then, in USD",
    "projected_month_usd/total": "what the month will have cost at its end at the recent pace, in USD",
    "cost": "table: both by what they are paid for",
    "prices": "where the prices come from, and their date",
    "future_events": "events recorded by clocks that are ahead of ours; they are in no window yet",
}
"""`{key: meaning}` of the entries of a day's partition of rollout_metrics."""

STAGE_KEYS: dict[str, str] = {
    "stage": "the stage that the rollout is in",
    "percentage": "percent of new media that go to S3, by the stage and the settings",
    "verdict": "the gate's verdict: promote, hold or abort",
    "missing": "what prevents a promotion",
    "rules": "each rule of the gate: its result, what was measured and what is allowed",
    "window": "from when to when the judged transfers were made",
    "is_rolled_back": "whether everything is local, whatever the stage",
    "since": "when the stage began to count",
    "control": "ROLLOUT_CONTROL: manual gives advice, automatic acts on it",
    "storage_mode": "STORAGE_MODE: stages count in hybrid",
    "decision_id": "the decision in force, or the one just made",
    "action": "what was just decided: promote, set, abort, rollback, resume, or advise, which changes nothing",
    "decided_by": "who decided: gate or operator",
    "actor": "the run or the person",
    "reason": "why it was decided",
    "decided_at": "when it was decided",
}
"""`{key: meaning}` of rollout_stage. The last five are there only if a decision was made."""

CHECK_KEYS: dict[str, str] = {
    "value": "what was measured, in the rule's own unit",
    "limit": "what is allowed",
    "sample": "how many transfers, or media, it was measured over",
    "window": "from when to when it was measured",
}
"""`{key: meaning}` of each check on rollout_metrics."""

FIGURE_COLUMNS = {
    "figure": "the name that `bookmarkai metrics --json` has too",
    "value": "in people's units",
    "raw": "as it was measured",
}
"""The columns of a window's table, and what they mean."""

_ALWAYS_SHOWN = frozenset({"total_requests", "s3_upload_errors", "error_rate", "s3_upload_rate"})
"""The figures of a window whose 0 is news."""

_NOT_BEGUN = "not begun"


def describe_metrics(purpose: str) -> str:
    """Return the description of rollout_metrics, with every key of its partitions and every figure of its tables."""
    figures = markdown_table(["figure", "meaning"], [(f"`{key}`", meaning) for key, meaning in WINDOW_KEYS.items()])
    return f"{purpose}\n\n{key_table(DAY_KEYS)}\n\nThe figures of each window:\n\n{figures}"


def describe_stage(purpose: str) -> str:
    """Return the description of rollout_stage."""
    return f"{purpose}\n\n{key_table(STAGE_KEYS)}"


def day_metadata(metrics: "DayMetrics", rules: PipelineRules) -> Metadata:
    """Return the metadata of a day's partition of rollout_metrics."""
    from bookmarkai_assets.metadata import charts  # noqa: PLC0415 - only the rollout's own runs need it

    ends = {window.window.end for window in metrics.windows.values()}
    stored, cost = metrics.inventory or {}, metrics.month_cost
    last_day = _window_figures(metrics.windows["24h"])
    return _drop_unknown(
        {
            "until": dg.MetadataValue.timestamp(max(ends)),
            "storage_mode": metrics.policy.mode.value,
            "target_percentage": metrics.target_percentage,
            **{f"24h/{key}": last_day[key] for key in PLOTTED},
            "split": charts.split_chart(metrics.steps, metrics.targets),
            "failed": charts.failures_chart(metrics.steps),
            "latency": charts.latency_chart(metrics.steps),
            **{name: _window_table(window) for name, window in metrics.windows.items()},
            "stored": _stored_table(stored) if stored else None,
            **{f"{backend}_media": found.media for backend, found in stored.items()},
            **{f"{backend}_stored_bytes": found.size_bytes for backend, found in stored.items()},
            "cost_usd/total": cost.to_date.total,
            "projected_month_usd/total": cost.projected.total,
            "cost": _cost_table(cost),
            "prices": f"{rules.prices.source}, {rules.prices.region}, as of {rules.prices.as_of}",
            "future_events": metrics.future_events or None,
        }
    )


def stage_metadata(
    judgement: "Judgement",
    state: RolloutState,
    effective: EffectivePolicy,
    rules: PipelineRules,
    decision: Decision | None,
) -> Metadata:
    """Return the metadata of rollout_stage after an evaluation. `effective` is the policy in force."""
    decided = {} if decision is None else _decision_entries(decision)
    return _drop_unknown(
        {
            **_stage_entries(state.stage, effective),
            "verdict": judgement.verdict.value,
            "missing": _format_list(judgement.missing),
            "rules": rule_table(judgement.rules),
            "window": _format_window(judgement.figures.window),
            "is_rolled_back": state.is_rolled_back,
            "since": None if state.since is None else dg.MetadataValue.timestamp(state.since),
            **_settings_entries(rules),
            "decision_id": state.decision_id,
        }
        | decided
    )


def decision_metadata(decision: Decision, effective: EffectivePolicy, rules: PipelineRules) -> Metadata:
    """Return the metadata of a recorded decision. `effective` is the policy that follows from it."""
    evidence = decision.evidence
    window = evidence.get("window")
    return _drop_unknown(
        {
            **_stage_entries(decision.stage, effective),
            "verdict": decision.verdict,
            "missing": _format_list(evidence["missing"]) if window else None,
            "rules": rule_table(_read_results(evidence["rules"])) if window else None,
            "window": f"{window['start']} to {window['end']}" if window else None,
            "is_rolled_back": decision.is_rolled_back,
            **_settings_entries(rules),
        }
        | _decision_entries(decision)
    )


def rule_metadata(result: RuleResult, window: Window) -> Metadata:
    """Return the metadata of the check of one rule."""
    return _drop_unknown(
        {"value": result.value, "limit": result.limit, "sample": result.sample, "window": _format_window(window)}
    )


def rule_table(results: Iterable[RuleResult]) -> dg.MetadataValue:
    """Return a table with a row for each rule."""
    return table(
        {
            "rule": "the gate's rule, and the check of that name",
            "status": "pass, fail, or insufficient: too little to go by",
            "detail": "the result in words",
            "value": "what was measured, in the rule's own unit",
            "limit": "what is allowed",
            "sample": "over how many transfers, or media",
        },
        [(r.rule, r.status, r.detail, _format_number(r.value), _format_number(r.limit), r.sample) for r in results],
    )


def _window_figures(metrics: "WindowMetrics") -> dict[str, float | None]:
    """Return the figures of a window by the names of `WINDOW_KEYS`."""
    return {
        "total_requests": metrics.total_requests,
        "s3_uploads": metrics.s3_uploads,
        "s3_upload_errors": metrics.s3_upload_errors,
        "success_rate": metrics.success_rate,
        "s3_storage": metrics.s3_storage,
        "local_storage": metrics.local_storage,
        "s3_upload_rate": metrics.s3_upload_rate,
        **_latency_entries("upload_seconds", metrics.upload),
        "downloads": metrics.download.count,
        **_latency_entries("download_seconds", metrics.download),
        "error_rate": metrics.error_rate,
        **{f"errors_{error_class}": count for error_class, count in metrics.errors_by_class.items()},
        "interrupted": metrics.interrupted,
        **{
            f"{backend}_{name}": counts[backend]
            for backend in _BACKENDS
            for name, counts in (
                ("objects_put", metrics.objects_put),
                ("bytes_put", metrics.bytes_put),
                ("bytes_got", metrics.bytes_got),
            )
        },
    }


def _window_table(metrics: "WindowMetrics") -> dg.MetadataValue:
    """Return a window's figures as a table. What was not counted, or not once, has no row."""
    rows = [
        (name, _in_units(name, value), round(value, 6))
        for name, value in _window_figures(metrics).items()
        if value is not None and (value or name in _ALWAYS_SHOWN)
    ]
    if not metrics.total_requests and not metrics.interrupted:
        return dg.MetadataValue.text("no transfers")
    return table(FIGURE_COLUMNS, rows)


def _in_units(name: str, value: float) -> str:
    if "bytes" in name:
        return format_size(int(value))
    if "_seconds_" in name:
        return f"{value:.2f} s"
    if name.endswith("rate"):
        return f"{value:.1f}%"
    return f"{value:,}"


def _stored_table(stored: "Mapping[Backend, StoredMedia]") -> dg.MetadataValue:
    rows = [
        (b.facts.title, f"{found.media:,}", format_size(found.size_bytes), found.size_bytes)
        for b, found in stored.items()
    ]
    return table(
        {"place": "where they are", "media": "media", "size": "with audio tracks", "bytes": "the same in bytes"}, rows
    )


def _cost_table(cost: "MonthCost") -> dg.MetadataValue:
    rows = [
        (part, f"{getattr(cost.to_date, part):.2f}", f"{getattr(cost.projected, part):.2f}")
        for part in ("total", "storage", "requests", "transfer")
    ]
    return table(
        {"for": "what it is paid for", "so far": "in this month, USD", "month": "at the month's end, USD"}, rows
    )


def _latency_entries(name: str, latency: "Latency") -> dict[str, float | None]:
    return {f"{name}_{figure}": getattr(latency, figure) for figure in ("mean", "p50", "p95", "p99")}


def _stage_entries(stage: Stage | None, effective: EffectivePolicy) -> dict[str, str | int]:
    from bookmarkai_assets.core.rollout.metrics import target_percentage  # noqa: PLC0415 - only the rollout's own runs need it

    return {"stage": _NOT_BEGUN if stage is None else str(stage), "percentage": target_percentage(effective.policy)}


def _settings_entries(rules: PipelineRules) -> dict[str, str]:
    return {"control": rules.rollout.control.value, "storage_mode": rules.storage.mode.value}


def _decision_entries(decision: Decision) -> dict[str, Any]:
    return {
        "decision_id": decision.decision_id,
        "action": decision.action.value,
        "decided_by": decision.decided_by,
        "actor": decision.actor,
        "reason": decision.reason,
        "decided_at": dg.MetadataValue.timestamp(decision.decided_at),
    }


def _read_results(rows: Sequence[Mapping[str, Any]]) -> list[RuleResult]:
    return [RuleResult(**{**row, "rule": RuleName(row["rule"])}) for row in rows]


def _format_list(lines: Sequence[str]) -> dg.MetadataValue:
    return dg.MetadataValue.md("\n".join(f"* {line}" for line in lines) or "nothing")


def _format_window(window: Window) -> str:
    return f"{window.start.isoformat()} to {window.end.isoformat()}"


def _format_number(number: float | None) -> str:
    return "" if number is None else f"{number:.4g}"


def _drop_unknown(entries: Mapping[str, Any]) -> Metadata:
    """Drop unknown values, and round numbers to the precision measured: a microsecond, a ten-thousandth of a cent."""
    return {
        key: round(value, 6) if isinstance(value, float) else value
        for key, value in entries.items()
        if value is not None
    }
