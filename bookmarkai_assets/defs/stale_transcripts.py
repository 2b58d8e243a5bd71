"""The check that shows which transcripts are stale, and the daily schedule that looks.

Dagster shows that a partition is stale on the partition's own page only. This names them all, where the asset is.
"""

import dagster as dg

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.shares.dagster_ui import DagsterUI
from bookmarkai_assets.core.transcripts.ports import SpeechEngine
from bookmarkai_assets.defs.common import upkeep_tags
from bookmarkai_assets.defs.transcript import transcript
from bookmarkai_assets.metadata.tables import MAX_ROWS
from bookmarkai_assets.metadata.transcripts import staleness_metadata
from bookmarkai_assets.partitions import shares_partitions

MADE_AS_SET = "made_as_set"


@dg.asset_check(
    name=MADE_AS_SET,
    asset=transcript.key,
    description="All transcripts that stand were made by the engine, version, model and parameters that are set. Names "
    "those that were not, with a selection that makes just them again. Looks every day and after each run of a "
    "backfill; press Execute to look now. `bookmarkai transcripts stale` shows the same",
)
def made_as_set(
    context: dg.AssetCheckExecutionContext,
    catalog: dg.ResourceParam[Catalog],
    speech: dg.ResourceParam[SpeechEngine],
    ui: dg.ResourceParam[DagsterUI],
) -> dg.AssetCheckResult:
    from bookmarkai_assets.operations.transcripts.stale import current_recipe, staleness_report  # noqa: PLC0415 - only its own runs need it

    report = staleness_report(
        catalog,
        current_recipe(speech),
        lambda: context.instance.get_dynamic_partitions(shares_partitions.name or ""),
        limit=MAX_ROWS,
        ui=ui,
    )
    return dg.AssetCheckResult(
        passed=report.stale == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{report.stale:,} of {report.transcripts:,} transcripts are stale" if report.stale else None,
        metadata=staleness_metadata(report),
    )


look_for_stale_transcripts = dg.define_asset_job(
    "look_for_stale_transcripts",
    selection=dg.AssetSelection.checks(made_as_set),
    tags=upkeep_tags(max_runtime_hours=1),
    description="Compare what made the transcripts with what is set",
)

daily_stale_transcripts = dg.ScheduleDefinition(
    name="daily_stale_transcripts",
    job=look_for_stale_transcripts,
    cron_schedule="40 5 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every day, after the night's clean-up, which takes media away",
)
