"""The contents page of the code location. It lists every asset, job, sensor and schedule.

Importing it reads the environment.
"""

import gc
from collections.abc import Mapping
from typing import Any

import dagster as dg

# What Dagster has loaded stays for the process's life. Frozen, it is not searched for garbage again and again, nor is
# it taken apart at the end: some 30% of the CPU of a short run (bench/import_cost.py). A code server does not grow by
# this: it comes here once, a reload is a new process, and what is made from here on is collected as ever.
gc.freeze()

from bookmarkai_assets.defs.alerts import alerts, failed_runs, make_cloudwatch_sensor
from bookmarkai_assets.defs.code_references import with_code_references
from bookmarkai_assets.defs.dagster_retention import (
    dagster_retention,
    daily_dagster_retention,
    prune_dagster,
)
from bookmarkai_assets.defs.dead_runs import dead_runs
from bookmarkai_assets.defs.local_cleanup import clean_up_local_media, daily_local_cleanup, local_cleanup
from bookmarkai_assets.defs.new_shares import new_shares
from bookmarkai_assets.defs.raw_video import raw_video
from bookmarkai_assets.defs.retry_debt import hourly_retry_debt, measure_retry_debt, retry_debt
from bookmarkai_assets.defs.rollout_decisions import rollout_decisions
from bookmarkai_assets.defs.rollout_metrics import rollout_metrics
from bookmarkai_assets.defs.rollout_schedule import five_minute_rollout_metrics, measure_rollout
from bookmarkai_assets.defs.rollout_stage import rollout_stage
from bookmarkai_assets.defs.share_to_transcript import share_to_transcript
from bookmarkai_assets.defs.shares import shares
from bookmarkai_assets.defs.stale_transcripts import (
    daily_stale_transcripts,
    look_for_stale_transcripts,
    made_as_set,
)
from bookmarkai_assets.defs.storage_verification import (
    storage_verification,
    verify_stored_media,
    weekly_storage_verification,
)
from bookmarkai_assets.defs.stored_media import stored_media
from bookmarkai_assets.defs.transcript import transcript
from bookmarkai_assets.defs.uploaded_media import QUEUE_INTERVAL_SECONDS, make_uploaded_media_sensor
from bookmarkai_assets.resources import build_resources
from bookmarkai_assets.settings.settings import Settings, load_settings
from bookmarkai_assets.wiring.logs import set_up_logs
from bookmarkai_assets.wiring.speech import speech_code_version

EXECUTOR = dg.in_process_executor.configured({"step_dependency_config": {"require_upstream_step_success": False}})
"""Runs every step in one process. A run is short, and its steps share model and connections: 1.1 s instead of 9.6 s.

A step begins once it has its inputs, also when the step that made them has failed since. So every planned check is
evaluated, and none is shown as failed because a share was (docs/adr/0033).
"""


def build_defs(settings: Settings, *, resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Build the code location. `resources` replaces resources by key, so that tests run the production graph."""
    code_version = speech_code_version(settings)
    cloudwatch_metrics = make_cloudwatch_sensor(is_on=settings.cloudwatch_namespace is not None)
    has_queue = settings.upload_events_queue_url is not None
    uploaded_media = make_uploaded_media_sensor(
        is_on=settings.has_bucket,
        interval_seconds=QUEUE_INTERVAL_SECONDS if has_queue else settings.upload_poll_seconds,
    )
    return dg.Definitions(
        assets=[
            shares,
            *with_code_references(
                [
                    raw_video,
                    stored_media,
                    transcript.map_asset_specs(lambda spec: spec.replace_attributes(code_version=code_version)),
                    local_cleanup,
                    storage_verification,
                    dagster_retention,
                    rollout_metrics,
                    rollout_stage,
                    retry_debt,
                ]
            ),
        ],
        asset_checks=[made_as_set],
        jobs=[
            share_to_transcript,
            clean_up_local_media,
            verify_stored_media,
            prune_dagster,
            measure_rollout,
            measure_retry_debt,
            look_for_stale_transcripts,
        ],
        sensors=[new_shares, uploaded_media, dead_runs, rollout_decisions, failed_runs, alerts, cloudwatch_metrics],
        schedules=[
            daily_local_cleanup,
            daily_dagster_retention,
            weekly_storage_verification,
            five_minute_rollout_metrics,
            hourly_retry_debt,
            daily_stale_transcripts,
        ],
        resources={**build_resources(settings), **(resources or {})},
        executor=EXECUTOR,
    )


def _load() -> dg.Definitions:
    settings = load_settings()
    set_up_logs(settings.log_format)
    return build_defs(settings)


defs = _load()
