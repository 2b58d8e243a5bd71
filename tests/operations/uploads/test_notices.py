"""Taking in what the bucket's events name: each upload is one share, whatever the queue does with its messages."""

import json
import logging
import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import CatalogUnavailableError, StoreError, StoreErrorClass
from bookmarkai_assets.core.uploads.events import Unwanted
from bookmarkai_assets.core.uploads.inbox import NoticeLimits
from bookmarkai_assets.core.uploads.ports import UploadedObject
from bookmarkai_assets.core.uploads.queue import QueuedMessage, QueueError
from bookmarkai_assets.core.uploads.upload import Upload
from bookmarkai_assets.operations.uploads.arrivals import Arrival
from bookmarkai_assets.operations.uploads.notices import (
    OUTDATED,
    UNHIDDEN,
    MessageEnd,
    NoticeReport,
    take_in_notices,
)
from tests.fakes.queue import FakeQueue
from tests.fakes.uploads import FakeUploads
from tests.support.catalog import at
from tests.support.deadlines import HANG_SECONDS
from tests.support.examples import examples
from tests.support.s3_events import BUCKET, TEST_EVENT, s3_event
from tests.support.uploads import DATA, add_upload, new_upload

LIMITS = NoticeLimits(bucket=BUCKET, hidden_seconds=60, max_receives=3)
MALFORMED = "{"


class Mail:
    """A bucket, its queue and a catalog, with a clock that stands still unless a test moves it."""

    def __init__(self, catalog: OpenCatalog) -> None:
        self.catalog = catalog
        self.bucket = FakeUploads()
        self.now = at(1)
        self.queue = FakeQueue(clock=lambda: self.now)

    def upload(self) -> Upload:
        """Record an upload and put its object."""
        upload = add_upload(self.catalog)
        self.bucket.arrive(upload, DATA)
        return upload

    def read(self, limits: NoticeLimits = LIMITS) -> NoticeReport:
        """Deal with what is in the queue."""
        return take_in_notices(
            self.catalog, self.bucket, self.queue, limits, clock=lambda: self.now, wait_seconds=0, work_seconds=20
        )

    def urls(self) -> list[str]:
        """List the links of all shares."""
        return sorted(share.url for share in self.catalog.shares.list())


@pytest.fixture
def mail(sqlite_catalog: OpenCatalog) -> Mail:
    """Return an empty inbox."""
    return Mail(sqlite_catalog)


def test_an_event_becomes_a_share_and_is_deleted(mail: Mail) -> None:
    """One message after the other, also more than one receive gives."""
    uploads = [mail.upload() for _ in range(23)]
    mail.queue.send(*(s3_event(upload.key) for upload in uploads))
    report = mail.read()
    assert mail.urls() == sorted(upload.url for upload in uploads)
    assert mail.queue.waiting == []
    assert (report.ends, report.records) == ({MessageEnd.DELETED: 23}, {Arrival.TAKEN_IN: 23})


def test_one_message_may_name_several_uploads(mail: Mail) -> None:
    """Also beside strangers."""
    first, second = mail.upload(), mail.upload()
    mail.queue.send(s3_event(first.key, "temp/videos/x.mp4", second.key))
    mail.read()
    assert mail.urls() == sorted([first.url, second.url])
    assert mail.queue.waiting == []


def test_a_duplicate_makes_no_second_share(mail: Mail) -> None:
    """Neither at once nor later, with a sequencer or without."""
    upload = mail.upload()
    mail.queue.send(*[s3_event(upload.key)] * 3, *[s3_event(upload.key, sequencer="0A")] * 3)
    first = mail.read()
    mail.queue.send(s3_event(upload.key, sequencer="0A"))
    second = mail.read()
    assert mail.urls() == [upload.url]
    assert first.records[Arrival.TAKEN_IN] == 1
    assert first.records[Arrival.KNOWN] + first.records[OUTDATED] == 5
    assert second.records == {Arrival.KNOWN: 1}
    assert mail.queue.waiting == []


def test_an_older_event_is_passed_over(mail: Mail) -> None:
    """The bucket is not asked again for a key whose newer event was dealt with."""
    upload = mail.upload()
    mail.queue.send(s3_event(upload.key, sequencer="0B"), *[TEST_EVENT] * 9, s3_event(upload.key, sequencer="0A"))
    assert mail.read().records == {Arrival.TAKEN_IN: 1, Unwanted.TEST_EVENT: 9, OUTDATED: 1}


@pytest.mark.parametrize(
    "body",
    [
        TEST_EVENT,
        s3_event("temp/videos/a.mp4"),
        s3_event("temp/uploads/not-one/file"),
        s3_event(new_upload().key),
        s3_event(new_upload().key, bucket="another"),
        s3_event(new_upload().key, event="ObjectRemoved:Delete"),
        '{"Records": []}',
    ],
)
def test_what_names_no_upload_is_deleted(mail: Mail, body: str) -> None:
    """The test event, strangers and other events: they make no share and do not come again."""
    mail.queue.send(body)
    assert mail.read().ends == {MessageEnd.DELETED: 1}
    assert mail.queue.waiting == []
    assert mail.urls() == []


def test_what_names_no_upload_is_in_the_log(mail: Mail, caplog: pytest.LogCaptureFixture) -> None:
    """With the reason and what it named."""
    caplog.set_level(logging.INFO)
    mail.queue.send(s3_event("temp/videos/a.mp4"), s3_event("temp/uploads/not-one/file"))
    mail.read()
    assert "foreign_key" in caplog.text
    assert "temp/videos/a.mp4" in caplog.text
    assert "temp/uploads/not-one/file (foreign)" in caplog.text


def test_the_event_of_a_missing_object_is_deleted(mail: Mail) -> None:
    """It was deleted since, or the event is forged. If it comes after all, another event does too."""
    upload = add_upload(mail.catalog)
    mail.queue.send(s3_event(upload.key, sequencer="0C"))
    assert mail.read().records == {Arrival.MISSING: 1}
    assert mail.queue.waiting == []
    mail.bucket.arrive(upload, DATA)
    mail.queue.send(s3_event(upload.key, sequencer="0D"))
    mail.read()
    assert mail.urls() == [upload.url]


def test_a_message_is_deleted_only_after_its_share_is_recorded(mail: Mail) -> None:
    """At the moment of deletion the share is there."""
    upload = mail.upload()
    seen: list[list[str]] = []
    mail.queue.before_delete = lambda: seen.append(mail.urls())
    mail.queue.send(s3_event(upload.key))
    mail.read()
    assert seen == [[upload.url]]


def test_a_delete_that_fails_is_made_up_for(mail: Mail) -> None:
    """The message comes again, and says what is known."""
    upload = mail.upload()
    mail.queue.send(s3_event(upload.key))
    mail.queue.failures = {"delete"}
    with pytest.raises(QueueError):
        mail.read()
    mail.queue.failures = set()
    mail.queue.show_all()
    assert mail.read().records == {Arrival.KNOWN: 1}
    assert mail.urls() == [upload.url]
    assert mail.queue.waiting == []


@pytest.mark.parametrize(
    "error", [StoreError(StoreErrorClass.UNAVAILABLE, "no answer"), CatalogUnavailableError("no answer")]
)
def test_while_the_bucket_or_the_catalog_fails_messages_wait(
    mail: Mail, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more is received than was, none is deleted, and all is made up for later."""
    uploads = [mail.upload() for _ in range(12)]
    mail.queue.send(*(s3_event(upload.key) for upload in uploads))

    def fail(_key: str) -> UploadedObject | None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(mail.bucket, "head", fail)
        report = mail.read()
    assert (report.ends, report.failure) == ({MessageEnd.HELD: 10}, "no answer")
    assert len(mail.queue.waiting) == 12
    mail.queue.show_all()
    mail.read()
    assert mail.urls() == sorted(upload.url for upload in uploads)


def test_an_older_event_counts_while_the_newer_one_waits(mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what was done makes others outdated: a newer event that failed may be put aside before it comes again."""
    upload = mail.upload()
    head, calls = mail.bucket.head, iter(range(9))

    def fail_once(key: str) -> UploadedObject | None:
        if next(calls) == 0:
            raise StoreError(StoreErrorClass.UNAVAILABLE, "no answer")
        return head(key)

    monkeypatch.setattr(mail.bucket, "head", fail_once)
    mail.queue.send(s3_event(upload.key, sequencer="0B"), s3_event(upload.key, sequencer="0A"))
    report = mail.read()
    assert report.records == {Arrival.TAKEN_IN: 1}
    assert report.ends == {MessageEnd.HELD: 1, MessageEnd.DELETED: 1}


def test_poison_is_left_until_the_queue_puts_it_aside(mail: Mail) -> None:
    """It holds up no other message, and is there for a person afterwards."""
    mail.queue.max_receives = 5
    mail.queue.send(MALFORMED)
    for _ in range(5):
        upload = mail.upload()
        mail.queue.send(s3_event(upload.key))
        report = mail.read()
        assert report.ends == {MessageEnd.POISON: 1, MessageEnd.DELETED: 1}
        mail.queue.show_all()
    assert mail.read().messages == 0
    assert mail.queue.aside == [MALFORMED]
    assert len(mail.urls()) == 5


def test_poison_is_dropped_where_nothing_puts_it_aside(mail: Mail, caplog: pytest.LogCaptureFixture) -> None:
    """After as many receives as the limit, with its text in the log."""
    mail.queue.send(MALFORMED)
    for end in (MessageEnd.POISON, MessageEnd.POISON, MessageEnd.DROPPED):
        assert mail.read().ends == {end: 1}
        mail.queue.show_all()
    assert mail.queue.waiting == []
    assert "It begins: {" in caplog.text


def test_what_can_be_read_of_poison_is_done(mail: Mail) -> None:
    """A message with a good record and a damaged one makes the share and stays."""
    upload = mail.upload()
    records = json.loads(s3_event(upload.key))["Records"]
    mail.queue.send(json.dumps({"Records": [*records, "damaged"]}))
    assert mail.read().ends == {MessageEnd.POISON: 1}
    assert mail.urls() == [upload.url]


def test_a_message_that_breaks_the_code_is_poison(
    mail: Mail, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The others go on, and the log has the traceback."""
    good, bad = mail.upload(), mail.upload()
    head = mail.bucket.head

    def break_for_one(key: str) -> UploadedObject | None:
        if key == bad.key:
            raise ZeroDivisionError
        return head(key)

    monkeypatch.setattr(mail.bucket, "head", break_for_one)
    mail.queue.send(s3_event(bad.key), s3_event(good.key))
    assert mail.read().ends == {MessageEnd.POISON: 1, MessageEnd.DELETED: 1}
    assert mail.urls() == [good.url]
    assert "ZeroDivisionError" in caplog.text


def test_messages_are_kept_hidden_while_work_goes_on(mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that takes its time does not give the message to another receiver."""
    upload = mail.upload()
    head, kept = mail.bucket.head, threading.Event()
    keep_hidden = mail.queue.keep_hidden

    def wait_for_it(key: str) -> UploadedObject | None:
        assert kept.wait(HANG_SECONDS)
        mail.now += timedelta(seconds=1.5)
        assert mail.queue.receive(wait_seconds=0, hidden_seconds=1) == []
        return head(key)

    def keep(*arguments: object, **options: object) -> object:
        mail.now += timedelta(seconds=0.9)
        result = keep_hidden(*arguments, **options)  # type: ignore[arg-type]
        kept.set()
        return result

    monkeypatch.setattr(mail.bucket, "head", wait_for_it)
    monkeypatch.setattr(mail.queue, "keep_hidden", keep)
    mail.queue.send(s3_event(upload.key))
    report = mail.read(NoticeLimits(BUCKET, hidden_seconds=2, max_receives=3))
    assert report.records == {Arrival.TAKEN_IN: 1}
    assert mail.queue.waiting == []


def test_a_message_that_others_have_by_now_does_no_harm(mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noticed where it is deleted. The other receiver finds the share made."""
    upload = mail.upload()
    head = mail.bucket.head
    others: list[QueuedMessage] = []

    def let_another_receive(key: str) -> UploadedObject | None:
        mail.queue.show_all()
        others.extend(mail.queue.receive(wait_seconds=0, hidden_seconds=60))
        return head(key)

    monkeypatch.setattr(mail.bucket, "head", let_another_receive)
    mail.queue.send(s3_event(upload.key))
    assert mail.read().records == {Arrival.TAKEN_IN: 1, UNHIDDEN: 1}
    assert len(others) == len(mail.queue.waiting) == 1
    mail.queue.show_all()
    assert mail.read().records == {Arrival.KNOWN: 1}
    assert mail.urls() == [upload.url]


def test_a_full_queue_is_left_in_time(mail: Mail) -> None:
    """A look ends after its time, and the next one goes on."""
    uploads = [mail.upload() for _ in range(30)]
    mail.queue.send(*(s3_event(upload.key) for upload in uploads))

    def take_long() -> None:
        mail.now += timedelta(seconds=15)

    mail.queue.before_delete = take_long
    assert [mail.read().messages, mail.read().messages, mail.read().messages] == [20, 10, 0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(30))
@given(st.data())
def test_any_order_and_any_number_of_events_make_one_share_each(mail: Mail, data: st.DataObject) -> None:
    """With duplicates, strangers, and messages that come again because they were not deleted in time."""
    before = mail.urls()
    uploads = [mail.upload() for _ in range(3)]
    events = [s3_event(upload.key, sequencer=sequencer) for upload in uploads for sequencer in ("0A", "0A1", "0B")]
    chosen = data.draw(st.lists(st.sampled_from([*events, TEST_EVENT, MALFORMED]), max_size=15))
    mail.queue.send(*data.draw(st.permutations([*chosen, *events[::3]])))
    for fails in data.draw(st.lists(st.booleans(), max_size=3)):
        mail.queue.failures = {"delete"} if fails else set()
        with suppress(QueueError):
            mail.read()
        mail.queue.show_all()
    mail.queue.failures = set()
    mail.read()
    assert sorted({*mail.urls()} - {*before}) == sorted(upload.url for upload in uploads)
    assert len(mail.urls()) == len(before) + len(uploads)
