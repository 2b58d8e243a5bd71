"""The asset with the rollout's figures, a partition per day, and its checks: one for each rule of the gate."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rollout.gate_figures import RuleName, RuleResult, RuleStatus
from bookmarkai_assets.core.rollout.windows import Window, day_of
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.defs.common import ROLLOUT_ASSET, looks_at
from bookmarkai_assets.defs.stored_media import stored_media
from bookmarkai_assets.defs.transcript import transcript
from bookmarkai_assets.metadata.rollout import FIGURE_COLUMNS, day_metadata, describe_metrics, rule_metadata
from bookmarkai_assets.metadata.tables import table_schema
from bookmarkai_assets.partitions import days_partitions

DAYS_PER_RUN = 31
"""The days that one run of a backfill takes: a month takes a few seconds, most of them for the start."""

MEASURED_DAILY = dg.FreshnessPolicy.cron(deadline_cron="30 0 * * *", lower_bound_delta=timedelta(minutes=30))
"""Each day begins with a measurement. The others follow changes: while nothing changes there is nothing to be late."""

_QUESTIONS = {
    RuleName.UPLOAD_FAILURES: "Few enough uploads to S3 fail",
    RuleName.MEAN_UPLOAD: "An upload to S3 is fast enough on average",
    RuleName.ACCESS_DENIED: "S3 has denied access to nothing",
    RuleName.NOTHING_LOST: "The last verification, and the reads since, found nothing missing or different",
    RuleName.COST: "The month's projected cost is within the budget",
    RuleName.DOWNLOAD_P95: "95% of workers' downloads from S3 are fast enough",
}


@dg.asset(
    **ROLLOUT_ASSET,
    partitions_def=days_partitions,
    deps=[looks_at(stored_media), looks_at(transcript)],
    backfill_policy=dg.BackfillPolicy.multi_run(DAYS_PER_RUN),
    freshness_policy=MEASURED_DAILY,
    kinds={"s3", "table"},
    tags={"stage": "measure"},
    metadata={"dagster/column_schema": table_schema(FIGURE_COLUMNS)},
    check_specs=[
        dg.AssetCheckSpec(
            rule.value,
            asset="rollout_metrics",
            description=f"{_QUESTIONS[rule]}: a rule of the gate, over the transfers of the present stage. It passes "
            "while there is too little to judge by, and says so; the gate promotes nothing until then",
        )
        for rule in RuleName
    ],
    description=describe_metrics(
        "What moving to S3 does, measured from every transfer: rates, latency, errors, bytes and cost of a UTC day. "
        "Today's partition is measured again within five minutes of a change; past days can be backfilled.",
    ),
)
def rollout_metrics(
    context: dg.AssetExecutionContext,
    catalog: dg.ResourceParam[Catalog],
    rules: dg.ResourceParam[PipelineRules],
) -> Iterator[dg.MaterializeResult[None]]:
    from bookmarkai_assets.operations.rollout.deciding import read_state  # noqa: PLC0415 - only its own runs need it
    from bookmarkai_assets.operations.rollout.evidence import judge_stage  # noqa: PLC0415 - as above
    from bookmarkai_assets.operations.rollout.measuring import measure_day, read_gate_figures  # noqa: PLC0415 - as above
    from bookmarkai_assets.operations.rollout.quiet import Measured, make_basis, reach_events, record_basis  # noqa: PLC0415 - as above

    position = reach_events(catalog)
    now = datetime.now(UTC)
    for day in context.partition_keys:
        metrics = measure_day(catalog, rules, parse_day(day), now=now)
        context.add_asset_metadata(day_metadata(metrics, rules), partition_key=day)
    # Whichever day is measured, the checks are about now: a backfill of the past must leave no check with old figures.
    figures = read_gate_figures(catalog, rules, now=now)
    state = read_state(catalog)
    judgement = judge_stage(rules, figures, state, now=now)
    basis = make_basis(catalog, rules, judgement, position=position, decision_id=state.decision_id, now=now)
    yield dg.MaterializeResult(check_results=[_make_check_result(result, figures.window) for result in judgement.rules])
    if format_day(day_of(now)) in context.partition_keys:
        record_basis(catalog, Measured.FIGURES, basis)


def format_day(day: Window) -> str:
    """Return the partition of a UTC day."""
    return f"{day.start:%Y-%m-%d}"


def parse_day(partition_key: str) -> Window:
    """Return the UTC day of a partition."""
    return day_of(datetime.fromisoformat(partition_key).replace(tzinfo=UTC))


def _make_check_result(result: RuleResult, window: Window) -> dg.AssetCheckResult:
    is_open = result.status is RuleStatus.INSUFFICIENT
    return dg.AssetCheckResult(
        check_name=result.rule.value,
        passed=result.status is not RuleStatus.FAIL,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"too little to judge by yet: {result.detail}" if is_open else result.detail,
        metadata=rule_metadata(result, window),
    )
