"""`bookmarkai metrics`: the figures of all transfers and their cost, up to now."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from bookmarkai_assets.cli.output import clean, human_bytes, out, print_json, print_table
from bookmarkai_assets.cli.rollout.words import (
    cost_as_dict,
    describe_prices,
    format_or_dash,
    format_percent,
    format_seconds,
    format_usd,
    format_window,
    prices_as_dict,
    window_as_dict,
)
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import StoredMedia
from bookmarkai_assets.core.media.transfers import TransferUnderWay, describe_under_way, under_way_as_dict
from bookmarkai_assets.core.rollout.costs import MonthCost
from bookmarkai_assets.core.rollout.metrics import Latency, WindowMetrics, stored_by_backend, target_percentage
from bookmarkai_assets.core.rollout.policy import EffectivePolicy
from bookmarkai_assets.core.rollout.windows import WINDOWS, window_ending
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.rollout.current_policy import read_effective_policy
from bookmarkai_assets.operations.rollout.measuring import catch_up, read_metrics, read_month_cost
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.monitoring import make_metrics_page
from bookmarkai_assets.wiring.rules import make_rules

_MAX_CHARACTERS = 2000
"""The longest value that is printed."""


@dataclass(frozen=True)
class _Figures:
    """What the command shows. `effective` is the policy in force, `under_way` the transfers that have not ended."""

    name: str
    rules: PipelineRules
    has_bucket: bool
    metrics: WindowMetrics
    cost: MonthCost
    stored: Mapping[Backend, StoredMedia]
    effective: EffectivePolicy
    under_way: Sequence[TransferUnderWay]


def metrics(
    *,
    window: Annotated[
        str, typer.Option(metavar="|".join(WINDOWS), help="How far back to go from the last full five minutes")
    ] = "24h",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: seconds, bytes, percentages from 0 to 100, USD")
    ] = False,
    as_prometheus: Annotated[
        bool,
        typer.Option("--prometheus", help="Print Prometheus's text format, of all time: --window has no effect on it"),
    ] = False,
) -> None:
    """Show how transfers went, how long they took, where new media went, and what S3 costs.

    First adds up what was recorded since the last time, and changes nothing else. Costs are those of this calendar
    month, to date and projected to its end, whatever the window.

    Example: bookmarkai metrics --window 1h --json
    """
    if as_json and as_prometheus:
        raise typer.BadParameter("expected one format, found --json as well", param_hint="--prometheus")
    if window not in WINDOWS:
        raise typer.BadParameter(f"expected one of {', '.join(WINDOWS)}, found {window[:40]!r}", param_hint="--window")
    settings = load_settings()
    rules = make_rules(settings)
    now = datetime.now(UTC)
    with open_catalog(settings) as catalog:
        catch_up(catalog)
        if as_prometheus:
            _, page = make_metrics_page(catalog, rules).render()
            sys.stdout.write(page.decode())
            return
        figures = _Figures(
            name=window,
            rules=rules,
            has_bucket=settings.has_bucket,
            metrics=read_metrics(catalog, window_ending(now, WINDOWS[window])),
            cost=read_month_cost(catalog, rules, now=now),
            stored=stored_by_backend(catalog.media.inventory()),
            effective=read_effective_policy(catalog, rules),
            under_way=catalog.transfers.under_way(now=now),
        )
    if as_json:
        print_json(_as_dict(figures))
    else:
        _print(figures)


def _as_dict(figures: _Figures) -> dict[str, Any]:
    found, cost, configured = figures.metrics, figures.cost, figures.rules.storage
    return {
        "window": {"name": figures.name, **window_as_dict(found.window)},
        "total_requests": found.total_requests,
        "s3_uploads": found.s3_uploads,
        "s3_upload_errors": found.s3_upload_errors,
        "success_rate": found.success_rate,
        "s3_storage": found.s3_storage,
        "local_storage": found.local_storage,
        "s3_upload_rate": found.s3_upload_rate,
        "upload_seconds": _latency_as_dict(found.upload),
        "download_seconds": _latency_as_dict(found.download),
        "errors_by_class": dict(found.errors_by_class),
        "error_rate": found.error_rate,
        "interrupted": found.interrupted,
        "under_way": under_way_as_dict(figures.under_way),
        "objects_put": dict(found.objects_put),
        "bytes_put": dict(found.bytes_put),
        "bytes_got": dict(found.bytes_got),
        "stored": {backend: asdict(stored) for backend, stored in figures.stored.items()},
        "storage_mode": configured.mode.value,
        "effective_mode": figures.effective.policy.mode.value,
        "split_percentage": target_percentage(figures.effective.policy),
        "is_shadow": figures.effective.policy.is_shadow,
        "decision_id": figures.effective.policy.decision_id,
        "s3_configured": figures.has_bucket,
        "cost_usd": {
            "storage": cost.to_date.storage,
            "requests": cost.to_date.requests,
            "transfer": cost.to_date.transfer,
            "to_date": cost.to_date.total,
            "projected_month": cost.projected.total,
            "projected": cost_as_dict(cost.projected),
            "prices": prices_as_dict(figures.rules.prices),
        },
    }


def _latency_as_dict(latency: Latency) -> dict[str, float | None]:
    return {
        "mean": latency.mean,
        "p50": latency.p50,
        "p95": latency.p95,
        "p99": latency.p99,
        "count": latency.count,
    }


def _print(figures: _Figures) -> None:
    found, policy = figures.metrics, figures.effective.policy
    errors = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in found.errors_by_class.items() if count)
    target = target_percentage(policy)
    rows: list[tuple[str, str]] = [
        ("window", f"{format_window(found.window)} ({figures.name})"),
        ("new media", policy.effect),
        ("because", figures.effective.why),
        ("S3 configured", "yes" if figures.has_bucket else "no: S3_MEDIA_BUCKET is not set"),
        ("placed videos", f"{found.s3_storage:,} in S3, {found.local_storage:,} in the local directory"),
        ("S3's share", f"{format_or_dash(found.s3_upload_rate, format_percent)}; the target is now {target}%"),
        ("uploads to S3", f"{found.s3_uploads:,}, of which {found.s3_upload_errors:,} failed"),
        ("success rate", format_or_dash(found.success_rate, format_percent)),
        ("all transfers", f"{found.total_requests:,}, and {found.interrupted:,} that our own stop cut short"),
        ("under way", describe_under_way(figures.under_way)),
        ("errors of S3", f"{errors or 'none'}; rate {format_or_dash(found.error_rate, format_percent)}"),
    ]
    print_table(["", ""], [(name, clean(value, _MAX_CHARACTERS)) for name, value in rows])
    out.print()
    print_table(
        ["seconds", "count", "mean", "p50", "p95", "p99"],
        [_latency_row("upload to S3", found.upload), _latency_row("download by workers", found.download)],
    )
    out.print()
    print_table(
        ["backend", "objects put", "bytes put", "bytes got", "stored now"],
        [_backend_row(figures, backend) for backend in Backend],
    )
    out.print()
    to_date, projected = cost_as_dict(figures.cost.to_date), cost_as_dict(figures.cost.projected)
    print_table(
        ["USD, this month", "to date", "projected"],
        [(name, format_usd(to_date[name]), format_usd(projected[name])) for name in to_date],
    )
    out.print(f"\nPrices: {describe_prices(figures.rules.prices)}", soft_wrap=True)


def _latency_row(name: str, latency: Latency) -> list[str]:
    cells = (latency.mean, latency.p50, latency.p95, latency.p99)
    return [name, f"{latency.count:,}", *(format_or_dash(value, format_seconds) for value in cells)]


def _backend_row(figures: _Figures, backend: Backend) -> list[str]:
    found, stored = figures.metrics, figures.stored[backend]
    return [
        backend,
        f"{found.objects_put[backend]:,}",
        human_bytes(found.bytes_put[backend]),
        human_bytes(found.bytes_got[backend]),
        f"{stored.media:,} media, {human_bytes(stored.size_bytes)}",
    ]
