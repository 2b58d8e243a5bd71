"""The asset that shows which failures stand, and the hourly schedule that looks."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.shares.dagster_ui import DagsterUI
from bookmarkai_assets.defs.common import DEBT_ASSET, AutomationTag, looks_at, upkeep_tags
from bookmarkai_assets.defs.raw_video import raw_video
from bookmarkai_assets.defs.shares import shares
from bookmarkai_assets.defs.stored_media import stored_media
from bookmarkai_assets.defs.transcript import transcript
from bookmarkai_assets.metadata.keys import DEBT_COLUMNS, describe_asset
from bookmarkai_assets.metadata.tables import table_schema
from bookmarkai_assets.partitions import shares_partitions


@dg.asset(
    **DEBT_ASSET,
    deps=[shares, looks_at(raw_video), looks_at(stored_media), looks_at(transcript)],
    freshness_policy=dg.FreshnessPolicy.time_window(
        fail_window=timedelta(hours=3), warn_window=timedelta(hours=1, minutes=30)
    ),
    kinds={"sql", "table"},
    tags={"stage": "measure"},
    metadata={"dagster/column_schema": table_schema(DEBT_COLUMNS, {"shares": "integer"})},
    description=describe_asset(
        "retry_debt",
        "The shares that failed and stand: given up, or waiting for their next try, by outcome, platform and age, each "
        "with the command that retries them. `bookmarkai shares debt` shows the same at any moment.",
    ),
)
def retry_debt(
    context: dg.AssetExecutionContext, catalog: dg.ResourceParam[Catalog], ui: dg.ResourceParam[DagsterUI]
) -> dg.MaterializeResult[None]:
    from bookmarkai_assets.metadata.failures import debt_metadata  # noqa: PLC0415 - only its own runs need it
    from bookmarkai_assets.operations.failures import debt  # noqa: PLC0415 - as above

    now = datetime.now(UTC)
    partitions = context.instance.get_dynamic_partitions(shares_partitions.name or "")
    return dg.MaterializeResult(
        metadata=debt_metadata(debt.debt_report(catalog, now=now, partitions=partitions, ui=ui))
    )


measure_retry_debt = dg.define_asset_job(
    "measure_retry_debt", selection=dg.AssetSelection.assets(retry_debt), description="Add up the failures that stand"
)

hourly_retry_debt = dg.ScheduleDefinition(
    name="hourly_retry_debt",
    job=measure_retry_debt,
    cron_schedule="17 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    tags={**upkeep_tags(max_runtime_hours=1), **AutomationTag.MEASURE.tags},
    description="Every hour, at 17 minutes past: adds up the failures that stand. It is never idle, and says so when "
    "nothing has failed",
)
