"""The code location's shape: what analysts find in the UI, and that every part of it is described."""

import dagster as dg
import pytest

from bookmarkai_assets.adapters.catalog.tables.shares import shares as table
from bookmarkai_assets.core.rollout.gate import RuleName
from bookmarkai_assets.core.transcripts.doubts import DoubtKind
from bookmarkai_assets.definitions import build_defs
from bookmarkai_assets.metadata.keys import KEYS
from bookmarkai_assets.metadata.rollout import DAY_KEYS, STAGE_KEYS, WINDOW_KEYS
from bookmarkai_assets.settings.settings import load_settings
from tests.plugins.pipeline import ASSETS
from tests.support.project import PROJECT


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
        "shares": [],
        "raw_video": ["shares"],
        "stored_media": ["raw_video"],
        "transcript": ["stored_media"],
        "local_cleanup": ["stored_media", "transcript"],
        "storage_verification": ["stored_media", "transcript"],
        "dagster_retention": ["shares"],
        "rollout_metrics": ["stored_media", "transcript"],
        "rollout_stage": ["rollout_metrics", "storage_verification"],
        "retry_debt": ["raw_video", "shares", "stored_media", "transcript"],
    }
    repository = defs.get_repository_def()
    assert sorted(name for name in repository.job_names if not name.startswith("__")) == [
        "clean_up_local_media",
        "look_for_stale_transcripts",
        "measure_retry_debt",
        "measure_rollout",
        "prune_dagster",
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
        "uploaded_media",
    ]
    assert {schedule.name: schedule.cron_schedule for schedule in repository.schedule_defs} == {
        "daily_local_cleanup": "30 3 * * *",
        "daily_dagster_retention": "10 2 * * *",
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
    [
        ("local_cleanup", "storage"),
        ("storage_verification", "storage"),
        ("dagster_retention", "storage"),
        ("retry_debt", "failures"),
    ],
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
    """A fresh installation processes shares, cleans up, verifies and measures by itself.

    What publishes to CloudWatch and what looks for uploads are off, for they have no namespace and no bucket.
    """
    for sensor in defs.get_repository_def().sensor_defs:
        is_off = sensor.name in {"cloudwatch_metrics", "uploaded_media"}
        assert sensor.default_status is dg.DefaultSensorStatus("STOPPED" if is_off else "RUNNING")
        assert sensor.description
    for schedule in defs.get_repository_def().schedule_defs:
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
        assert schedule.execution_timezone == "UTC"
        assert schedule.description


def test_a_namespace_switches_its_sensor_on() -> None:
    """With CLOUDWATCH_NAMESPACE set, the sensor that publishes there runs without being switched on."""
    sensor = build_defs(load_settings(env_file=None, cloudwatch_namespace="BookmarkAI")).resolve_sensor_def(
        "cloudwatch_metrics"
    )
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_a_bucket_switches_its_sensor_on() -> None:
    """With S3_MEDIA_BUCKET set, uploads are looked for: as often as the setting says, or at once by their events."""
    bucket = {"s3_media_bucket": "media", "aws_region": "eu-central-1"}
    queue = {"upload_events_queue_url": "https://sqs.eu-central-1.amazonaws.com/123456789012/uploads"}
    for options, seconds in (({"upload_poll_seconds": 40}, 40), (queue, 1)):
        defs = build_defs(load_settings(env_file=None, **bucket, **options))
        sensor = defs.resolve_sensor_def("uploaded_media")
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
        assert sensor.minimum_interval_seconds == seconds


def test_every_asset_on_a_schedule_says_when_it_is_late(defs: dg.Definitions) -> None:
    """Each asset that a schedule makes has a freshness policy."""
    jobs = {schedule.job_name for schedule in defs.get_repository_def().schedule_defs}
    scheduled = {key for job in jobs for key in defs.resolve_job_def(job).asset_layer.selected_asset_keys}
    specs = {spec.key: spec for spec in defs.resolve_all_asset_specs()}
    assert {key.to_user_string() for key in scheduled} == {
        "local_cleanup",
        "storage_verification",
        "dagster_retention",
        "rollout_metrics",
        "rollout_stage",
        "retry_debt",
    }
    assert all(specs[key].freshness_policy for key in scheduled)


@pytest.mark.parametrize("asset", ["shares", "rollout_metrics", "retry_debt", "storage_verification"])
def test_assets_that_are_tables_have_described_columns(defs: dg.Definitions, asset: str) -> None:
    """The page's Columns tab names each column and what it means."""
    spec = next(spec for spec in defs.resolve_all_asset_specs() if spec.key == dg.AssetKey(asset))
    schema = spec.metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert schema.columns
    assert all(column.description for column in schema.columns)


def test_the_shares_are_the_gateways_table(defs: dg.Definitions) -> None:
    """The asset that every lineage begins with is not materialized here, and has the columns of the gateway's table."""
    spec = next(spec for spec in defs.resolve_all_asset_specs() if spec.key == dg.AssetKey("shares"))
    assert defs.resolve_asset_graph().get(spec.key).is_external
    assert spec.owners == ["team:gateway"]
    assert "ARCHITECTURE.md" in (spec.description or "")
    assert {column.name for column in spec.metadata["dagster/column_schema"].columns} == set(table.columns.keys())


def test_each_asset_says_where_its_code_is(defs: dg.Definitions) -> None:
    """The reference is a file of the project and a line, and does not say where a server has the project."""
    for spec in defs.resolve_all_asset_specs():
        if spec.key == dg.AssetKey("shares"):
            continue
        [reference] = spec.metadata["dagster/code_references"].code_references
        name = spec.key.to_user_string()
        assert reference.file_path == f"bookmarkai_assets/defs/{name}.py"
        lines = (PROJECT / reference.file_path).read_text().splitlines()
        assert any(f"def {name}(" in line for line in lines[reference.line_number - 1 : reference.line_number + 60])


def test_schedules_and_sensors_say_what_they_are_for(defs: dg.Definitions) -> None:
    """Those of the rollout, the storage and the alerts have the tag `bookmarkai/does`, by which the UI filters."""
    repository = defs.get_repository_def()
    tags = {one.name: one.tags.get("bookmarkai/does") for one in repository.schedule_defs}
    tags |= {one.name: one.tags.get("bookmarkai/does") for one in repository.sensor_defs}
    assert (
        tags.items()
        >= {
            "daily_local_cleanup": "clean-up",
            "daily_dagster_retention": "clean-up",
            "weekly_storage_verification": "verify",
            "five_minute_rollout_metrics": "measure",
            "hourly_retry_debt": "measure",
            "rollout_decisions": "tell",
            "failed_runs": "tell",
            "alerts": "tell",
            "cloudwatch_metrics": "tell",
            "uploaded_media": "take-in",
        }.items()
    )


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
