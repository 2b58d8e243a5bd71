"""How one step of a run yields many partitions, of which some may have failed.

The three assets pass `{share id: result or failure}` along. This module is the only place that knows how Dagster
records partitions, and the only one that touches a private attribute of it.
"""

import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.partitions.subset import DefaultPartitionsSubset

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.reports import failure_summary
from bookmarkai_assets.operations.stores import Stores

CLAIM_TAG = "bookmarkai/claim"
"""Run tag with the claim that a run was launched for."""

ShareResults = dict[str, Any]
"""`{share id: the step's result, or the Failure that this share ended with}`."""

RunMetadata = Mapping[str, dg.MetadataValue | str | int | float | bool | None]


def hold_of(run: dg.DagsterRun, catalog: Catalog, rules: PipelineRules, stores: Stores) -> Hold:
    """Return a run's hold on its shares. A re-execution was asked for by a person: it has no claim."""
    return Hold(
        catalog=catalog,
        rules=rules,
        stores=stores,
        owner=run.run_id,
        claim_id=run.tags.get(CLAIM_TAG) if run.parent_run_id is None else None,
        clock=lambda: datetime.now(UTC),
        jitter=random.random,
    )


def yield_results(
    context: dg.AssetExecutionContext,
    hold: Hold,
    results: ShareResults,
    describe: Callable[[Any], RunMetadata] | None = None,
    check: Callable[[ShareResults], Iterable[dg.AssetCheckResult]] | None = None,
    inputs: Mapping[str, Any] | None = None,
    data_version: dg.DataVersion | None = None,
) -> Iterator[dg.Output[ShareResults] | dg.AssetCheckResult]:
    """Yield a step's results with metadata per partition, then fail the step if it is the run's last and any failed.

    The IO manager may turn results into failures while it stores them. When not one share is left, the step ends the
    run at once. `check` looks at what was stored; it too may turn results into failures, which the next step then
    leaves out. What was only postponed has not failed: its partition stays as it was. Each share that has no result is
    observed at its partition, once in a run: what failed in `inputs` was so at the step before this one, if the run has
    one. `data_version` is that of them all: Dagster has one for a run's partitions. Raises `dagster.Failure` naming
    each failed share.
    """
    told = failures_in(inputs or {}).keys() if _has_step_before(context) else frozenset[str]()
    observe_failures(context, hold.catalog, {key: why for key, why in failures_in(results).items() if key not in told})
    if describe is not None:
        for share_id, result in results.items():
            if not isinstance(result, Failure):
                context.add_asset_metadata(dict(describe(result)), partition_key=share_id)
    if len(failures_in(results)) < len(results):
        # Nothing here may rely on being resumed, or closed in time: when the IO manager raises, Dagster does neither.
        yield _output(results, data_version)
        if check is not None:
            before = failures_in(results).keys()
            found = list(check(results))
            fresh = {key: why for key, why in failures_in(results).items() if key not in before}
            observe_failures(context, hold.catalog, fresh)
            if len(failures_in(results)) == len(results):
                hold.release()  # a failed check that blocks ends the run with this event
            yield from found
        if not _is_last_of_run(context):
            return
    hold.release()
    failures = {
        share_id: failure
        for share_id, failure in failures_in(results).items()
        if failure.outcome is not Outcome.POSTPONED
    }
    if failures:
        raise run_failure(failures, len(results))


def observe_failures(
    context: dg.AssetExecutionContext | dg.OutputContext, catalog: Catalog, failures: Mapping[str, Failure]
) -> None:
    """Show at each share's partition why it has no result, what comes next and when: where an analyst clicks first."""
    for share_id, failure in failures.items():
        context.log_event(
            dg.AssetObservation(
                asset_key=context.asset_key,
                partition=share_id,
                description=f"{failure.outcome}: {failure.reason}",
                metadata=failure_summary(catalog, share_id, failure).as_dict(),
            )
        )


def failures_in(results: Mapping[str, Any]) -> dict[str, Failure]:
    """Pick the failed shares."""
    return {share_id: result for share_id, result in results.items() if isinstance(result, Failure)}


def run_failure(failures: Mapping[str, Failure], total: int) -> dg.Failure:
    """Build the error that names each failed share. Dagster must not retry it: the catalog decides when."""
    others = ", the others went on" if len(failures) < total else ""
    lines = [f"{share_id}: {failure.outcome}: {failure.reason}" for share_id, failure in failures.items()]
    return dg.Failure(
        description=f"{len(failures)} of {total} shares failed{others}\n" + "\n".join(lines),
        metadata={share_id: f"{failure.outcome}. {failure.next_step}" for share_id, failure in failures.items()},
        allow_retries=False,
    )


def narrow_to(context: dg.OutputContext, share_ids: set[str]) -> None:
    """Tell Dagster which of the run's partitions this output materializes: these and no others.

    Dagster has no public way to say so; a contract test holds this one for the pinned version. With no partition left
    Dagster would record a materialization of the asset as a whole, so an empty set is an error (`ValueError`).
    """
    if not share_ids:
        raise ValueError("expected at least one materialized partition, found none; raise the failure instead")
    context._asset_partitions_subset = DefaultPartitionsSubset(share_ids)  # noqa: SLF001 - see the docstring


def _output(results: ShareResults, data_version: dg.DataVersion | None) -> dg.Output[ShareResults]:
    with warnings.catch_warnings():
        # Known and accepted: Dagster's version is pinned.
        warnings.filterwarnings("ignore", message="Parameter `data_version`", category=dg.BetaWarning)
        return dg.Output(results, data_version=data_version)


def _has_step_before(context: dg.AssetExecutionContext) -> bool:
    """Tell whether an asset that this one is made from is part of the run."""
    graph = context.job_def.asset_layer.asset_graph
    return bool(graph.get(context.asset_key).parent_keys & _selected(context))


def _selected(context: dg.AssetExecutionContext) -> frozenset[dg.AssetKey]:
    return frozenset(context.run.asset_selection or context.job_def.asset_layer.executable_asset_keys)


def _is_last_of_run(context: dg.AssetExecutionContext) -> bool:
    """Tell whether no asset downstream of this one is part of the run."""
    graph = context.job_def.asset_layer.asset_graph
    below, frontier = set[dg.AssetKey](), {context.asset_key}
    while frontier:
        frontier = {child for key in frontier for child in graph.get(key).child_keys} - below
        below |= frontier
    return not below & _selected(context)
