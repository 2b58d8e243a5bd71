"""The code location's shape: what analysts find in the UI, and that every part of it is described."""

import dagster as dg
import pytest

from bookmarkai_assets.core.rollout.gate import RuleName
from bookmarkai_assets.core.transcripts.doubts import DoubtKind
from bookmarkai_assets.definitions import build_defs
from bookmarkai_assets.metadata.keys import KEYS
from bookmarkai_assets.metadata.rollout import DAY_KEYS, STAGE_KEYS, WINDOW_KEYS
from bookmarkai_assets.settings.settings import load_settings
from tests.plugins.pipeline import ASSETS


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    """Return the production definitions with default settings."""
    return build_defs(load_settings(env_file=None))


def test_the_graph_is_this_one(defs: dg.Definitions) -> None:
    """The graph's shape is a decision, so this snapshot changes with it."""
    graph = defs.resolve_asset_graph()
    assert {
        key.to_user_string(): sorted(k.to_user_string() for k in graph.get(key).parent_keys)
        for key in graph.get_all_asset_keys()
    } == {
        "raw_video": [],
        "stored_media": ["raw_video"],
        "transcript": ["stored_media"],
        "local_cleanup": [],
        "storage_verification": [],
        "rollout_metrics": [],
        "rollout_stage": ["rollout_metrics"],
        "retry_debt": [],
    }
    repository = defs.get_repository_def()
    assert sorted(name for name in repository.job_names if not name.startswith("__")) == [
        "clean_up_local_media",
        "look_for_stale_transcripts",
        "measure_retry_debt",
        "measure_rollout",
        "share_to_transcript",
        "verify_stored_media",
    ]
    assert sorted(sensor.name for sensor in repository.sensor_defs) == [
        "alerts",
        "cloudwatch_metrics",
        "dead_runs",
        "failed_runs",
        "new_shares",
        "rollout_decisions",
    ]
    assert {schedule.name: schedule.cron_schedule for schedule in repository.schedule_defs} == {
        "daily_local_cleanup": "30 3 * * *",
        "weekly_storage_verification": "30 4 * * 0",
        "five_minute_rollout_metrics": "*/5 * * * *",
        "hourly_retry_debt": "17 * * * *",
        "daily_stale_transcripts": "40 5 * * *",
    }
    assert {key.to_user_string() for key in graph.asset_check_keys} == {
        "local_cleanup:nothing_failed",
        "stored_media:bytes_are_there",
        "storage_verification:nothing_is_missing_or_different",
        *(f"transcript:{kind}" for kind in DoubtKind),
        "transcript:made_as_set",
        *(f"rollout_metrics:{rule}" for rule in RuleName),
    }


def test_a_shares_run_makes_all_its_assets(defs: dg.Definitions) -> None:
    """With their own checks, and without the one that looks at the transcripts of all shares."""
    layer = defs.resolve_job_def("share_to_transcript").asset_layer
    assert {key.to_user_string() for key in layer.selected_asset_keys} == set(ASSETS)
    assert {key.to_user_string() for key in layer.asset_graph.asset_check_keys} == {
        "stored_media:bytes_are_there",
        *(f"transcript:{kind}" for kind in DoubtKind),
    }


@pytest.mark.parametrize("asset", ASSETS)
def test_every_asset_is_described(defs: dg.Definitions, asset: str) -> None:
    """An asset has owners, kinds, group, tags and a description that documents each metadata key."""
    spec = next(spec for spec in defs.resolve_all_asset_specs() if spec.key == dg.AssetKey(asset))
    assert spec.owners
    assert spec.kinds
    assert spec.group_name == "media"
    assert spec.tags.get("stage")
    assert spec.partitions_def == dg.DynamicPartitionsDefinition(name="shares")
    for key, meaning in KEYS[asset].items():
        assert f"| `{key}` | {meaning} |" in (spec.description or "")


@pytest.mark.parametrize(
    ("asset", "group"),
    [("local_cleanup", "storage"), ("storage_verification", "storage"), ("retry_debt", "failures")],
)
def test_every_asset_about_the_whole_is_described(defs: dg.Definitions, asset: str, group: str) -> None:
    """An asset without partitions has owners, kinds, group, tags and a description that documents each metadata key."""
    spec = next(spec for spec in defs.resolve_all_asset_specs() if spec.key == dg.AssetKey(asset))
    assert spec.owners
    assert spec.kinds
    assert spec.group_name == group
    assert spec.tags.get("stage")
    assert spec.partitions_def is None
    for key, meaning in KEYS[asset].items():
        assert f"| `{key}` | {meaning} |" in (spec.description or "")


@pytest.mark.parametrize(
    ("asset", "keys"),
    [
        ("rollout_metrics", DAY_KEYS | WINDOW_KEYS),
        ("rollout_stage", STAGE_KEYS),
    ],
)
def test_every_asset_about_the_rollout_is_described(defs: dg.Definitions, asset: str, keys: dict[str, str]) -> None:
    """An asset about the rollout has owners, kinds, group, tags and a description that documents each metadata key."""
    spec = next(spec for spec in defs.resolve_all_asset_specs() if spec.key == dg.AssetKey(asset))
    assert spec.owners
    assert spec.kinds
    assert spec.group_name == "rollout"
    assert spec.tags.get("stage")
    for key, meaning in keys.items():
        assert f"| `{key}` | {meaning} |" in (spec.description or "")


def test_sensor_and_schedules_run_without_being_switched_on(defs: dg.Definitions) -> None:
    """A fresh installation processes shares, cleans up, verifies and measures by itself."""
    for sensor in defs.get_repository_def().sensor_defs:
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
        assert sensor.description
    for schedule in defs.get_repository_def().schedule_defs:
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
        assert schedule.execution_timezone == "UTC"
        assert schedule.description


def test_backfills_pack_partitions_into_runs(defs: dg.Definitions) -> None:
    """A backfill of many partitions makes runs of at most ten, and all three assets agree on that."""
    graph = defs.resolve_asset_graph()
    assert {graph.get(dg.AssetKey(asset)).backfill_policy for asset in ASSETS} == {dg.BackfillPolicy.multi_run(10)}


def test_no_resource_shows_configuration(defs: dg.Definitions) -> None:
    """No setting, and so no secret, can appear in the UI's launchpad or resource pages."""
    resources = defs.get_repository_def().get_top_level_resources()
    for resource in resources.values():
        schema = resource.config_schema
        assert not getattr(schema.config_type, "fields", {})
