"""The sensors that tell operators what they should know, and the one that publishes metrics to CloudWatch."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from bookmarkai_assets.batches import OUTCOMES
from bookmarkai_assets.core.alerts.ports import AlertReceiver, MetricSink
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.dagster_internals import partitions_named_by, step_failure_metadata, step_failure_text
from bookmarkai_assets.defs.common import AutomationTag

if TYPE_CHECKING:
    from bookmarkai_assets.core.alerts.conditions import FailedRun

_INTERVAL_SECONDS = 60


@dg.run_failure_sensor(
    name="failed_runs",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    tags=AutomationTag.TELL.tags,
    description="Records each failed run as an incident, which the sensor alerts tells",
)
def failed_runs(context: dg.RunFailureSensorContext, catalog: dg.ResourceParam[Catalog]) -> None:
    from bookmarkai_assets.operations.alerts.alerting import open_failed_run  # noqa: PLC0415 - only its own ticks need it

    outcomes = [step_failure_metadata(event, OUTCOMES) for event in context.get_step_failure_events()]
    if outcomes and all(found is not None and set(found) == {Outcome.SUPERSEDED} for found in outcomes):
        return  # another run has each of its shares, and tells if it fails
    open_failed_run(catalog, _failed_run(context), now=datetime.now(UTC))


@dg.sensor(
    minimum_interval_seconds=_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    tags=AutomationTag.TELL.tags,
    description="Tells what an operator should know, once per incident: to its own log, and to ALERT_WEBHOOK_URL. Each "
    "tick looks, launches nothing, and says what began and what is over",
)
def alerts(
    context: dg.SensorEvaluationContext,
    catalog: dg.ResourceParam[Catalog],
    rules: dg.ResourceParam[PipelineRules],
    alert_receivers: dg.ResourceParam[Sequence[AlertReceiver]],
) -> dg.SkipReason:
    from bookmarkai_assets.operations.alerts.alerting import deliver, update_incidents  # noqa: PLC0415 - only its own ticks need it

    try:
        changes = update_incidents(catalog, rules, now=datetime.now(UTC))
    finally:
        # Recorded incidents, such as failed runs, are delivered even when the check for new ones fails.
        delivery = deliver(catalog, alert_receivers, log=context.log.error, now=datetime.now(UTC))
        for problem in delivery.problems:
            context.log.warning(problem)
    for key in changes.to_close:
        context.log.info("over: %s", key)
    return dg.SkipReason(
        f"{len(changes.to_open)} incidents began, {len(changes.to_close)} are over; {delivery.delivered} told to all, "
        f"{delivery.waiting} waiting"
    )


def make_cloudwatch_sensor(*, is_on: bool) -> dg.SensorDefinition:
    """Make the sensor that publishes metrics. It is off until there is a namespace to publish them in."""

    @dg.sensor(
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if is_on else dg.DefaultSensorStatus.STOPPED,
        tags=AutomationTag.TELL.tags,
        description="Publishes uploads, downloads and the backlog as metrics in CLOUDWATCH_NAMESPACE, every minute. "
        "Without that setting it is off by design",
    )
    def cloudwatch_metrics(
        context: dg.SensorEvaluationContext,
        catalog: dg.ResourceParam[Catalog],
        rules: dg.ResourceParam[PipelineRules],
        metric_sinks: dg.ResourceParam[Sequence[MetricSink]],
    ) -> dg.SkipReason:
        if not metric_sinks:
            return dg.SkipReason("CLOUDWATCH_NAMESPACE is not set")
        from bookmarkai_assets.operations.rollout.metric_publishing import publish  # noqa: PLC0415 - only its own ticks need it
        from bookmarkai_assets.operations.shares.backlog import publish_work  # noqa: PLC0415 - as above

        [sink] = metric_sinks
        publish_work(catalog, rules, sink, now=datetime.now(UTC))
        done = publish(catalog, sink, now=datetime.now(UTC))
        if not done.has_begun:
            return dg.SkipReason("begun: events from now on are published")
        if done.skipped:
            context.log.warning(
                "%s events were left out: CloudWatch takes none that are two weeks old, or hours ahead", done.skipped
            )
        more = "" if done.is_complete else "; there are more, which the next tick publishes"
        return dg.SkipReason(f"{done.data} data of {done.events} events were published{more}")

    return cloudwatch_metrics


def _failed_run(context: dg.RunFailureSensorContext) -> "FailedRun":
    from bookmarkai_assets.core.alerts.conditions import FailedRun  # noqa: PLC0415 - only its own ticks need it

    run = context.dagster_run
    said = [text for event in context.get_step_failure_events() if (text := step_failure_text(event))]
    return FailedRun(
        run_id=run.run_id,
        job=run.job_name,
        error=(said or [context.failure_event.message or ""])[0],
        partitions=partitions_named_by(run),
    )
