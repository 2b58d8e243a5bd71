"""What is published of storage events, by metric and minute."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.rollout.latency import RELATIVE_ERROR
from bookmarkai_assets.core.rollout.metrics import window_metrics
from bookmarkai_assets.core.rollout.published_metrics import (
    LATENCIES,
    MAX_AGE,
    MAX_AHEAD,
    MAX_DATA,
    MAX_EVENTS,
    MAX_VALUES,
    Datum,
    MetricName,
    make_publishable,
)
from bookmarkai_assets.core.rollout.windows import Window
from tests.support.storage_events import NOON, totals_of, transfer, transfers

NAMES = list(MetricName)


def total(data: Iterable[Datum], metric: MetricName) -> float:
    """Add up all values of a metric, as CloudWatch's statistic Sum does."""
    return sum(value * count for datum in data if datum.metric is metric for value, count in datum.values.items())


def samples(data: Iterable[Datum], metric: MetricName) -> int:
    """Count the values of a metric, as CloudWatch's statistic SampleCount does."""
    return sum(sum(datum.values.values()) for datum in data if datum.metric is metric)


def test_a_minute_is_one_datum_for_each_metric() -> None:
    """Sums count attempts, failures and refusals; latencies are those of successful transfers, each with its count."""
    events = [
        transfer(NOON + timedelta(seconds=1), seconds=2.0),
        transfer(NOON + timedelta(seconds=59, microseconds=999_999), seconds=2.0),
        transfer(NOON, seconds=9.0, error="access_denied"),
        transfer(NOON, "get", purpose="transcribe", seconds=4.0),
    ]
    found = make_publishable(events, now=NOON)
    assert found.skipped == 0
    assert [(datum.metric.value, datum.minute) for datum in found.data] == [
        (name, NOON)
        for name in ("AccessDenied", "DownloadSeconds", "UploadAttempts", "UploadFailures", "UploadSeconds")
    ]
    assert [total(found.data, name) for name in NAMES[:2]] == [3, 1]
    [upload] = [datum for datum in found.data if datum.metric is MetricName.UPLOAD_SECONDS]
    assert list(upload.values.values()) == [2]
    assert list(upload.values) == [pytest.approx(2.0, rel=RELATIVE_ERROR)]
    assert total(found.data, MetricName.ACCESS_DENIED) == 1


def test_a_good_minute_says_that_nothing_failed() -> None:
    """Where there were uploads, failures and refusals are 0, so that an alarm has data."""
    data = make_publishable([transfer()], now=NOON).data
    assert {datum.metric: dict(datum.values) for datum in data if datum.metric not in LATENCIES} == {
        MetricName.UPLOAD_ATTEMPTS: {1.0: 1},
        MetricName.UPLOAD_FAILURES: {0.0: 1},
        MetricName.ACCESS_DENIED: {0.0: 1},
    }


def test_only_what_s3_answered_counts() -> None:
    """Local transfers, fetches and our own interruptions do not count; moves count as uploads, not as downloads."""
    events = [
        transfer(backend="local"),
        transfer(operation="fetch", backend="site"),
        transfer(error="interrupted"),
        transfer(operation="get", purpose="move"),
        transfer(purpose="move"),
    ]
    data = make_publishable(events, now=NOON).data
    assert total(data, MetricName.UPLOAD_ATTEMPTS) == 1
    assert samples(data, MetricName.DOWNLOAD_SECONDS) == 0


@pytest.mark.parametrize(
    ("offset", "is_taken"),
    [
        (-MAX_AGE, True),
        (-MAX_AGE - timedelta(seconds=1), False),
        (MAX_AHEAD, True),
        (MAX_AHEAD + timedelta(seconds=1), False),
    ],
)
def test_events_that_cloudwatch_would_refuse_are_left_out(offset: timedelta, *, is_taken: bool) -> None:
    """Events two weeks old or hours ahead are counted as left out, because one such datum fails a whole request."""
    found = make_publishable([transfer(NOON + offset), transfer()], now=NOON)
    assert found.skipped == (not is_taken)
    assert total(found.data, MetricName.UPLOAD_ATTEMPTS) == 1 + is_taken


def test_the_worst_page_of_events_fits_one_request() -> None:
    """Each event is in a minute of its own, of the kind that makes most data."""
    events = [transfer(NOON - timedelta(minutes=n)) for n in range(MAX_EVENTS)]
    assert len(make_publishable(events, now=NOON).data) == MAX_DATA


def test_many_different_values_make_several_data() -> None:
    """No datum has more values than CloudWatch accepts, and none is lost."""
    events = [transfer(NOON, seconds=0.001 * 1.03**n) for n in range(MAX_EVENTS)]
    data = [d for d in make_publishable(events, now=NOON).data if d.metric is MetricName.UPLOAD_SECONDS]
    assert len(data) > 1
    assert max(len(datum.values) for datum in data) == MAX_VALUES
    assert samples(data, MetricName.UPLOAD_SECONDS) == MAX_EVENTS


@given(st.lists(transfers(within=timedelta(hours=20)), max_size=40))
@example([transfer(operation="fetch", error="access_denied")])
def test_published_metrics_are_those_of_the_rollout(events: list[StorageEvent]) -> None:
    """Over any events, attempts, failures, refusals and latencies are those of the rollout's own metrics."""
    start = datetime(2026, 2, 27, tzinfo=UTC)
    window = Window(start, start + timedelta(days=4))
    expected = window_metrics(totals_of(events, window), window)

    data = make_publishable(events, now=NOON + timedelta(hours=20)).data

    assert total(data, MetricName.UPLOAD_ATTEMPTS) == expected.s3_uploads
    assert total(data, MetricName.UPLOAD_FAILURES) == expected.s3_upload_errors
    assert total(data, MetricName.ACCESS_DENIED) == expected.access_denied
    assert samples(data, MetricName.UPLOAD_SECONDS) == expected.upload.count
    assert samples(data, MetricName.DOWNLOAD_SECONDS) == expected.download.count
    if expected.upload.mean is not None:
        mean = total(data, MetricName.UPLOAD_SECONDS) / expected.upload.count
        assert mean == pytest.approx(expected.upload.mean, rel=2 * RELATIVE_ERROR, abs=0.001)
