"""The asset and the daily schedule that keep the local directory small without losing anything."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.defs.common import STORAGE_ASSET, AutomationTag, looks_at, upkeep_tags
from bookmarkai_assets.defs.stored_media import stored_media
from bookmarkai_assets.defs.transcript import transcript
from bookmarkai_assets.metadata.keys import describe_asset
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.stores import Stores

NOTHING_FAILED = "nothing_failed"


@dg.asset(
    **STORAGE_ASSET,
    deps=[looks_at(stored_media), looks_at(transcript)],
    freshness_policy=dg.FreshnessPolicy.cron(
        deadline_cron="0 12 * * *", lower_bound_delta=timedelta(hours=8, minutes=30)
    ),
    kinds={"s3", "file"},
    tags={"stage": "clean-up"},
    check_specs=[
        dg.AssetCheckSpec(
            NOTHING_FAILED,
            asset="local_cleanup",
            description="Everything could be looked at, and what may go could be removed. Amber: what could not "
            "is still there, and the next clean-up tries again",
        )
    ],
    description=describe_asset(
        "local_cleanup",
        "Local copies that were proven in S3 at that moment, or that nobody needs any more, removed with a tombstone "
        "each; and what killed work had left behind.",
    ),
)
def local_cleanup(
    context: dg.AssetExecutionContext,
    catalog: dg.ResourceParam[Catalog],
    rules: dg.ResourceParam[PipelineRules],
    stores: dg.ResourceParam[Stores],
) -> Iterator[dg.MaterializeResult[None]]:
    from bookmarkai_assets.metadata.storage import cleanup_metadata  # noqa: PLC0415 - only its own runs need it
    from bookmarkai_assets.operations.storage.clean_up import clean_up  # noqa: PLC0415 - as above

    hold = Hold(catalog, rules, stores, owner=context.run.run_id, clock=lambda: datetime.now(UTC))
    report = clean_up(hold)
    yield dg.MaterializeResult(
        metadata=cleanup_metadata(report),
        check_results=[
            dg.AssetCheckResult(
                check_name=NOTHING_FAILED,
                passed=not report.failed,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"{len(report.failed)} could not be looked at or removed",
            )
        ],
    )


clean_up_local_media = dg.define_asset_job(
    "clean_up_local_media",
    selection=dg.AssetSelection.assets(local_cleanup),
    tags=upkeep_tags(max_runtime_hours=8),
    description="Remove local copies that are proven in S3, or past their retention and transcribed",
)

daily_local_cleanup = dg.ScheduleDefinition(
    name="daily_local_cleanup",
    job=clean_up_local_media,
    cron_schedule="30 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    tags=AutomationTag.CLEAN_UP.tags,
    description="Every night at 3:30 UTC, after S3's own clean-up by lifecycle, which begins at midnight. Removes "
    "local copies that nobody needs",
)
