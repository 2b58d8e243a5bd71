"""The sensor that ends runs whose process has died, so that they do not hold the queue's places for hours.

Dagster asks a run's launcher for its health, and the launcher of one machine cannot tell once the code server has died
as well, as after a power cut: such a run stays STARTED. Every run of ours announces itself and renews its sign of life
(`operations/workers/presence`). One whose sign has expired is dead.
"""

from collections.abc import Collection
from datetime import UTC, datetime

import dagster as dg

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.dagster_internals import checks_left_open, end_as_failed, launched_runs
from bookmarkai_assets.run_tags import claim_of


@dg.sensor(
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends runs whose process has died, so that they hold no place in the queue",
)
def dead_runs(
    context: dg.SensorEvaluationContext, catalog: dg.ResourceParam[Catalog], rules: dg.ResourceParam[PipelineRules]
) -> dg.SkipReason:
    repository = context.repository_def
    if repository is None:
        return dg.SkipReason("the code location is not loaded")
    found = find_dead_runs(
        context.instance,
        catalog,
        jobs=repository.job_names,
        assets=repository.assets_defs_by_key.keys(),
        now=datetime.now(UTC),
        start_seconds=rules.worker_start_seconds,
    )
    for run in found:
        _end(context.instance, catalog, run, rules.lease_seconds)
    return dg.SkipReason(f"ended {len(found)} dead runs" if found else "every run that has a place is alive")


def find_dead_runs(
    instance: dg.DagsterInstance,
    catalog: Catalog,
    *,
    jobs: Collection[str],
    assets: Collection[dg.AssetKey],
    now: datetime,
    start_seconds: float,
) -> list[dg.DagsterRun]:
    """Return the runs of these jobs, or of nothing but these assets, that have a place in the queue and are dead.

    A run has `start_seconds` from its launch to give its first sign of life.
    """
    from bookmarkai_assets.operations.workers.presence import read_signs  # noqa: PLC0415 - only its own ticks need it

    launched = launched_runs(instance)
    if not launched:
        return []
    # Read after the runs: a run that has a place by now, and has announced itself, is among the living.
    signs = read_signs(catalog, now=now, start_seconds=start_seconds)
    return [
        one.run
        for one in launched
        if _is_ours(one.run, jobs, assets)
        and signs.is_dead(one.run.run_id, launched_seconds_ago=now.timestamp() - one.launched_at)
    ]


def _is_ours(run: dg.DagsterRun, jobs: Collection[str], assets: Collection[dg.AssetKey]) -> bool:
    """Whether a run is of this code location. Runs that a person launches from assets have a job of Dagster's own."""
    selected = {*(run.asset_selection or ()), *(key.asset_key for key in run.asset_check_selection or ())}
    is_of_assets = bool(selected) and selected <= set(assets)
    return is_of_assets if run.job_name.startswith("__") else run.job_name in jobs


def _end(instance: dg.DagsterInstance, catalog: Catalog, run: dg.DagsterRun, lease_seconds: float) -> None:
    claim_id = claim_of(run)
    if claim_id is not None:
        # The shares that it had not begun are free at once. The others are when their leases end, and count a crash.
        catalog.work.release(claim_id, now=datetime.now(UTC))
    end_as_failed(
        instance,
        run,
        f"The run's process has died: it gave no sign of life for {lease_seconds:g} s. What it had not finished is "
        "done again: its shares by another run, a clean-up or a measurement by the schedule's next one.",
    )
    for check in checks_left_open(instance, run):
        # Otherwise it is red, as if something were wrong with the media, until a later run evaluates it.
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=check.asset_key,
                check_name=check.name,
                passed=True,
                description="looked at 0: the process of its run has died",
                metadata={"run": dg.MetadataValue.dagster_run(run.run_id)},
            )
        )
