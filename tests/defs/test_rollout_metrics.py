"""What analysts see of the rollout's figures: partitions by day, numbers that Dagster plots, charts, checks."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
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


def begin(pipeline: Pipeline, percentage: int, *, since: datetime) -> None:
    """Put the rollout at a stage since a given time."""
    pipeline.configure(storage_mode="hybrid")
    rules = make_rules(load_settings(env_file=None, **pipeline.settings))
    set_stage(pipeline.catalog, rules, Stage(percentage), now=since, actor="olga", reason="a test")


def test_today_shows_every_window_as_numbers(pipeline: Pipeline) -> None:
    """Counts and rates of four windows are numeric metadata, and unknown ones are left out."""
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
    assert {name: found[f"{name}/s3_uploads"].value for name in WINDOWS} == {
        name: sum(until - length <= at < until for at in [*good, hours_ago[3]]) for name, length in WINDOWS.items()
    }
    assert found["24h/s3_upload_errors"].value == 1
    assert found["24h/success_rate"].value == pytest.approx(100 * 2 / 3)
    assert found["24h/s3_upload_rate"].value == 50
    assert found["24h/upload_seconds_p95"].value == pytest.approx(2, rel=0.01)
    assert found["24h/errors_throttled"].value == 1
    assert found["7d/s3_bytes_put"].value == 3000
    assert "24h/download_seconds_p95" not in found
    windows = {key: value for key, value in found.items() if key.partition("/")[0] in WINDOWS}
    assert all(isinstance(value, NUMBERS) for value in windows.values())


def test_every_entry_is_documented(pipeline: Pipeline) -> None:
    """The description documents each metadata key of a partition, of a stage and of a check."""
    now = datetime.now(UTC)
    begin(pipeline, 10, since=now - timedelta(days=1))
    for operation, purpose in (("put", "place"), ("get", "transcribe")):
        for minutes in (4, 50):
            at = GRID.floor(now) - timedelta(minutes=minutes)
            pipeline.catalog.events.record(transfer(at, operation, purpose=purpose))

    result = measure(pipeline, assets=ROLLOUT)

    found = entries(pipeline, day_key(now))
    assert {key for key in found if key.startswith("24h/")} == {f"24h/{key}" for key in WINDOW_KEYS}
    assert {key for key in found if key.partition("/")[0] not in WINDOWS} == set(DAY_KEYS)
    stage = pipeline.report_metadata("rollout_stage")
    assert set(stage) <= set(STAGE_KEYS)
    for check in pipeline.checks(result).values():
        assert set(check.metadata) <= set(CHECK_KEYS)


def test_charts_are_pictures_within_the_metadata(pipeline: Pipeline) -> None:
    """Both charts are markdown with a PNG in it, so that the UI shows them by itself, also without data."""
    measure(pipeline)

    found = entries(pipeline, day_key(datetime.now(UTC)))
    for name in ("last_day", "split"):
        markdown = found[name]
        assert isinstance(markdown, dg.MarkdownMetadataValue)
        _, _, picture = str(markdown.value).partition("(data:image/png;base64,")
        assert base64.b64decode(picture.removesuffix(")"), validate=True).startswith(b"\x89PNG")


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
    assert [of_day["24h/s3_uploads"].value for of_day in found] == [1, 2, 3]
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

    assert entries(pipeline, day_key(now - timedelta(days=20)))["24h/errors_access_denied"].value == 60
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


def test_late_figures_are_shown_as_late(pipeline: Pipeline) -> None:
    """The asset's freshness policy warns after two missed ticks and fails before the fifth."""
    spec = next(s for s in pipeline.defs().resolve_all_asset_specs() if s.key == dg.AssetKey("rollout_metrics"))
    assert spec.freshness_policy == dg.FreshnessPolicy.time_window(
        fail_window=timedelta(minutes=20), warn_window=timedelta(minutes=12)
    )
