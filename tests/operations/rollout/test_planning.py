"""What the stages would bring, from a real catalog, and what the past ones did bring."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.media.placement import Backend, bucket_of
from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.rollout.costs import GB
from bookmarkai_assets.core.rollout.forecast import StageForecast, to_json
from bookmarkai_assets.core.rollout.stages import Action, Decision, Stage
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.rollout.evidence import FORECAST
from bookmarkai_assets.operations.rollout.measuring import catch_up
from bookmarkai_assets.operations.rollout.planning import compare_stages, forecast_stages
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.plugins.vault import Vault
from tests.support.storage_events import NOON, transfer

FIVE_MINUTES, HOUR, DAY = timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)
SHADOW = Stage(0, is_shadow=True)


@pytest.fixture
def rules() -> PipelineRules:
    """Return the default settings, with a shadow stage in the plan."""
    made = make_rules(load_settings(env_file=None))
    return replace(made, rollout=replace(made.rollout, stages=(SHADOW, *made.rollout.stages)))


def record(catalog: OpenCatalog, events: Iterable[StorageEvent]) -> None:
    """Record events and add them up."""
    for event in events:
        catalog.events.record(event)
    catch_up(catalog)


def decide(
    catalog: OpenCatalog,
    action: Action,
    stage: Stage,
    hours: float,
    *,
    is_rolled_back: bool = False,
    forecast: StageForecast | None = None,
) -> Decision:
    """Append a decision that was made so many hours after noon."""
    newest = next(iter(catalog.rollout.history(limit=1)), None)
    decision = Decision(
        action=action,
        stage=stage,
        is_rolled_back=is_rolled_back,
        decided_at=NOON + hours * HOUR,
        decided_by="operator",
        actor="a test",
        reason="to see",
        evidence={} if forecast is None else {FORECAST: to_json(forecast)},
        previous_id=newest.decision_id if newest else None,
    )
    return catalog.rollout.append(decision)


def test_each_stage_of_the_plan_is_forecast(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """From a week with 70 media of 10 MB a stage takes its percentage of ten a day, and shadow puts all of them."""
    media = [transfer(NOON - n * 2 * HOUR - HOUR, size_bytes=10_000_000, backend="local") for n in range(70)]
    record(sqlite_catalog, [transfer(NOON - 60 * DAY, size_bytes=GB), *media])
    plan = forecast_stages(sqlite_catalog, rules, now=NOON)
    assert {str(forecast.stage): forecast.load.media_per_day for forecast in plan} == pytest.approx(
        {"shadow": 10, "10%": 1, "25%": 2.5, "50%": 5, "75%": 7.5, "100%": 10}
    )
    whole = plan[-1].load
    assert whole.bytes_per_day == pytest.approx(100_000_000)
    assert whole.stored_bytes == pytest.approx(750_000_000)
    assert whole.month.total == pytest.approx(0.75 * 1e9 / GB * 0.023 + 300 * 0.005 / 1000)
    [third] = forecast_stages(sqlite_catalog, rules, now=NOON, stages=[Stage(33)])
    assert third.load.media_per_day == pytest.approx(3.3)


def test_a_young_catalog_is_forecast_by_its_own_time(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """While there is less than a week of events, a day's media are computed from the time since the first one."""
    record(sqlite_catalog, [transfer(NOON - 6 * HOUR), transfer(NOON - HOUR, backend="local")])
    assert forecast_stages(sqlite_catalog, rules, now=NOON)[-1].load.media_per_day == pytest.approx(8)


def test_without_new_media_there_is_no_forecast(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """Without data there is no forecast: no events, old ones, moves, or ones from the future."""
    assert forecast_stages(sqlite_catalog, rules, now=NOON) == []
    record(sqlite_catalog, [transfer(NOON + DAY)])
    assert forecast_stages(sqlite_catalog, rules, now=NOON) == []
    record(sqlite_catalog, [transfer(NOON - 8 * DAY), transfer(NOON - HOUR, purpose="move")])
    assert forecast_stages(sqlite_catalog, rules, now=NOON) == []


def test_a_backfill_is_counted_from_what_is_stored(vault: Vault) -> None:
    """A stage's backfill is the local media whose bucket is below its percentage, with their audio tracks."""
    local = [vault.store(f"video-{n}", Backend.LOCAL, is_transcribed=False) for n in range(6)]
    vault.store("remote", Backend.S3, is_transcribed=False)
    catch_up(vault.catalog)
    plan = forecast_stages(vault.catalog, vault.rules, now=vault.clock() + FIVE_MINUTES)
    assert [forecast.backfill_media for forecast in plan][-1] == 6
    for forecast in plan:
        moved = [media for media in local if bucket_of(media.share_id) < forecast.stage.percentage]
        assert (forecast.backfill_media, forecast.backfill_bytes) == (len(moved), sum(m.size_bytes for m in moved))


def test_past_stages_are_compared_with_their_forecast(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """Each period that a stage was in force has its recorded forecast and what S3 took in it, per day."""
    record(sqlite_catalog, [transfer(NOON - HOUR) for _ in range(5)])
    [expected] = forecast_stages(sqlite_catalog, rules, now=NOON, stages=[Stage(10)])
    first = decide(sqlite_catalog, Action.PROMOTE, Stage(10), 0, forecast=expected)
    decide(sqlite_catalog, Action.ADVISE, Stage(10), 2)
    decide(sqlite_catalog, Action.PROMOTE, Stage(25), 12)
    decide(sqlite_catalog, Action.ROLLBACK, Stage(25), 18, is_rolled_back=True)
    last = decide(sqlite_catalog, Action.RESUME, Stage(25), 24)
    record(
        sqlite_catalog,
        [
            *[transfer(NOON + n * HOUR, size_bytes=1_000_000) for n in range(3)],
            transfer(NOON + HOUR, backend="local"),
            transfer(NOON + HOUR, purpose="move"),
            transfer(NOON + 12 * HOUR),
            *[transfer(NOON + 20 * HOUR) for _ in range(9)],
            transfer(NOON + 25 * HOUR),
        ],
    )
    now = NOON + 26 * HOUR
    records = compare_stages(sqlite_catalog, rules, now=now)
    assert [(record.decision.decision_id, str(record.stage)) for record in records] == [
        (first.decision_id, "10%"),
        (first.decision_id + 2, "25%"),
        (last.decision_id, "25%"),
    ]
    assert [record.ended_at for record in records] == [NOON + 12 * HOUR, NOON + 18 * HOUR, None]
    assert [record.forecast for record in records] == [expected, None, None]
    assert [record.actual and record.actual.media_per_day for record in records] == [
        pytest.approx(6),
        pytest.approx(4),
        pytest.approx(12),
    ]
    actual = records[0].actual
    assert actual is not None
    assert actual.bytes_per_day == pytest.approx(6_000_000)
    assert actual.month.requests == pytest.approx(180 * 0.005 / 1000)


def test_a_stage_of_minutes_has_brought_nothing_yet(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """A stage that was in force for less than five whole minutes has no actual figures, because another shares them."""
    decide(sqlite_catalog, Action.PROMOTE, Stage(10), 1 / 60)
    record(sqlite_catalog, [transfer(NOON + timedelta(minutes=2)), transfer(NOON + timedelta(minutes=7))])
    [young] = compare_stages(sqlite_catalog, rules, now=NOON + timedelta(minutes=9))
    assert young.actual is None
    [older] = compare_stages(sqlite_catalog, rules, now=NOON + timedelta(minutes=10))
    assert older.actual is not None
    assert older.actual.media_per_day == pytest.approx(288)


def test_a_rollout_that_has_not_begun_has_no_stages(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """Without a decision there is no history, and none with a rollback before the first stage."""
    assert compare_stages(sqlite_catalog, rules, now=NOON) == []
    sqlite_catalog.rollout.append(
        Decision(Action.ROLLBACK, None, is_rolled_back=True, decided_at=NOON, decided_by="x", actor="x", reason="x")
    )
    assert compare_stages(sqlite_catalog, rules, now=NOON + HOUR) == []
