"""Reads the rollout's figures from the catalog: which totals, and over which windows. The arithmetic is in the core.

Everything here reads totals. Call `catch_up` first, so that they have the newest events.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.placement import StoragePolicy
from bookmarkai_assets.core.media.retention import EXPIRING_PREFIX
from bookmarkai_assets.core.rollout.costs import Deposit, MonthCost, Usage, usage_of
from bookmarkai_assets.core.rollout.costs import month_cost as cost_of_month
from bookmarkai_assets.core.rollout.gate_figures import GateFigures, window_of_losses, window_to_judge
from bookmarkai_assets.core.rollout.metrics import (
    DayMetrics,
    Target,
    WindowMetrics,
    count_losses,
    target_percentage,
    window_metrics,
    without_documents,
)
from bookmarkai_assets.core.rollout.policy import resolve_policy, settings_of
from bookmarkai_assets.core.rollout.stages import Decision
from bookmarkai_assets.core.rollout.windows import GRID, WINDOWS, Resolution, Window, month_of, window_ending
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.rollout.current_policy import current_policy
from bookmarkai_assets.operations.rollout.history import read_state

PACE = timedelta(days=7)
"""How far back the transfers count that forecasts go by."""

_DAY = timedelta(days=1)


def catch_up(catalog: Catalog) -> int:
    """Add every event so far to the totals, and return how many were new."""
    events = 0
    while True:
        progress = catalog.totals.roll_up()
        events += progress.events
        if progress.is_complete:
            return events


def read_metrics(catalog: Catalog, window: Window) -> WindowMetrics:
    """Return the figures of a window on the five-minute grid, as far as events are rolled up."""
    return window_metrics(catalog.totals.totals(window), window)


def measure_day(catalog: Catalog, rules: PipelineRules, day: Window, *, now: datetime) -> DayMetrics:
    """Return what a UTC day's partition shows. All windows end now, or with the day if it is over.

    Raises `ValueError` for a day that has not begun.
    """
    if now < day.start:
        raise ValueError(f"expected a day that has begun by {now}, found {day}")
    is_today, end = now in day, min(GRID.floor(now), day.end)
    history = catalog.rollout.history(with_advice=False)
    steps = _read_last_day(catalog, end)
    return DayMetrics(
        day=day,
        windows={name: read_metrics(catalog, window_ending(end, length)) for name, length in WINDOWS.items()},
        steps=steps,
        targets=_list_targets(Window(steps[0].window.start, now if is_today else end), rules.storage, history),
        policy=current_policy(catalog, rules) if is_today else _resolve_policy_at(day.end, rules.storage, history),
        inventory=catalog.media.stored_totals() if is_today else None,
        month_cost=_read_month_cost_until(catalog, rules, month_of(day.start), end),
        # The present five minutes are left out. They may well have events, from clocks that are right.
        future_events=catalog.totals.events_from(GRID.floor(now) + timedelta(seconds=GRID)),
    )


def read_month_cost(catalog: Catalog, rules: PipelineRules, *, now: datetime) -> MonthCost:
    """Return what the calendar month has cost up to the last five minutes, and what it is projected to cost, in USD."""
    return _read_month_cost_until(catalog, rules, month_of(now), GRID.floor(now))


def read_gate_figures(catalog: Catalog, rules: PipelineRules, *, now: datetime) -> GateFigures:
    """Return what the gate judges: the present stage's transfers, the verification and the losses since, the cost."""
    state = read_state(catalog)
    verification = catalog.rollout.last_verification()
    window = window_to_judge(rules.gate, state, now=now)
    losses = window_of_losses(rules.gate, state, verification, now=now)
    totals = catalog.totals.totals(window)
    metrics, of_media = window_metrics(totals, window), window_metrics(without_documents(totals), window)
    first = catalog.totals.first_event_at()
    return GateFigures(
        window=window,
        uploads=of_media.s3_uploads,
        upload_failures=of_media.s3_upload_errors,
        mean_upload_seconds=of_media.upload.mean,
        access_denied=metrics.access_denied,
        verification=verification,
        losses_since_verification=count_losses(catalog.totals.totals(losses, with_latencies=False)),
        projected_month_usd=None
        if first is None or first >= window.end
        else read_month_cost(catalog, rules, now=now).projected.total,
        downloads=metrics.download.count,
        download_p95_seconds=metrics.download.p95,
    )


def find_recent_window(catalog: Catalog, end: datetime) -> Window:
    """Return the window that forecasts go by: the last seven days, or since the first event if that is later."""
    first = catalog.totals.first_event_at()
    start = end - PACE if first is None else min(max(end - PACE, first), end)
    return Window(start, end)


def expiry_days(rules: PipelineRules) -> int | None:
    """Return the days after which the bucket's rule deletes what the pipeline puts there; None if it keeps it."""
    return rules.retention.s3_days if rules.video_prefix.startswith(EXPIRING_PREFIX) else None


def _read_last_day(catalog: Catalog, end: datetime) -> list[WindowMetrics]:
    """Return the last 24 whole hours and what there is of the present one, hours without events included."""
    last = Resolution.HOUR.floor(end)
    found = catalog.totals.steps(Window(last - _DAY, last), Resolution.HOUR)
    starts = [last - timedelta(hours=hours) for hours in range(24, 0, -1)]
    metrics = [window_metrics(found.get(start, {}), Window(start, start + timedelta(hours=1))) for start in starts]
    if last < end:
        metrics.append(read_metrics(catalog, Window(last, end)))
    return metrics


def _list_targets(window: Window, configured: StoragePolicy, history: Sequence[Decision]) -> list[Target]:
    """Return the target at the window's start and after each decision in it, at the moment of the decision.

    Each decision has recorded the settings of its time. `configured` are those of now, which count since the newest.
    """
    newest = history[-1] if history else None
    first = _resolve_policy_at(window.start, configured, history)
    return [
        Target(window.start, target_percentage(first)),
        *(
            Target(
                decision.decided_at,
                target_percentage(
                    resolve_policy(
                        configured if decision is newest else settings_of(decision, otherwise=configured), decision
                    ).policy
                ),
            )
            for decision in history
            if window.start < decision.decided_at <= window.end
        ),
    ]


def _resolve_policy_at(moment: datetime, configured: StoragePolicy, history: Sequence[Decision]) -> StoragePolicy:
    """Return the policy in force at a moment, by the decisions until then and the settings of now."""
    earlier = [decision for decision in history if decision.decided_at <= moment]
    return resolve_policy(configured, earlier[-1] if earlier else None).policy


def _read_month_cost_until(catalog: Catalog, rules: PipelineRules, month: Window, until: datetime) -> MonthCost:
    days = expiry_days(rules)
    recent = find_recent_window(catalog, until)
    pace = _read_usage(catalog, recent)
    return cost_of_month(
        month,
        until,
        _read_deposits(catalog, month, until, days),
        _read_usage(catalog, Window(month.start, until)),
        pace.times(1 / recent.length.total_seconds()) if recent.length else Usage(),
        rules.prices,
        expiry_days=days,
    )


def _read_deposits(catalog: Catalog, month: Window, until: datetime, days: int | None) -> list[Deposit]:
    """Return what was put to S3 up to a moment of the month and may have been stored at any time of that month.

    What expires within the month is read day by day, because a day's objects expire together. What was put before the
    month and outlasts it is read in one piece.
    """
    first = catalog.totals.first_event_at()
    if first is None or first >= until:
        return []
    begin, today = min(Resolution.DAY.floor(first), month.start), Resolution.DAY.floor(until)
    oldest = outlasting = begin
    if days is not None:
        life = timedelta(days=days + 1)
        oldest = max(begin, month.start - life)
        outlasting = max(begin, min(month.end - life, month.start))
    whole = [w for w in (Window(outlasting, month.start), Window(today, until)) if w.length]
    return [
        *_read_daily_deposits(catalog, Window(oldest, outlasting)),
        *_read_daily_deposits(catalog, Window(month.start, today)),
        *(Deposit(window, _read_usage(catalog, window).put_bytes) for window in whole),
    ]


def _read_usage(catalog: Catalog, window: Window) -> Usage:
    return usage_of(catalog.totals.totals(window, with_latencies=False))


def _read_daily_deposits(catalog: Catalog, days: Window) -> list[Deposit]:
    found = catalog.totals.steps(days, Resolution.DAY)
    return [Deposit(Window(start, start + _DAY), usage_of(totals).put_bytes) for start, totals in found.items()]
