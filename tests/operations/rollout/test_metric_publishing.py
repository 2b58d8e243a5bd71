"""Publishing metrics from storage events: each event once, from a position of its own."""

from datetime import timedelta

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.alerts.ports import MetricSinkError
from bookmarkai_assets.core.rollout.published_metrics import MAX_DATA, MAX_EVENTS, MetricName
from bookmarkai_assets.operations.rollout import metric_publishing
from bookmarkai_assets.operations.rollout.metric_publishing import CURSOR, Published, publish
from tests.fakes.receivers import FakeSink
from tests.support.storage_events import NOON, transfer


@pytest.fixture
def begun(sqlite_catalog: OpenCatalog) -> OpenCatalog:
    """Return a catalog whose events are published from now on."""
    publish(sqlite_catalog, FakeSink(), now=NOON)
    return sqlite_catalog


def record(catalog: OpenCatalog, count: int, *, minutes_apart: float = 0, since: float = 0) -> None:
    """Record good uploads, each of a second."""
    with catalog.database.engine.begin() as connection:  # one transaction instead of thousands
        connection.exec_driver_sql(
            "INSERT INTO storage_events (occurred_at, operation, backend, kind, size_bytes, seconds, purpose) "
            "VALUES (?, 'put', 's3', 'video', 1, 1.0, 'place')",
            [
                ((NOON - timedelta(minutes=since + n * minutes_apart)).isoformat(timespec="microseconds"),)
                for n in range(count)
            ],
        )


def attempts(sink: FakeSink) -> float:
    """Return how many uploads have been published."""
    return sum(v * n for d in sink.data if d.metric is MetricName.UPLOAD_ATTEMPTS for v, n in d.values.items())


def test_publishing_begins_at_the_present(sqlite_catalog: OpenCatalog) -> None:
    """Switched on after months, it sends nothing of the past, and everything from then on."""
    record(sqlite_catalog, 10)
    sink = FakeSink()
    assert publish(sqlite_catalog, sink, now=NOON) == Published(has_begun=False)
    assert publish(sqlite_catalog, sink, now=NOON) == Published()
    sqlite_catalog.events.record(transfer())
    assert publish(sqlite_catalog, sink, now=NOON) == Published(events=1, data=4)
    assert attempts(sink) == 1


def test_each_event_is_published_once(begun: OpenCatalog) -> None:
    """This holds over several calls and several requests, each within the limits of one."""
    sink = FakeSink()
    for _ in range(3):
        record(begun, MAX_EVENTS + 7, minutes_apart=1)
        publish(begun, sink, now=NOON)
    assert attempts(sink) == 3 * (MAX_EVENTS + 7)
    assert len(sink.requests) == 6
    assert max(len(request) for request in sink.requests) == MAX_DATA


def test_a_full_page_is_not_the_end(begun: OpenCatalog) -> None:
    """Events that fill the last page exactly are complete after it."""
    record(begun, 2 * MAX_EVENTS)
    sink = FakeSink()
    assert publish(begun, sink, now=NOON).is_complete
    assert attempts(sink) == 2 * MAX_EVENTS


def test_a_backlog_takes_several_calls(begun: OpenCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call has a limit, and says when there is more."""
    monkeypatch.setattr(metric_publishing, "MAX_REQUESTS", 2)
    record(begun, 3 * MAX_EVENTS)
    sink = FakeSink()
    assert not publish(begun, sink, now=NOON).is_complete
    assert publish(begun, sink, now=NOON).is_complete
    assert attempts(sink) == 3 * MAX_EVENTS


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_failed_request_loses_and_doubles_nothing(begun: OpenCatalog, failing: int) -> None:
    """When a request in the middle is refused, earlier ones are not sent again, and the rest is sent the next time."""
    record(begun, 3 * MAX_EVENTS - 5)
    sink = FakeSink()
    sink.failing = {failing}
    with pytest.raises(MetricSinkError):
        publish(begun, sink, now=NOON)
    assert attempts(sink) == failing * MAX_EVENTS
    publish(begun, sink, now=NOON)
    assert attempts(sink) == 3 * MAX_EVENTS - 5


def test_a_lost_answer_doubles_that_request_alone(begun: OpenCatalog) -> None:
    """When the service accepted a page and its answer was lost, that page, and no other, is counted twice."""
    record(begun, 3 * MAX_EVENTS)
    sink = FakeSink()
    sink.failing, sink.is_taken_first = {1}, True
    with pytest.raises(MetricSinkError):
        publish(begun, sink, now=NOON)
    publish(begun, sink, now=NOON)
    assert attempts(sink) == 4 * MAX_EVENTS


def test_events_of_weeks_ago_are_skipped_and_counted(begun: OpenCatalog) -> None:
    """When the service was away for longer than it accepts data for, the rest is published all the same."""
    record(begun, 3, since=15 * 24 * 60)
    record(begun, 2)
    sink = FakeSink()
    done = publish(begun, sink, now=NOON)
    assert (done.events, done.skipped, done.is_complete) == (5, 3, True)
    assert attempts(sink) == 2


def test_events_without_a_metric_make_no_request(begun: OpenCatalog) -> None:
    """Local transfers move the position and make no request."""
    begun.events.record(transfer(backend="local"))
    before = begun.cursors.get(CURSOR)
    sink = FakeSink()
    assert publish(begun, sink, now=NOON) == Published(events=1)
    assert sink.requests == []
    assert begun.cursors.get(CURSOR) != before
