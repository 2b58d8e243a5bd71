"""The asset that shows which failures stand, and the hourly schedule that looks."""

from datetime import UTC, datetime

import dagster as dg

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.defs.common import DEBT_ASSET
from bookmarkai_assets.metadata.failures import DEBT_KEYS, debt_metadata
from bookmarkai_assets.metadata.tables import describe_asset
from bookmarkai_assets.operations.failures.debt import DebtReport
from bookmarkai_assets.operations.failures.debt import retry_debt as debt_now
from bookmarkai_assets.partitions import shares_partitions


@dg.asset(
    **DEBT_ASSET,
    kinds={"sql"},
    tags={"stage": "measure"},
    description=describe_asset(
        "The shares that failed and stand: given up, or waiting for their next try, by outcome, platform and age, each "
        "with the command that retries them. `bookmarkai shares debt` shows the same at any moment.",
        DEBT_KEYS,
    ),
)
def retry_debt(context: dg.AssetExecutionContext, catalog: dg.ResourceParam[Catalog]) -> dg.MaterializeResult[None]:
    now = datetime.now(UTC)
    partitions = context.instance.get_dynamic_partitions(shares_partitions.name or "")
    return dg.MaterializeResult(metadata=debt_metadata(DebtReport(now, debt_now(catalog, now=now), partitions)))


measure_retry_debt = dg.define_asset_job(
    "measure_retry_debt", selection=dg.AssetSelection.assets(retry_debt), description="Add up the failures that stand"
)

hourly_retry_debt = dg.ScheduleDefinition(
    name="hourly_retry_debt",
    job=measure_retry_debt,
    cron_schedule="17 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every hour, away from what begins on the hour",
)
