"""`bookmarkai rollout plan`: the forecast of each stage, and what past stages brought beside their forecast."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from bookmarkai_assets.cli.output import human_bytes, out, print_json, print_table
from bookmarkai_assets.cli.rollout.words import (
    describe_prices,
    format_usd,
    format_window,
)
from bookmarkai_assets.core.rollout.costs import PriceTable
from bookmarkai_assets.core.rollout.forecast import MONTH_DAYS, Load, StageForecast
from bookmarkai_assets.core.rollout.stages import Stage
from bookmarkai_assets.core.rollout.windows import GRID, Window
from bookmarkai_assets.operations.rollout.deciding import read_state
from bookmarkai_assets.operations.rollout.json_forms import cost_as_dict, prices_as_dict, window_as_dict
from bookmarkai_assets.operations.rollout.measuring import catch_up, find_recent_window
from bookmarkai_assets.operations.rollout.planning import StageRecord, compare_stages, forecast_stages
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.rules import make_rules

_NOTES = """
Then stored: once as much expires as is added.
To move from local: what is there now and would be S3's; no stage moves it,
bookmarkai storage move does."""


def plan(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON: bytes, and costs in USD")] = False
) -> None:
    """Show what each stage would move to S3 and cost, and what each past stage did move and cost, beside its forecast.

    The forecast is from the new media of the last seven days and from what is stored now. Costs are for thirty days at
    that pace. Prices come from ROLLOUT_PRICE_TABLE, or from the built-in table. Nothing is changed.

    Example: bookmarkai rollout plan --json
    """
    settings = load_settings()
    rules = make_rules(settings)
    now = datetime.now(UTC)
    with open_catalog(settings) as catalog:
        catch_up(catalog)
        window = find_recent_window(catalog, GRID.floor(now))
        forecasts = forecast_stages(catalog, rules, now=now)
        records = compare_stages(catalog, rules, now=now)
        present = read_state(catalog).stage
    if as_json:
        print_json(
            {
                "forecast_from": window_as_dict(window),
                "forecast_days": MONTH_DAYS,
                "present_stage": None if present is None else str(present),
                "stages": [_forecast_as_dict(forecast) for forecast in forecasts],
                "past": [_record_as_dict(record) for record in records],
                "prices": prices_as_dict(rules.prices),
            }
        )
    else:
        _print(window, forecasts, records, present, rules.prices)


def _print(
    window: Window,
    forecasts: Sequence[StageForecast],
    records: Sequence[StageRecord],
    present: Stage | None,
    prices: PriceTable,
) -> None:
    if forecasts:
        out.print(f"What each stage would bring, by the new media of {format_window(window)}:\n", soft_wrap=True)
        print_table(
            ["stage", "media/day", "to S3/day", "then stored", "USD/30 days", "to move from local"],
            [_forecast_row(forecast, present) for forecast in forecasts],
        )
        out.print(_NOTES)
    else:
        out.print("Nothing to forecast from: no new media in the last seven days.", soft_wrap=True)
    if records:
        out.print("\nWhat was expected of the stages so far, and what they brought:\n", soft_wrap=True)
        print_table(
            ["stage", "from", "to", "", "media/day", "to S3/day", "USD/30 days"],
            [row for record in records for row in _record_rows(record)],
        )
    out.print(f"\nPrices in {prices.currency}: {describe_prices(prices)}", soft_wrap=True)


def _forecast_row(forecast: StageForecast, present: Stage | None) -> list[object]:
    load = forecast.load
    stage = Text(f"{forecast.stage}*" if forecast.stage == present else str(forecast.stage))
    stored = "all of it" if load.stored_bytes is None else human_bytes(round(load.stored_bytes))
    to_move = (
        f"{forecast.backfill_media:,} ({human_bytes(forecast.backfill_bytes)})" if forecast.backfill_media else "-"
    )
    return [stage, *_load_cells(load)[:2], stored, format_usd(load.month.total), to_move]


def _record_rows(record: StageRecord) -> list[list[object]]:
    began = f"{record.decision.decided_at.astimezone(UTC):%Y-%m-%d}"
    ended = f"{record.ended_at.astimezone(UTC):%Y-%m-%d}" if record.ended_at else "now"
    expected = record.forecast.load if record.forecast else None
    return [
        [record.stage, began, ended, "forecast", *_load_cells(expected)],
        ["", "", "", "actual", *_load_cells(record.actual)],
    ]


def _load_cells(load: Load | None) -> list[str]:
    if load is None:
        return ["-", "-", "-"]
    return [f"{load.media_per_day:,.1f}", human_bytes(round(load.bytes_per_day)), format_usd(load.month.total)]


def _forecast_as_dict(forecast: StageForecast) -> dict[str, Any]:
    return {
        "stage": str(forecast.stage),
        **_load_as_dict(forecast.load),
        "backfill_media": forecast.backfill_media,
        "backfill_bytes": forecast.backfill_bytes,
    }


def _load_as_dict(load: Load) -> dict[str, Any]:
    return {
        "media_per_day": load.media_per_day,
        "bytes_per_day": load.bytes_per_day,
        "stored_bytes": load.stored_bytes,
        "cost_usd": cost_as_dict(load.month),
    }


def _record_as_dict(record: StageRecord) -> dict[str, Any]:
    return {
        "stage": str(record.stage),
        "decision_id": record.decision.decision_id,
        "began_at": record.decision.decided_at.isoformat(),
        "ended_at": record.ended_at.isoformat() if record.ended_at else None,
        "forecast": _forecast_as_dict(record.forecast) if record.forecast else None,
        "actual": _load_as_dict(record.actual) if record.actual else None,
    }
