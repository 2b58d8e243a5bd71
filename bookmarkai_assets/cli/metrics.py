"""`bookmarkai metrics`: the figures of all transfers and their cost, up to now."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from bookmarkai_assets.cli.output import clean, human_bytes, out, print_json, print_table
from bookmarkai_assets.cli.rollout.words import (
    describe_prices,
    format_or_dash,
    format_percent,
    format_seconds,
    format_usd,
    format_window,
)
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.transfers import describe_under_way
from bookmarkai_assets.core.rollout.metrics import (
    Latency,
    target_percentage,
)
from bookmarkai_assets.core.rollout.windows import WINDOWS
from bookmarkai_assets.operations.overview.transfer_figures import TransferFigures, read_figures
from bookmarkai_assets.operations.rollout.json_forms import cost_as_dict
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.rules import make_rules

_MAX_CHARACTERS = 2000
"""The longest value that is printed."""


def metrics(
    *,
    window: Annotated[
        str, typer.Option(metavar="|".join(WINDOWS), help="How far back to go from the last full five minutes")
    ] = "24h",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: seconds, bytes, percentages from 0 to 100, USD")
    ] = False,
) -> None:
    """Show how transfers went, how long they took, where new media went, and what S3 costs.

    First adds up what was recorded since the last time, and changes nothing else. Costs are those of this calendar
    month, to date and projected to its end, whatever the window.

    Example: bookmarkai metrics --window 1h --json
    """
    if window not in WINDOWS:
        raise typer.BadParameter(f"expected one of {', '.join(WINDOWS)}, found {window[:40]!r}", param_hint="--window")
    settings = load_settings()
    rules = make_rules(settings)
    now = datetime.now(UTC)
    with open_catalog(settings) as catalog:
        figures = read_figures(catalog, rules, name=window, has_bucket=settings.has_bucket, now=now)
    if as_json:
        print_json(figures.as_dict())
    else:
        _print(figures)


def _print(figures: TransferFigures) -> None:
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


def _backend_row(figures: TransferFigures, backend: Backend) -> list[str]:
    found, stored = figures.metrics, figures.stored[backend]
    return [
        backend,
        f"{found.objects_put[backend]:,}",
        human_bytes(found.bytes_put[backend]),
        human_bytes(found.bytes_got[backend]),
        f"{stored.media:,} media, {human_bytes(stored.size_bytes)}",
    ]
