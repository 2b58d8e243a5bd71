"""Asking the bucket for what is awaited, and one look of the sensor's operation with and without a queue."""

from datetime import timedelta

import pytest
from typing_extensions import override

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.uploads.inbox import NoticeLimits, UploadInbox
from bookmarkai_assets.core.uploads.ports import UploadedObject
from bookmarkai_assets.core.uploads.upload import UploadStatus
from bookmarkai_assets.operations.uploads.arrivals import Arrival
from bookmarkai_assets.operations.uploads.inbox import ASK_BESIDE_EVENTS, ASK_WITHOUT_ANSWER, Look, look_for_uploads
from bookmarkai_assets.operations.uploads.polling import BROKEN, ask_for_awaited
from tests.fakes.queue import FakeQueue
from tests.fakes.uploads import FakeUploads
from tests.support.catalog import at
from tests.support.s3_events import BUCKET, s3_event
from tests.support.uploads import DATA, add_upload

LIMITS = NoticeLimits(bucket=BUCKET, hidden_seconds=60, max_receives=3)


class Watched(FakeUploads):
    """A bucket that counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    @override
    def head(self, key: str) -> UploadedObject | None:
        self.asked += 1
        return super().head(key)


@pytest.fixture
def bucket() -> Watched:
    """Return an empty bucket."""
    return Watched()


def share_count(catalog: OpenCatalog) -> int:
    """Count the shares."""
    return catalog.shares.count()


def test_arrived_uploads_become_shares(sqlite_catalog: OpenCatalog, bucket: Watched) -> None:
    """Others are still awaited, and asked for again."""
    arrived, late = add_upload(sqlite_catalog), add_upload(sqlite_catalog)
    bucket.arrive(arrived, DATA)
    assert ask_for_awaited(sqlite_catalog, bucket, after="", now=at(1)).records == {
        Arrival.TAKEN_IN: 1,
        Arrival.MISSING: 1,
    }
    bucket.arrive(late, DATA)
    assert ask_for_awaited(sqlite_catalog, bucket, after="", now=at(2)).records == {Arrival.TAKEN_IN: 1}
    assert share_count(sqlite_catalog) == 2


def test_rounds_go_on_where_the_last_one_ended(sqlite_catalog: OpenCatalog, bucket: Watched) -> None:
    """Each asks for so many at most, and after the last upload it begins again."""
    for _ in range(5):
        add_upload(sqlite_catalog)
    after, asked = "", []
    for _ in range(4):
        found = ask_for_awaited(sqlite_catalog, bucket, after=after, now=at(1), limit=2)
        asked.append(found.records.total())
        after = found.after
    assert asked == [2, 2, 1, 2]


def test_an_upload_that_breaks_the_code_stops_no_other(
    sqlite_catalog: OpenCatalog, bucket: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The round goes on, and the log has the traceback."""
    uploads = [add_upload(sqlite_catalog) for _ in range(3)]
    for upload in uploads:
        bucket.arrive(upload, DATA)
    head = bucket.head

    def break_for_one(key: str) -> UploadedObject | None:
        if key == uploads[0].key:
            raise ZeroDivisionError
        return head(key)

    monkeypatch.setattr(bucket, "head", break_for_one)
    found = ask_for_awaited(sqlite_catalog, bucket, after="", now=at(1))
    assert found.records == {Arrival.TAKEN_IN: 2, BROKEN: 1}
    assert "ZeroDivisionError" in caplog.text


def test_nothing_is_asked_while_nothing_is_awaited(sqlite_catalog: OpenCatalog, bucket: Watched) -> None:
    """An installation that nobody uploads to costs no request."""
    add_upload(sqlite_catalog, status=UploadStatus.ABANDONED)
    bucket.put_strange("temp/uploads/stranger", DATA)
    assert ask_for_awaited(sqlite_catalog, bucket, after="", now=at(1)).records == {}
    assert bucket.asked == 0


class Sensor:
    """Looks as the sensor does, with the cursor of the look before."""

    def __init__(self, catalog: OpenCatalog, bucket: Watched, *, has_queue: bool) -> None:
        self.now = at(1)
        self.queue = FakeQueue(clock=lambda: self.now)
        self.cursor: str | None = None
        self._catalog = catalog
        self._inbox = UploadInbox(bucket, self.queue if has_queue else None, LIMITS)

    def look(self) -> Look:
        """Look once."""
        found = look_for_uploads(self._catalog, self._inbox, cursor=self.cursor, clock=lambda: self.now, wait_seconds=0)
        self.cursor = found.cursor
        return found


def test_without_a_queue_each_look_asks(sqlite_catalog: OpenCatalog, bucket: Watched) -> None:
    """And says what it found."""
    sensor = Sensor(sqlite_catalog, bucket, has_queue=False)
    bucket.arrive(add_upload(sqlite_catalog), DATA)
    add_upload(sqlite_catalog)
    assert sensor.look().words == "1 shares were made; 2 uploads asked for; 1 missing"
    assert sensor.look().words == "0 shares were made; 1 uploads asked for; 1 missing"


def test_beside_events_the_bucket_is_asked_by_the_hour(sqlite_catalog: OpenCatalog, bucket: Watched) -> None:
    """So an event that was never sent, or that was put aside, costs an hour and no upload."""
    sensor = Sensor(sqlite_catalog, bucket, has_queue=True)
    sensor.look()
    lost, told = add_upload(sqlite_catalog), add_upload(sqlite_catalog)
    bucket.arrive(lost, DATA)
    bucket.arrive(told, DATA)
    sensor.queue.send(s3_event(told.key))
    assert sensor.look().words == "1 shares were made; 1 messages"
    assert sensor.look().words == "0 shares were made; 0 messages"
    sensor.now += ASK_BESIDE_EVENTS
    assert sensor.look().words == "1 shares were made; 0 messages, 1 uploads asked for"
    sensor.now += timedelta(minutes=59)
    assert sensor.look().words == "0 shares were made; 0 messages"


def test_a_bucket_that_fails_is_a_problem_and_no_error(sqlite_catalog: OpenCatalog, bucket: Watched) -> None:
    """Its uploads wait, and the next look asks again from the same place."""
    for has_queue in (False, True):
        sensor = Sensor(sqlite_catalog, bucket, has_queue=has_queue)
        upload = add_upload(sqlite_catalog)
        bucket.arrive(upload, DATA)
        bucket.failure = StoreError(StoreErrorClass.UNAVAILABLE, "no answer")
        sensor.queue.send(s3_event(upload.key))
        found = sensor.look()
        assert found.problem == "no answer"
        assert found.words.endswith("not all could be looked at")
        bucket.failure = None
        sensor.queue.show_all()
        assert sensor.look().problem is None
        assert sqlite_catalog.uploads.get(upload.upload_id).status is UploadStatus.TAKEN_IN  # type: ignore[union-attr]


def test_while_the_queue_does_not_answer_the_bucket_is_asked(sqlite_catalog: OpenCatalog, bucket: Watched) -> None:
    """By the minute, so that nobody waits for an operator."""
    sensor = Sensor(sqlite_catalog, bucket, has_queue=True)
    sensor.look()
    sensor.queue.failures = {"receive"}
    bucket.arrive(add_upload(sqlite_catalog), DATA)
    found = sensor.look()
    assert (found.words, found.problem) == ("0 shares were made; not all could be looked at", "receive: no answer")
    sensor.now += ASK_WITHOUT_ANSWER
    assert sensor.look().words == "1 shares were made; 1 uploads asked for; not all could be looked at"


@pytest.mark.parametrize("cursor", ["", "{", "[]", "{}", '{"asked_at": "soon", "after": 1}', "7"])
def test_a_strange_cursor_counts_as_none(sqlite_catalog: OpenCatalog, bucket: Watched, cursor: str) -> None:
    """It only saves work."""
    sensor = Sensor(sqlite_catalog, bucket, has_queue=True)
    sensor.cursor = cursor
    bucket.arrive(add_upload(sqlite_catalog), DATA)
    assert sensor.look().words.startswith("1 shares were made")
