"""The asset that asks the gate and shows the rollout's stage. Under automatic control it promotes or aborts."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rollout.stages import RolloutControl
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.defs.common import ROLLOUT_ASSET
from bookmarkai_assets.defs.rollout_metrics import MEASURED_DAILY, rollout_metrics
from bookmarkai_assets.defs.storage_verification import storage_verification
from bookmarkai_assets.metadata.rollout import describe_stage, stage_metadata

DECISION_TAG = "bookmarkai/decision"
"""The tag with a decision's id, on the one materialization that shows it."""


@dg.asset(
    **ROLLOUT_ASSET,
    deps=[dg.AssetDep(rollout_metrics, partition_mapping=dg.LastPartitionMapping()), storage_verification],
    freshness_policy=MEASURED_DAILY,
    kinds={"s3", "sql"},
    tags={"stage": "decide"},
    description=describe_stage(
        "Where the rollout is, and what the gate says of it. Each decision is one materialization, whether the gate "
        "took it or a person with `bookmarkai rollout`. Materializing it asks the gate; with ROLLOUT_CONTROL=automatic "
        "that may promote or abort.",
    ),
)
def rollout_stage(
    context: dg.AssetExecutionContext,
    catalog: dg.ResourceParam[Catalog],
    rules: dg.ResourceParam[PipelineRules],
) -> Iterator[dg.MaterializeResult[None]]:
    from bookmarkai_assets.operations.rollout.current_policy import read_effective_policy  # noqa: PLC0415 - only its own runs need it
    from bookmarkai_assets.operations.rollout.deciding import evaluate  # noqa: PLC0415 - as above
    from bookmarkai_assets.operations.rollout.measuring import read_gate_figures  # noqa: PLC0415 - as above
    from bookmarkai_assets.operations.rollout.planning import forecast_stages  # noqa: PLC0415 - as above
    from bookmarkai_assets.operations.rollout.quiet import Measured, make_basis, reach_events, record_basis  # noqa: PLC0415 - as above

    position = reach_events(catalog)
    now = datetime.now(UTC)
    evaluation = evaluate(
        catalog,
        rules,
        figures=read_gate_figures(catalog, rules, now=now),
        now=now,
        actor=context.run.run_id,
        # Recorded with a decision, to be compared with what it brings. Nobody compares advice.
        forecasts=forecast_stages(catalog, rules, now=now) if rules.rollout.control is RolloutControl.AUTOMATIC else (),
    )
    decision = evaluation.decision
    basis = make_basis(
        catalog,
        rules,
        evaluation.judgement,
        position=position,
        decision_id=evaluation.state.decision_id,
        now=now,
    )
    yield dg.MaterializeResult(
        metadata=stage_metadata(
            evaluation.judgement, evaluation.state, read_effective_policy(catalog, rules), rules, decision
        ),
        tags={DECISION_TAG: str(decision.decision_id)} if decision else {},
    )
    record_basis(catalog, Measured.STAGE, basis)
