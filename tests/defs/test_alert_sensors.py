"""The sensors as Dagster runs them: a failed run, the tick that alerts, and metrics."""

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from bookmarkai_assets.core.alerts.ports import Receipt
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rollout.published_metrics import MetricName
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.monitoring import make_alert_receivers
from bookmarkai_assets.wiring.rules import make_rules
from tests.fakes.receivers import FakeReceiver, FakeSink
from tests.plugins.pipeline import Pipeline
from tests.support.deadlines import HANG_SECONDS
from tests.support.storage_events import transfer
from tests.support.webhook_server import WebhookServer


def tick(pipeline: Pipeline, name: str, **resources: Any) -> tuple[str, list[str]]:
    """Evaluate a sensor once, and return why it launched nothing and what it logged."""
    lines: list[str] = []
    rules = make_rules(load_settings(env_file=None, **pipeline.settings))
    parts = {"catalog": pipeline.catalog, "rules": rules} | resources
    with dg.build_sensor_context(instance=pipeline.instance, resources=parts) as context:
        log = context.log
        for level in ("info", "warning", "error"):
            setattr(log, level, _log_to(lines, level))
        result = pipeline.defs().resolve_sensor_def(name)(context)
    assert isinstance(result, dg.SkipReason)
    return result.skip_message or "", lines


def _log_to(lines: list[str], level: str) -> Callable[..., None]:
    def note(text: str, *args: object) -> None:
        lines.append(f"{level}: {text % args if args else text}")

    return note


def watch_runs(pipeline: Pipeline, cursor: str | None = None) -> str | None:
    """Have Dagster evaluate the sensor for failed runs as its daemon does, and return the next cursor."""
    sensor = pipeline.defs().resolve_sensor_def("failed_runs")
    resources = {"catalog": pipeline.catalog}
    with dg.build_sensor_context(instance=pipeline.instance, cursor=cursor, resources=resources) as context:
        tick = sensor.evaluate_tick(context)
    assert [reaction.error for reaction in tick.dagster_run_reactions or ()] in ([], [None])
    return tick.cursor


def fail_a_run(pipeline: Pipeline, share_ids: list[str]) -> dg.ExecuteInProcessResult:
    """Have a run over shares fail, and the sensor for failed runs see it."""
    cursor = watch_runs(pipeline)
    result = pipeline.materialize(share_ids)
    assert not result.success
    watch_runs(pipeline, cursor)
    watch_runs(pipeline, cursor)  # as after a crash that lost the cursor
    return result


def test_a_failed_run_is_reported_with_its_shares_and_reason(pipeline: Pipeline) -> None:
    """Run, job, partitions and first reason are reported once, by the next tick of `alerts`, to log and receiver."""
    [share_id] = pipeline.share_links("https://example.com/not-served")
    result = fail_a_run(pipeline, [share_id])
    fail_again = pipeline.catalog.incidents.list(is_open=True)
    assert [incident.kind for incident in fail_again] == ["run_failed"]
    receiver = FakeReceiver()

    message, lines = tick(pipeline, "alerts", alert_receivers=[receiver])

    [reported] = [i for m in receiver.messages for i in m.incidents if i.kind == "run_failed"]
    assert reported.details["run_id"] == result.run_id
    assert reported.details["partitions"] == [share_id]
    assert "failed at raw_video: gone: " in reported.summary
    assert share_id in reported.details["error"]
    assert any(line.startswith("error: run ") and "Next: `bookmarkai shares show" in line for line in lines)
    assert "told to all" in message
    assert tick(pipeline, "alerts", alert_receivers=[receiver])[1] == []


def test_a_run_whose_shares_another_run_has_is_not_reported(pipeline: Pipeline) -> None:
    """It has failed for who launched it, and nobody has to do anything: the other run tells if it fails."""
    [busy] = pipeline.share("busy")
    failed = []
    pipeline.on_download = lambda _: failed.append(_fail_beside(pipeline, busy))
    assert pipeline.tick_and_run()[0].success
    assert failed
    assert pipeline.catalog.incidents.list() == []


def _fail_beside(pipeline: Pipeline, share_id: str) -> dg.ExecuteInProcessResult:
    pipeline.on_download = lambda _: None
    return fail_a_run(pipeline, [share_id])


def test_an_error_is_reported_by_its_cause(pipeline: Pipeline) -> None:
    """For an exception within a step, its own type and message are reported, not Dagster's description of the step."""

    @dg.op
    def explode() -> None:
        raise KeyError("the cause")

    @dg.job
    def bomb() -> None:
        explode()

    cursor = watch_runs(pipeline)
    result = bomb.execute_in_process(instance=pipeline.instance, raise_on_error=False)
    watch_runs(pipeline, cursor)
    [incident] = pipeline.catalog.incidents.list()
    assert incident.summary == f"run {result.run_id} of bomb failed: KeyError: 'the cause'"


def test_problems_of_a_receiver_are_logged(pipeline: Pipeline) -> None:
    """A webhook that is down is a warning, and the alert is in the log all the same."""
    [share_id] = pipeline.share_links("https://example.com/not-served")
    fail_a_run(pipeline, [share_id])
    receiver = FakeReceiver()
    receiver.replies = [Receipt.UNREACHABLE] * 5
    message, lines = tick(pipeline, "alerts", alert_receivers=[receiver])
    assert "0 told to all, 2 waiting" in message
    assert "warning: webhook: unreachable: because of the test" in lines
    assert any(line.startswith("error: run ") for line in lines)


def test_recorded_incidents_are_reported_when_a_check_fails(pipeline: Pipeline) -> None:
    """A catalog whose totals do not answer makes the tick red, but a failed run is reported first."""
    [share_id] = pipeline.share_links("https://example.com/not-served")
    fail_a_run(pipeline, [share_id])
    doors = {door.name: getattr(pipeline.catalog, door.name) for door in fields(Catalog)}
    receiver = FakeReceiver()
    with pytest.raises(Exception, match="roll_up"):
        tick(pipeline, "alerts", catalog=Catalog(**{**doors, "totals": None}), alert_receivers=[receiver])
    assert [message.incidents[0].kind for message in receiver.messages] == ["run_failed"]


def test_the_configured_webhook_is_called(pipeline: Pipeline) -> None:
    """The settings lead to a signed request."""
    with WebhookServer() as server:
        pipeline.configure(alert_webhook_url=server.url(), alert_webhook_secret="sixteen characters")
        receivers = make_alert_receivers(load_settings(env_file=None, **pipeline.settings))
        pipeline.catalog.events.record(transfer())
        [share_id] = pipeline.share_links("https://example.com/not-served")
        fail_a_run(pipeline, [share_id])
        tick(pipeline, "alerts", alert_receivers=receivers)
        assert {json.loads(request.body)["kind"] for request in server.received} >= {"run_failed"}
        assert all("X-BookmarkAI-Signature" in request.headers for request in server.received)


def test_metrics_are_published_by_a_sensor_of_their_own(pipeline: Pipeline) -> None:
    """The first tick only sets the position, the next one publishes, and without a namespace the sensor says so."""
    sink = FakeSink()
    assert tick(pipeline, "cloudwatch_metrics", metric_sinks=[])[0] == "CLOUDWATCH_NAMESPACE is not set"
    assert "begun" in tick(pipeline, "cloudwatch_metrics", metric_sinks=[sink])[0]
    pipeline.catalog.events.record(transfer())
    message, lines = tick(pipeline, "cloudwatch_metrics", metric_sinks=[sink])
    assert message == "0 data of 1 events were published"
    assert lines == ["warning: 1 events were left out: CloudWatch takes none that are two weeks old, or hours ahead"]


def test_each_tick_publishes_the_backlog(pipeline: Pipeline) -> None:
    """From the first tick on: how many shares are due, and how long the oldest has been."""
    sink = FakeSink()
    tick(pipeline, "cloudwatch_metrics", metric_sinks=[sink])
    pipeline.share("a", "b")
    tick(pipeline, "cloudwatch_metrics", metric_sinks=[sink])
    due = [dict(datum.values) for datum in sink.data if datum.metric is MetricName.DUE_SHARES]
    assert due == [{0.0: 1}, {2.0: 1}]
    [none, [oldest]] = [list(datum.values) for datum in sink.data if datum.metric is MetricName.OLDEST_DUE_SECONDS]
    assert none == [0.0]
    assert 0 <= oldest < HANG_SECONDS


def test_a_failing_service_of_metrics_fails_its_own_tick_alone(pipeline: Pipeline) -> None:
    """The tick of `cloudwatch_metrics` is red, with what to do, and alerts go on."""
    sink = FakeSink()
    tick(pipeline, "cloudwatch_metrics", metric_sinks=[sink])
    pipeline.catalog.events.record(transfer(datetime.now(UTC)))
    sink.failing = {1}
    with pytest.raises(Exception, match="because of the test"):
        tick(pipeline, "cloudwatch_metrics", metric_sinks=[sink])
    assert "incidents began" in tick(pipeline, "alerts", alert_receivers=[])[0]


def test_the_sensors_run_without_being_switched_on(pipeline: Pipeline) -> None:
    """Alerts are on by default, so that nobody has to know of them, and no receiver is configured by default.

    The sensor of metrics is on once there is a namespace to publish them in.
    """
    pipeline.configure(cloudwatch_namespace="BookmarkAI")
    for name in ("alerts", "failed_runs", "cloudwatch_metrics"):
        sensor = pipeline.defs().resolve_sensor_def(name)
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
        assert sensor.description
    assert make_alert_receivers(load_settings(env_file=None)) == []
