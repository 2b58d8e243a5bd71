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
from typing import TYPE_CHECKING, Any, TypeVar

import dagster as dg

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.failures.in_words import failure_in_words, failures_in_words
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.shares.dagster_ui import RAW_VIDEO
from bookmarkai_assets.dagster_internals import assets_before, is_last_of_run
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.share_results import ShareResults
from bookmarkai_assets.operations.stores import Stores
from bookmarkai_assets.run_tags import claim_of, tag_outcomes, tag_shares

if TYPE_CHECKING:
    from bookmarkai_assets.operations.shares.reports import FailureSummary

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
        claim_id=claim_of(run) if run.parent_run_id is None else None,
        clock=lambda: datetime.now(UTC),
        jitter=random.random,
    )


def begin_step(context: dg.AssetExecutionContext, catalog: Catalog, rules: PipelineRules, stores: Stores) -> Hold:
    """Return the hold of a step's run on its shares. The run's first step also has the runs page say which they are."""
    if not assets_before(context):
        tag_shares(context, catalog)
    return hold_of(context.run, catalog, rules, stores)


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
    outcome_of: Callable[[Result], Outcome] = lambda _: Outcome.DONE,
    data_version: dg.DataVersion | None = None,
) -> Iterator[dg.Output[ShareResults[Result]] | dg.AssetCheckResult]:
    """Yield what a step has made of its shares, with metadata per partition; fail the run's last step if any failed.

    When no share is left, this step is the one that fails. The steps after it go on over nothing: they materialize
    nothing, and their checks have looked at none (docs/adr/0033). `check` looks at what was made; a share that fails it
    has failed. What was only postponed has not failed: its partition stays as it was. A share without a result is
    observed at its partition of each asset of the run. `outcome_of` says how a share has ended that the last step made
    something of. `data_version` is that of them all: Dagster has one for a run's partitions. Raises `dagster.Failure`
    naming each failed share.
    """
    steps, step = [*assets_before(context), context.asset_key], context.asset_key.to_user_string()
    results = ShareResults(made)
    found = check(results) if check is not None else Checked([])
    results = results.with_failures(found.failures).failed_at(step)
    summaries = _look_up(hold.catalog, results.failures)
    _observe_shares_without_result(context, summaries, steps, hold.rules.door_url)
    failures = {key: why for key, why in results.failures.items() if why.outcome is not Outcome.POSTPONED}
    for share_id, result in results.succeeded.items():
        metadata = {
            **_why_red(failures, len(results), steps),
            **_with_pages(
                describe(result) if describe is not None else {},
                _pages(hold.rules.door_url, share_id, has_media=step != RAW_VIDEO),
            ),
        }
        if metadata:
            context.add_asset_metadata(metadata, partition_key=share_id)
    # Nothing here may rely on being resumed, or closed in time: when the IO manager raises, Dagster does neither.
    yield _output(results, data_version)
    # Dagster takes a check that was planned and not evaluated for one that failed.
    yield from found.results
    is_last = is_last_of_run(context)
    ended = [failure.outcome for failure in results.failures.values()]
    if is_last:
        ended += [outcome_of(result) for result in results.succeeded.values()]
    tag_outcomes(context, hold.catalog, ended, is_first_step=context.asset_key == steps[0])
    has_lost_the_last = not results.succeeded and any(why.step == step for why in results.failures.values())
    if is_last or has_lost_the_last:
        hold.release()
    if failures and (has_lost_the_last or (is_last and results.succeeded)):
        _observe_good_shares(context, results, failures, steps)
        raise _run_failure({key: summaries[key] for key in failures}, _in_words(failures, len(results), steps))


SHARE_PAGE, MEDIA_LINK = "share_page", "media_link"
"""The metadata of every partition that lead to the pages of the HTTP door."""

OUTCOMES = "outcomes"
"""The metadata of a run's failure that counts its shares by outcome."""

WHY_RUN_IS_RED = "why_run_is_red"
"""The metadata of a good partition whose run failed for others."""


def _look_up(catalog: Catalog, failures: Mapping[str, Failure]) -> "dict[str, FailureSummary]":
    if not failures:
        return {}
    from bookmarkai_assets.operations.shares.reports import failure_summary  # noqa: PLC0415 - only failures need it

    return {share_id: failure_summary(catalog, share_id, failure) for share_id, failure in failures.items()}


def _observe_shares_without_result(
    context: dg.AssetExecutionContext,
    summaries: "Mapping[str, FailureSummary]",
    steps: Sequence[dg.AssetKey],
    door_url: str | None,
) -> None:
    """Show at each share's partition why it has no result, what comes next and when: where an analyst clicks first.

    What failed at this step is shown at the steps before it too: their partitions are green, and their run is red.
    """
    for share_id, summary in summaries.items():
        failure = summary.failure
        is_postponed = failure.outcome is Outcome.POSTPONED
        is_new = failure.step == context.asset_key.to_user_string()
        for asset in steps if is_new and not is_postponed else [context.asset_key]:
            context.log_event(
                dg.AssetObservation(
                    asset_key=asset,
                    partition=share_id,
                    description=f"postponed: {failure.reason}" if is_postponed else failure_in_words(failure),
                    metadata={**summary.as_dict(), **_pages(door_url, share_id, has_media=False)},
                )
            )


def _pages(door_url: str | None, share_id: str, *, has_media: bool) -> RunMetadata:
    """Return the links to a share's page and its video behind the HTTP door; none if the settings name no address."""
    if door_url is None:
        return {}
    page = {SHARE_PAGE: dg.MetadataValue.url(f"{door_url}/shares/{share_id}")}
    return {**page, MEDIA_LINK: dg.MetadataValue.url(f"{door_url}/media/{share_id}")} if has_media else page


def _with_pages(described: RunMetadata, pages: RunMetadata) -> RunMetadata:
    """Put the links to pages behind the outcome: after what a share is and how it ended, before the figures."""
    entries = list(described.items())
    place = next((number for number, (key, _) in enumerate(entries, 1) if key == "outcome"), len(entries))
    return dict([*entries[:place], *pages.items(), *entries[place:]])


def _observe_good_shares(
    context: dg.AssetExecutionContext,
    results: ShareResults[Any],
    failures: Mapping[str, Failure],
    steps: Sequence[dg.AssetKey],
) -> None:
    """Show at the good partitions of earlier steps that the run failed for others, if it did so after those steps."""
    names = [step.to_user_string() for step in steps]
    for position, asset in enumerate(steps[:-1]):
        if any(failure.step in names[position + 1 :] for failure in failures.values()):
            for share_id in results.succeeded:
                context.log_event(
                    dg.AssetObservation(
                        asset_key=asset, partition=share_id, metadata=_why_red(failures, len(results), steps)
                    )
                )


def _why_red(failures: Mapping[str, Failure], total: int, steps: Sequence[dg.AssetKey]) -> dict[str, str]:
    return {WHY_RUN_IS_RED: f"others {_in_words(failures, total, steps)}"} if failures else {}


def _in_words(failures: Mapping[str, Failure], total: int, steps: Sequence[dg.AssetKey]) -> str:
    return failures_in_words(failures, total=total, steps=[step.to_user_string() for step in steps])


def _run_failure(failed: "Mapping[str, FailureSummary]", in_words: str) -> dg.Failure:
    """Build the error that names each failed share. Dagster must not retry it: the catalog decides when.

    It is what a failed partition's *View logs* shows, so it has for each share all that its observation has.
    """
    return dg.Failure(
        description="\n".join([in_words, *(f"{share_id}: {summary.in_words}" for share_id, summary in failed.items())]),
        metadata={
            OUTCOMES: dg.MetadataValue.json(dict(Counter(one.failure.outcome.value for one in failed.values()))),
            **{share_id: f"{one.failure.outcome}. {one.next_step}" for share_id, one in failed.items()},
        },
        allow_retries=False,
    )


def _output(results: ShareResults[Result], data_version: dg.DataVersion | None) -> dg.Output[ShareResults[Result]]:
    with warnings.catch_warnings():
        # Known and accepted: Dagster's version is pinned.
        warnings.filterwarnings("ignore", message="Parameter `data_version`", category=dg.BetaWarning)
        return dg.Output(results, data_version=data_version)
