"""How one step of a run yields many partitions, of which some may have failed.

The three assets pass `ShareResults` along, a result or a failure for each share. This module is the only place that
knows how they are reported to Dagster; what Dagster has no published way for is in `dagster_internals`.
"""

import random
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import dagster as dg

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.dagster_internals import has_step_before, is_last_of_run
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.share_results import ShareResults
from bookmarkai_assets.operations.stores import Stores

CLAIM_TAG = "bookmarkai/claim"
"""Run tag with the claim that a run was launched for."""

HANDLES = dg.AssetIn(dagster_type=dg.PythonObjectDagsterType(ShareResults))
"""What an asset is given of the one before it: `ShareResults[Media]`, of which Dagster knows the class alone."""

Result = TypeVar("Result")

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


@dataclass(frozen=True)
class Checked:
    """What an asset's checks found: their results for Dagster, and the shares that did not stand up to them."""

    results: Sequence[dg.AssetCheckResult]
    failures: Mapping[str, Failure] = field(default_factory=dict)


def yield_results(
    context: dg.AssetExecutionContext,
    hold: Hold,
    made: Mapping[str, Result | Failure],
    describe: Callable[[Result], RunMetadata] | None = None,
    check: Callable[[ShareResults[Result]], Checked] | None = None,
    inputs: ShareResults[Any] | None = None,
    data_version: dg.DataVersion | None = None,
) -> Iterator[dg.Output[ShareResults[Result]] | dg.AssetCheckResult]:
    """Yield what a step has made of its shares, with metadata per partition; fail the run's last step if any failed.

    A step goes on over nothing when no share is left: it materializes nothing, its checks have looked at none, and the
    next step begins (docs/adr/0033). `check` looks at what was made; a share that fails it has failed. What was only
    postponed has not failed: its partition stays as it was. Each share that has no result is observed at its partition,
    once in a run: what failed in `inputs` was so at the step before this one, if the run has one. `data_version` is
    that of them all: Dagster has one for a run's partitions. Raises `dagster.Failure` naming each failed share.
    """
    results = ShareResults(made)
    found = check(results) if check is not None else Checked([])
    results = results.with_failures(found.failures)
    observed = inputs.failures.keys() if inputs is not None and has_step_before(context) else frozenset[str]()
    observe_failures(context, hold.catalog, {key: why for key, why in results.failures.items() if key not in observed})
    if describe is not None:
        for share_id, result in results.succeeded.items():
            context.add_asset_metadata(dict(describe(result)), partition_key=share_id)
    # Nothing here may rely on being resumed, or closed in time: when the IO manager raises, Dagster does neither.
    yield _output(results, data_version)
    # Dagster takes a check that was planned and not evaluated for one that failed.
    yield from found.results
    if not is_last_of_run(context):
        return
    hold.release()
    failures = {key: why for key, why in results.failures.items() if why.outcome is not Outcome.POSTPONED}
    if failures:
        raise run_failure(failures, len(results))


OUTCOMES = "outcomes"
"""The metadata of a run's failure that counts its shares by outcome."""


def observe_failures(context: dg.AssetExecutionContext, catalog: Catalog, failures: Mapping[str, Failure]) -> None:
    """Show at each share's partition why it has no result, what comes next and when: where an analyst clicks first."""
    if not failures:
        return
    from bookmarkai_assets.operations.shares.reports import failure_summary  # noqa: PLC0415 - only failures need it

    for share_id, failure in failures.items():
        context.log_event(
            dg.AssetObservation(
                asset_key=context.asset_key,
                partition=share_id,
                description=f"{failure.outcome}: {failure.reason}",
                metadata=failure_summary(catalog, share_id, failure).as_dict(),
            )
        )


def run_failure(failures: Mapping[str, Failure], total: int) -> dg.Failure:
    """Build the error that names each failed share. Dagster must not retry it: the catalog decides when."""
    others = ", the others went on" if len(failures) < total else ""
    lines = [f"{share_id}: {failure.outcome}: {failure.reason}" for share_id, failure in failures.items()]
    return dg.Failure(
        description=f"{len(failures)} of {total} shares failed{others}\n" + "\n".join(lines),
        metadata={
            OUTCOMES: dg.MetadataValue.json(dict(Counter(failure.outcome.value for failure in failures.values()))),
            **{share_id: f"{failure.outcome}. {failure.next_step}" for share_id, failure in failures.items()},
        },
        allow_retries=False,
    )


def _output(results: ShareResults[Result], data_version: dg.DataVersion | None) -> dg.Output[ShareResults[Result]]:
    with warnings.catch_warnings():
        # Known and accepted: Dagster's version is pinned.
        warnings.filterwarnings("ignore", message="Parameter `data_version`", category=dg.BetaWarning)
        return dg.Output(results, data_version=data_version)
