"""Metrics read back from CloudWatch as moto keeps it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.adapters.cloudwatch import CloudWatchSink
from bookmarkai_assets.core.alerts.ports import MetricSinkError
from bookmarkai_assets.core.rollout.latency import RELATIVE_ERROR
from bookmarkai_assets.core.rollout.published_metrics import MAX_EVENTS, Datum, MetricName
from bookmarkai_assets.operations.rollout.metric_publishing import publish
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.monitoring import make_metric_sinks
from tests.support.http_stub import Answer, HttpStub
from tests.support.storage_events import transfer

NAMESPACE = "BookmarkAI/Media"
REGION = "eu-central-1"
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
"""Today, because CloudWatch accepts no data of other times and moto keeps none for long."""


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a client of an empty CloudWatch, with credentials in AWS's own variables."""
    import boto3
    from moto import mock_aws  # noqa: PLC0415 - takes a second to import

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with mock_aws():
        yield boto3.client("cloudwatch", region_name=REGION)


def statistics(client: Any, metric: MetricName, *, minutes: int = 60) -> list[dict[str, Any]]:
    """Read a metric's points by the minute, oldest first."""
    points = client.get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName=metric.value,
        StartTime=NOW - timedelta(minutes=minutes),
        EndTime=NOW + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum", "SampleCount", "Maximum", "Minimum"],
    )["Datapoints"]
    return sorted(points, key=lambda point: point["Timestamp"])


def test_values_arrive_with_their_counts(cloudwatch: Any) -> None:
    """A datum's values are samples in seconds, each with its count, and counts are sums."""
    sink = CloudWatchSink(NAMESPACE, region=REGION)
    sink.put(
        [
            Datum(MetricName.UPLOAD_SECONDS, NOW, {1.5: 3, 6.0: 1}),
            Datum(MetricName.UPLOAD_ATTEMPTS, NOW, {4.0: 1}),
            Datum(MetricName.UPLOAD_FAILURES, NOW, {0.0: 1}),
            Datum(MetricName.OLDEST_DUE_SECONDS, NOW, {90.5: 1}),
        ]
    )
    [seconds] = statistics(cloudwatch, MetricName.UPLOAD_SECONDS)
    assert (seconds["SampleCount"], seconds["Sum"], seconds["Maximum"]) == (4, 10.5, 6)
    assert seconds["Unit"] == "Seconds"
    assert seconds["Timestamp"] == NOW
    [attempts] = statistics(cloudwatch, MetricName.UPLOAD_ATTEMPTS)
    assert (attempts["Sum"], attempts["Unit"]) == (4, "Count")
    assert [point["Sum"] for point in statistics(cloudwatch, MetricName.UPLOAD_FAILURES)] == [0]
    [oldest] = statistics(cloudwatch, MetricName.OLDEST_DUE_SECONDS)
    assert (oldest["Maximum"], oldest["Unit"]) == (90.5, "Seconds")


def test_metrics_have_no_dimensions(cloudwatch: Any) -> None:
    """Each name has one series, so that an alarm needs no list of workers."""
    CloudWatchSink(NAMESPACE, region=REGION).put([Datum(name, NOW, {1.0: 1}) for name in MetricName])
    found = cloudwatch.list_metrics(Namespace=NAMESPACE)["Metrics"]
    assert sorted(metric["MetricName"] for metric in found) == sorted(name.value for name in MetricName)
    assert all(metric["Dimensions"] == [] for metric in found)


def test_events_become_metrics(cloudwatch: Any, sqlite_catalog: OpenCatalog) -> None:
    """Storage events become attempts, failures, refusals and times, over several requests."""
    sink = CloudWatchSink(NAMESPACE, region=REGION)
    publish(sqlite_catalog, sink, now=NOW)
    for n in range(MAX_EVENTS + 10):
        at = NOW - timedelta(minutes=n % 5, seconds=-1)
        sqlite_catalog.events.record(transfer(at, seconds=2.0, error="access_denied" if n % 10 == 0 else None))
        sqlite_catalog.events.record(transfer(at, "get", purpose="transcribe", seconds=0.5))

    done = publish(sqlite_catalog, sink, now=NOW)

    assert (done.events, done.is_complete) == (2 * MAX_EVENTS + 20, True)
    total = {name: sum(point["Sum"] for point in statistics(cloudwatch, name)) for name in MetricName}
    samples = {name: sum(point["SampleCount"] for point in statistics(cloudwatch, name)) for name in MetricName}
    tried = MAX_EVENTS + 10
    assert total[MetricName.UPLOAD_ATTEMPTS] == tried
    assert total[MetricName.UPLOAD_FAILURES] == total[MetricName.ACCESS_DENIED] == tried // 10
    assert samples[MetricName.UPLOAD_SECONDS] == tried - tried // 10
    assert total[MetricName.UPLOAD_SECONDS] == pytest.approx(2.0 * (tried - tried // 10), rel=RELATIVE_ERROR)
    assert samples[MetricName.DOWNLOAD_SECONDS] == tried
    assert len(statistics(cloudwatch, MetricName.UPLOAD_ATTEMPTS)) == 5


def stubbed(monkeypatch: pytest.MonkeyPatch, stub: HttpStub) -> CloudWatchSink:
    """Return a sink whose CloudWatch is a stub on loopback."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", stub.url)
    monkeypatch.setattr("bookmarkai_assets.adapters.cloudwatch.MAX_ATTEMPTS", 1)
    return CloudWatchSink(NAMESPACE, region=REGION, access_key="AKIAEXAMPLE", secret_key="s3cr3t-key")


def test_a_refusal_names_the_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    """A denial by CloudWatch names the missing permission and no credential."""
    body = b'{"__type": "com.amazonaws.cloudwatch#AccessDenied", "Code": "AccessDenied", "message": "not authorized"}'
    with HttpStub() as stub:
        stub.answer = Answer(403, body, {"Content-Type": "application/json"})
        with pytest.raises(MetricSinkError) as raised:
            stubbed(monkeypatch, stub).put([Datum(MetricName.UPLOAD_ATTEMPTS, NOW, {1.0: 1})])
    assert "403" in str(raised.value)
    assert "s3cr3t" not in str(raised.value)


def test_a_service_that_fails_is_a_typed_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of CloudWatch and a missing connection are the same typed error, with what to check."""
    with HttpStub() as stub:
        stub.answer = Answer(500, b"{}", {"Content-Type": "application/json"})
        sink = stubbed(monkeypatch, stub)
        with pytest.raises(MetricSinkError, match="500"):
            sink.put([Datum(MetricName.UPLOAD_ATTEMPTS, NOW, {1.0: 1})])
    with pytest.raises(MetricSinkError, match="AWS_REGION"):
        sink.put([Datum(MetricName.UPLOAD_ATTEMPTS, NOW, {1.0: 1})])


def test_no_credentials_is_a_typed_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """When AWS's chain finds no credentials, the error says so."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(MetricSinkError, match="NoCredentials"):
        CloudWatchSink(NAMESPACE, region=REGION).put([Datum(MetricName.UPLOAD_ATTEMPTS, NOW, {1.0: 1})])


def test_a_server_for_s3_is_not_asked_for_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """With S3_ENDPOINT set, its keys are for that server, and metrics go to AWS with AWS's own credentials."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFAWS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    keys = {"s3_access_key": "KEYOFS3", "s3_secret_key": "s3", "aws_region": REGION, "cloudwatch_namespace": NAMESPACE}
    for endpoint, expected in (("http://127.0.0.1:8333", "AKIAOFAWS"), (None, "KEYOFS3")):
        [sink] = make_metric_sinks(load_settings(env_file=None, s3_endpoint=endpoint, **keys))
        assert isinstance(sink, CloudWatchSink)
        client = sink._connect()
        assert client.meta.endpoint_url == f"https://monitoring.{REGION}.amazonaws.com"
        assert client._request_signer._credentials.access_key == expected


def test_without_a_namespace_nothing_is_published() -> None:
    """Nothing is sent to AWS unless somebody has asked for it."""
    assert make_metric_sinks(load_settings(env_file=None)) == []
