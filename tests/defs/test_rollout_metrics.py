"""What analysts see of the rollout's figures: partitions by day, tables, numbers that Dagster plots, charts, checks."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.rollout.gate import RuleName
from bookmarkai_assets.core.rollout.stages import Stage
from bookmarkai_assets.core.rollout.windows import GRID, WINDOWS
from bookmarkai_assets.metadata.rollout import CHECK_KEYS, DAY_KEYS, STAGE_KEYS, WINDOW_KEYS
from bookmarkai_assets.operations.rollout.deciding import set_stage
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.plugins.pipeline import Pipeline
from tests.support.storage_events import transfer

ROLLOUT = ("rollout_metrics", "rollout_stage")
NUMBERS = (dg.IntMetadataValue, dg.FloatMetadataValue)


def day_key(moment: datetime) -> str:
    """Return the partition of a moment."""
    return moment.astimezone(UTC).date().isoformat()


def measure(
    pipeline: Pipeline, *days: str, assets: Sequence[str] = ROLLOUT[:1], expect: bool = True
) -> dg.ExecuteInProcessResult:
    """Materialize partitions, today's by default, as one run of a backfill does."""
    today = day_key(datetime.now(UTC))
    first, last = (days[0], days[-1]) if days else (today, today)
    result = (
        pipeline.defs()
        .resolve_implicit_global_asset_job_def()
        .execute_in_process(
            instance=pipeline.instance,
            asset_selection=[dg.AssetKey(asset) for asset in assets],
            tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last},
            raise_on_error=expect,
        )
    )
    assert result.success is expect
    return result


def entries(pipeline: Pipeline, day: str) -> dict[str, dg.MetadataValue[Any]]:
    """Return the latest metadata of a day's partition, as Dagster has typed it."""
    of_day = dg.AssetRecordsFilter(asset_key=dg.AssetKey("rollout_metrics"), asset_partitions=[day])
    materialization = pipeline.instance.fetch_materializations(of_day, limit=1).records[0].asset_materialization
    assert materialization is not None
    return dict(materialization.metadata)


def figures(found: dict[str, dg.MetadataValue[Any]], window: str) -> dict[str, float]:
    """Return the raw figures of a window's table by name; none for a window without transfers."""
    shown = found[window]
    if not isinstance(shown, dg.TableMetadataValue):
        return {}
    return {str(row.data["figure"]): float(str(row.data["raw"])) for row in shown.records}


def begin(pipeline: Pipeline, percentage: int, *, since: datetime) -> None:
    """Put the rollout at a stage since a given time."""
    pipeline.configure(storage_mode="hybrid")
    rules = make_rules(load_settings(env_file=None, **pipeline.settings))
    set_stage(pipeline.catalog, rules, Stage(percentage), now=since, actor="olga", reason="a test")


def test_today_shows_every_window_as_a_table(pipeline: Pipeline) -> None:
    """Counts and rates of four windows are a table each, in people's units and raw; unknown ones have no row."""
    now = datetime.now(UTC)
    hours_ago = [GRID.floor(now) - timedelta(hours=n, minutes=1) for n in range(48)]
    good = [hours_ago[0], hours_ago[2], hours_ago[30]]
    for at in good:
        pipeline.catalog.events.record(transfer(at, seconds=2.0))
        pipeline.catalog.events.record(transfer(at, backend="local"))
    pipeline.catalog.events.record(transfer(hours_ago[3], error="throttled"))

    measure(pipeline)

    found = entries(pipeline, day_key(now))
    until = datetime.fromtimestamp(found["until"].value, UTC)
    assert timedelta(0) <= until - GRID.floor(now) <= timedelta(minutes=10)
    assert {name: figures(found, name).get("s3_uploads", 0) for name in WINDOWS} == {
        name: sum(until - length <= at < until for at in [*good, hours_ago[3]]) for name, length in WINDOWS.items()
    }
    of_day = figures(found, "24h")
    assert of_day["s3_upload_errors"] == 1
    assert of_day["success_rate"] == pytest.approx(100 * 2 / 3)
    assert of_day["s3_upload_rate"] == 50
    assert of_day["upload_seconds_p95"] == pytest.approx(2, rel=0.01)
    assert of_day["errors_throttled"] == 1
    assert figures(found, "7d")["s3_bytes_put"] == 3000
    assert "download_seconds_p95" not in of_day
    shown = found["7d"]
    assert isinstance(shown, dg.TableMetadataValue)
    assert {"figure": "s3_bytes_put", "value": "3.00 kB", "raw": "3000"} in [row.data for row in shown.records]
    assert all(column.description for column in shown.schema.columns)


def test_few_figures_are_numbers_that_dagster_plots(pipeline: Pipeline) -> None:
    """The last 24 hours' rates and latencies are numbers, and so are target and costs; unknown ones are left out."""
    pipeline.catalog.events.record(transfer(GRID.floor(datetime.now(UTC)) - timedelta(minutes=1), seconds=2.0))

    measure(pipeline)

    found = entries(pipeline, day_key(datetime.now(UTC)))
    numbers = {key: value.value for key, value in found.items() if isinstance(value, NUMBERS)}
    assert numbers.keys() == {
        "target_percentage",
        "24h/s3_upload_rate",
        "24h/error_rate",
        "24h/upload_seconds_p95",
        "24h/total_requests",
        "cost_usd/total",
        "projected_month_usd/total",
        *(f"{backend}_{what}" for backend in Backend for what in ("media", "stored_bytes")),
    }
    assert (numbers["24h/s3_upload_rate"], numbers["24h/total_requests"]) == (100, 1)
    assert numbers["24h/upload_seconds_p95"] == pytest.approx(2, rel=0.01)


def test_a_window_without_transfers_is_one_line(pipeline: Pipeline) -> None:
    """Nothing empty is shown: an idle day has no table of zeros."""
    measure(pipeline)
    found = entries(pipeline, day_key(datetime.now(UTC)))
    assert [found[name].value for name in WINDOWS] == ["no transfers"] * len(WINDOWS)
    assert not any(key.startswith("24h/") for key in found if key != "24h/total_requests")


def test_every_entry_is_documented(pipeline: Pipeline) -> None:
    """The description documents each metadata key of a partition, each figure, and each key of a stage and a check."""
    now = datetime.now(UTC)
    begin(pipeline, 10, since=now - timedelta(days=1))
    for operation, purpose in (("put", "place"), ("get", "transcribe")):
        for minutes in (4, 50):
            at = GRID.floor(now) - timedelta(minutes=minutes)
            pipeline.catalog.events.record(transfer(at, operation, purpose=purpose))

    result = measure(pipeline, assets=ROLLOUT)

    found = entries(pipeline, day_key(now))
    assert set(found) | {"future_events"} == set(DAY_KEYS)
    assert set(figures(found, "24h")) <= set(WINDOW_KEYS)
    stage = pipeline.report_metadata("rollout_stage")
    assert set(stage) <= set(STAGE_KEYS)
    for check in pipeline.checks(result).values():
        assert set(check.metadata) <= set(CHECK_KEYS)


def test_charts_are_pictures_that_show_without_a_click(pipeline: Pipeline) -> None:
    """Each chart is a picture within markdown of less than 1,000 characters, which Dagster shows where it stands."""
    for operation, purpose in (("put", "place"), ("get", "transcribe")):
        at = GRID.floor(datetime.now(UTC)) - timedelta(minutes=4)
        pipeline.catalog.events.record(transfer(at, operation, purpose=purpose))

    measure(pipeline)

    found = entries(pipeline, day_key(datetime.now(UTC)))
    for name in ("split", "failed", "latency"):
        markdown = found[name]
        assert isinstance(markdown, dg.MarkdownMetadataValue)
        assert "data:image/svg+xml," in str(markdown.value)
        assert len(str(markdown.value)) < 1000


def test_a_measurement_is_small(pipeline: Pipeline) -> None:
    """The materialization of a busy day takes less than 24 kB, as a busy installation has one every five minutes."""
    for n in range(60):
        at = GRID.floor(datetime.now(UTC)) - timedelta(minutes=4 + 20 * n)
        pipeline.catalog.events.record(transfer(at, error="throttled" if n % 5 == 0 else None))
        pipeline.catalog.events.record(transfer(at, "get", purpose="transcribe", kind="audio"))
        pipeline.catalog.events.record(transfer(at, backend="local"))
    measure(pipeline)
    found = entries(pipeline, day_key(datetime.now(UTC)))
    assert len(dg.serialize_value(dg.AssetMaterialization("rollout_metrics", metadata=found))) < 24_000


def test_days_are_utc_days_up_to_today(pipeline: Pipeline) -> None:
    """There is a partition for today, in UTC, and none for tomorrow."""
    partitions = pipeline.defs().resolve_asset_graph().get(dg.AssetKey("rollout_metrics")).partitions_def
    assert isinstance(partitions, dg.DailyPartitionsDefinition)
    evening = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
    for now, last in ((evening, "2026-03-01"), (evening + timedelta(minutes=1), "2026-03-02")):
        with dg.partition_loading_context(effective_dt=now):
            assert partitions.get_last_partition_key() == last


def test_past_days_are_backfilled_in_one_run(pipeline: Pipeline) -> None:
    """A range of past days is one run: each has its own figures as of its end, and nothing of what is stored now."""
    today = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    past = [today - timedelta(days=days) for days in (3, 2, 1)]
    for count, noon in enumerate(past, start=1):
        for _ in range(count):
            pipeline.catalog.events.record(transfer(noon))

    measure(pipeline, *(day_key(noon) for noon in past))

    found = [entries(pipeline, day_key(noon)) for noon in past]
    assert [figures(of_day, "24h")["s3_uploads"] for of_day in found] == [1, 2, 3]
    assert all("s3_media" not in of_day for of_day in found)
    for noon, of_day in zip(past, found, strict=True):
        assert of_day["until"].value == noon.replace(hour=0).timestamp() + 86_400


def test_a_backfill_decides_nothing(pipeline: Pipeline) -> None:
    """Measuring alone makes no decision and no stage, even with automatic control and a failing rule."""
    now = datetime.now(UTC)
    begin(pipeline, 10, since=now - timedelta(days=3))
    pipeline.configure(rollout_control="automatic")
    pipeline.catalog.events.record(transfer(GRID.floor(now) - timedelta(hours=1), error="access_denied"))
    before = pipeline.catalog.rollout.history()

    measure(pipeline, day_key(now - timedelta(days=1)), day_key(now))

    assert pipeline.catalog.rollout.history() == before
    assert pipeline.instance.get_latest_materialization_event(dg.AssetKey("rollout_stage")) is None


def test_each_rule_is_a_check_with_its_figures(pipeline: Pipeline) -> None:
    """A failing rule is red. One without enough data is neither red nor amber, and says that. Each has its figures."""
    now = datetime.now(UTC)
    begin(pipeline, 10, since=now - timedelta(days=1))
    pipeline.configure(rollout_min_sample=2)
    for minutes in (10, 20, 30):
        pipeline.catalog.events.record(transfer(GRID.floor(now) - timedelta(minutes=minutes), seconds=50))
    pipeline.catalog.events.record(transfer(GRID.floor(now) - timedelta(minutes=40), error="access_denied"))

    checks = pipeline.checks(measure(pipeline))

    assert set(checks) == {rule.value for rule in RuleName}
    assert {name: (check.passed, check.severity.value) for name, check in checks.items()} == {
        "upload_failures": (False, "ERROR"),
        "mean_upload": (False, "ERROR"),
        "access_denied": (False, "ERROR"),
        "nothing_lost": (True, "ERROR"),
        "cost": (True, "ERROR"),
        "download_p95": (True, "ERROR"),
    }
    assert {
        name for name, check in checks.items() if (check.description or "").startswith("too little to judge by")
    } == {
        "nothing_lost",
        "download_p95",
    }
    assert not any(check.blocking for check in checks.values())
    failures = {key: value.value for key, value in checks["upload_failures"].metadata.items()}
    assert (failures["value"], failures["limit"], failures["sample"]) == (25, 5, 4)
    start, end = (datetime.fromisoformat(moment) for moment in str(failures["window"]).split(" to "))
    assert now - timedelta(days=1) <= start < end
    assert end <= datetime.now(UTC)
    assert "verify" in (checks["nothing_lost"].description or "")


def test_a_backfill_of_the_past_leaves_the_checks_of_today(pipeline: Pipeline) -> None:
    """Whichever day is measured, the checks are about now, so a bad day in the past turns none of them red."""
    now = datetime.now(UTC)
    for _ in range(60):
        pipeline.catalog.events.record(transfer(now - timedelta(days=20), error="access_denied"))

    checks = pipeline.checks(measure(pipeline, day_key(now - timedelta(days=20))))

    assert figures(entries(pipeline, day_key(now - timedelta(days=20))), "24h")["errors_access_denied"] == 60
    assert checks["access_denied"].passed
    assert checks["upload_failures"].passed
    assert (checks["upload_failures"].description or "").startswith("too little to judge by")


def test_the_weekly_verification_answers_the_rule_about_losses(pipeline: Pipeline) -> None:
    """The verification's result is recorded, and the check on rollout_metrics follows it."""
    pipeline.share("a")
    pipeline.tick_and_run()
    assert pipeline.run_schedule("weekly_storage_verification").success

    recorded = pipeline.catalog.rollout.last_verification()
    assert recorded is not None
    assert recorded.is_good
    assert not recorded.is_deep
    assert recorded.counts["same"] == 6
    assert pipeline.checks(measure(pipeline))["nothing_lost"].passed


def test_an_incomplete_verification_is_recorded(pipeline: Pipeline) -> None:
    """A bucket that cannot be listed makes the run red, and the recorded verification is not good."""
    pipeline.s3.fail_next("list", StoreError(StoreErrorClass.ACCESS_DENIED, "403"))
    assert not pipeline.run_schedule("weekly_storage_verification").success

    recorded = pipeline.catalog.rollout.last_verification()
    assert recorded is not None
    assert not recorded.is_good


@pytest.mark.parametrize("asset", ROLLOUT)
def test_a_day_without_a_measurement_is_shown_as_late(pipeline: Pipeline, asset: str) -> None:
    """The freshness policy asks for one measurement at each day's start; the others follow changes alone."""
    spec = next(s for s in pipeline.defs().resolve_all_asset_specs() if s.key == dg.AssetKey(asset))
    assert spec.freshness_policy == dg.FreshnessPolicy.cron(
        deadline_cron="30 0 * * *", lower_bound_delta=timedelta(minutes=30)
    )
