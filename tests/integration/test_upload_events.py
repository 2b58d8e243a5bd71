"""Uploads from the bucket through its queue into the catalog, over servers: moto's, and ministack if it is installed.

`make ministack` installs it, in an environment of its own.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.core.uploads.events import Unwanted
from bookmarkai_assets.core.uploads.inbox import NoticeLimits
from bookmarkai_assets.core.uploads.queue import QueuedMessage
from bookmarkai_assets.core.uploads.upload import Upload
from bookmarkai_assets.operations.uploads.arrivals import Arrival
from bookmarkai_assets.operations.uploads.notices import UNHIDDEN, MessageEnd, NoticeReport, take_in_notices
from tests.support.deadlines import HANG_SECONDS
from tests.support.event_server import (
    EventServer,
    Ministack,
    MotoServer,
    ministack_program,
    open_bucket,
    open_queue,
    redrive_policy,
)
from tests.support.notice_child import HIDDEN_SECONDS, WAIT_SECONDS
from tests.support.s3_events import TEST_EVENT, s3_event
from tests.support.uploads import DATA, add_upload

MINISTACK = "ministack"


@pytest.fixture(scope="module", params=["moto", MINISTACK])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventServer]:
    """Run a server of S3 and SQS."""
    program = ministack_program()
    if request.param == MINISTACK and program is None:
        pytest.skip("ministack is not installed: make ministack")
    running = (
        Ministack(program, tmp_path_factory.mktemp("ministack"))
        if program and request.param == MINISTACK
        else MotoServer()
    )
    with running:
        yield running


class Mailbox:
    """A bucket, its queue, a dead-letter queue after three receives, and a catalog."""

    def __init__(self, server: EventServer, catalog: OpenCatalog) -> None:
        self.server = server
        self.catalog = catalog
        self.aside = server.make_queue()
        self.url = server.make_queue(RedrivePolicy=redrive_policy(server.arn_of(self.aside), 3))
        self.bucket = server.make_bucket(self.url)
        self.queue = open_queue(self.url)

    def send(self, *bodies: str) -> None:
        """Put messages of somebody else into the queue."""
        for body in bodies:
            self.server.client("sqs").send_message(QueueUrl=self.url, MessageBody=body)

    def read(self, *, wait_seconds: float = 0) -> NoticeReport:
        """Deal with what is in the queue."""
        return take_in_notices(
            self.catalog,
            open_bucket(self.server.endpoint, self.bucket),
            self.queue,
            NoticeLimits(self.bucket, HIDDEN_SECONDS, max_receives=3),
            clock=lambda: datetime.now(UTC),
            wait_seconds=wait_seconds,
            work_seconds=WAIT_SECONDS,
        )

    def read_all(self) -> NoticeReport:
        """Deal with what is in the queue until nothing is, and return all counts."""
        total = NoticeReport()
        while self.server.left_in(self.url):
            report = self.read(wait_seconds=HIDDEN_SECONDS + 1)
            total.ends.update(report.ends)
            total.records.update(report.records)
        return total

    def urls(self) -> list[str]:
        """List the links of all shares."""
        return sorted(share.url for share in self.catalog.shares.list())


@pytest.fixture
def mailbox(server: EventServer, sqlite_catalog: OpenCatalog) -> Mailbox:
    """Return a mailbox of this test's own."""
    return Mailbox(server, sqlite_catalog)


def post(mailbox: Mailbox, upload: Upload, data: bytes = DATA) -> int:
    """Send a file by the upload's own form, as a browser does, and return the status of the answer."""
    links = open_bucket(mailbox.server.endpoint, mailbox.bucket)
    form = links.make_form(upload, now=datetime.now(UTC), seconds=600)
    answer = requests.post(form.url, data=dict(form.fields), files={"file": data}, timeout=HANG_SECONDS)
    return answer.status_code


def test_what_is_sent_by_its_own_form_becomes_a_share(mailbox: Mailbox) -> None:
    """As a browser sends it, beside the bucket's test event."""
    sent = [add_upload(mailbox.catalog) for _ in range(3)]
    assert [post(mailbox, upload) for upload in sent] == [201] * 3
    report = mailbox.read_all()
    assert mailbox.urls() == sorted(upload.url for upload in sent)
    assert report.records[Unwanted.TEST_EVENT] == 1
    assert report.records[Arrival.TAKEN_IN] == 3


def test_what_a_form_does_not_allow_makes_no_share(mailbox: Mailbox) -> None:
    """Ministack refuses it as AWS does. moto takes it, and then taking in refuses it."""
    upload = add_upload(mailbox.catalog)
    status = post(mailbox, upload, DATA + b"more")
    report = mailbox.read_all()
    assert mailbox.urls() == []
    if isinstance(mailbox.server, Ministack):
        assert (status, report.records) == (400, {Unwanted.TEST_EVENT: 1})
    else:
        assert report.records[Arrival.REFUSED] == 1


def test_duplicates_disorder_and_strangers_make_no_share_too_many(mailbox: Mailbox) -> None:
    """The bucket's own events again and in reverse, forged ones, foreign ones, and one of an object that is gone."""
    uploads = [add_upload(mailbox.catalog) for _ in range(3)]
    gone = add_upload(mailbox.catalog)
    for upload in (*uploads, gone):
        mailbox.server.put(mailbox.bucket, upload, DATA)
    mailbox.server.client("s3").delete_object(Bucket=mailbox.bucket, Key=gone.key)
    messages = mailbox.queue.receive(wait_seconds=WAIT_SECONDS, hidden_seconds=HIDDEN_SECONDS)
    mailbox.send(*(message.body for message in reversed(messages)))
    mailbox.send(
        TEST_EVENT,
        s3_event("temp/videos/a.mp4", bucket=mailbox.bucket),
        s3_event(uploads[0].key, bucket="another"),
        s3_event(uploads[0].key, bucket=mailbox.bucket, event="ObjectRemoved:Delete"),
    )
    report = mailbox.read_all()
    assert mailbox.urls() == sorted(upload.url for upload in uploads)
    assert report.records[Arrival.TAKEN_IN] == 3
    assert report.records[Arrival.MISSING] == 2
    assert {Unwanted.FOREIGN_KEY, Unwanted.FOREIGN_BUCKET, Unwanted.OTHER_EVENT} <= set(report.records)
    assert report.ends == {MessageEnd.DELETED: len(messages) * 2 + 4}


def test_poison_ends_in_the_dead_letter_queue(mailbox: Mailbox) -> None:
    """After three receives, while the others go on."""
    mailbox.send("{")
    upload = add_upload(mailbox.catalog)
    mailbox.server.put(mailbox.bucket, upload, DATA)
    report = mailbox.read_all()
    assert report.ends[MessageEnd.POISON] == 3
    assert mailbox.urls() == [upload.url]
    [message] = open_queue(mailbox.aside).receive(wait_seconds=WAIT_SECONDS, hidden_seconds=HIDDEN_SECONDS)
    assert message.body == "{"


def test_a_message_that_was_lost_to_another_does_no_harm(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its receipt is stale when it is to be deleted. moto deletes it all the same, so it proves nothing here."""
    if not isinstance(mailbox.server, Ministack):
        pytest.skip("moto takes stale receipts")
    upload = add_upload(mailbox.catalog)
    mailbox.server.put(mailbox.bucket, upload, DATA)
    delete = mailbox.queue.delete
    others: list[QueuedMessage] = []

    def lose_them(messages: Sequence[QueuedMessage]) -> Sequence[QueuedMessage]:
        mailbox.queue.keep_hidden(messages, hidden_seconds=0)
        others.extend(open_queue(mailbox.url).receive(wait_seconds=WAIT_SECONDS, hidden_seconds=HIDDEN_SECONDS))
        return delete(messages)

    with monkeypatch.context() as patch:
        patch.setattr(mailbox.queue, "delete", lose_them)
        report = mailbox.read(wait_seconds=WAIT_SECONDS)
    assert report.records[UNHIDDEN] == len(others) > 0
    assert mailbox.read_all().records[Arrival.KNOWN] >= 1
    assert mailbox.urls() == [upload.url]


@pytest.mark.parametrize(("dies", "made"), [("received", 0), ("taken_in", 9)])
def test_a_kill_between_receive_and_delete_loses_and_doubles_nothing(
    server: EventServer, sqlite_url: str, dies: str, made: int
) -> None:
    """Killed before the shares are made or after that, and before the messages are deleted: they come again."""
    with open_catalog(sqlite_url) as catalog:
        mailbox = Mailbox(server, catalog)
        uploads = [add_upload(catalog) for _ in range(12)]
        for upload in uploads:
            server.put(mailbox.bucket, upload, DATA)

        arguments = [sqlite_url, server.endpoint, mailbox.bucket, mailbox.url, dies]
        command = [sys.executable, "-m", "tests.support.notice_child", *arguments]
        killed = subprocess.run(command, check=False, timeout=HANG_SECONDS, cwd=Path(__file__).parents[2])
        assert killed.returncode == -signal.SIGKILL
        # Of ten messages that were received, one may be the test event.
        assert made <= catalog.shares.count() <= (made and made + 1)

        mailbox.read_all()
        assert mailbox.urls() == sorted(upload.url for upload in uploads)
