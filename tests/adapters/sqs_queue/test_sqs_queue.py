"""The queue over SQS, as moto keeps it: S3's own events, hiding, deleting, putting aside, and errors in words."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.adapters.sqs_queue import SqsQueue
from bookmarkai_assets.adapters.sqs_queue.client import Connection, connect
from bookmarkai_assets.core.uploads.events import ArrivedObject, Unwanted, read_notice
from bookmarkai_assets.core.uploads.inbox import NoticeLimits
from bookmarkai_assets.core.uploads.queue import QueuedMessage, QueueError
from bookmarkai_assets.operations.uploads.arrivals import Arrival
from bookmarkai_assets.operations.uploads.notices import take_in_notices
from tests.support.event_server import REGION, EventServer, MotoServer, open_bucket, open_queue, redrive_policy
from tests.support.http_stub import Answer, HttpStub
from tests.support.uploads import DATA, PREFIX, add_upload


@pytest.fixture(scope="module")
def server() -> Iterator[EventServer]:
    """Run a server of S3 and SQS."""
    with MotoServer() as running:
        yield running


@pytest.fixture
def queue_url(server: EventServer) -> str:
    """Make an empty queue."""
    return server.make_queue()


def bodies(queue: SqsQueue, *, hidden_seconds: int = 60) -> list[str]:
    """Receive once, and return the bodies."""
    return sorted(message.body for message in queue.receive(wait_seconds=0, hidden_seconds=hidden_seconds))


def send(server: EventServer, url: str, *texts: str) -> None:
    """Put messages into a queue."""
    for text in texts:
        server.client("sqs").send_message(QueueUrl=url, MessageBody=text)


def test_a_bucket_says_what_has_arrived(server: EventServer, queue_url: str) -> None:
    """After its test event, with the key decoded as the server encodes it, in the process that S3 has it."""
    bucket = server.make_bucket(queue_url)
    server.client("s3").put_object(Bucket=bucket, Key=f"{PREFIX}ä b+c", Body=b"12345")
    server.client("s3").put_object(Bucket=bucket, Key="temp/videos/a", Body=b"")
    notices = [read_notice(body, bucket=bucket, prefix=PREFIX) for body in bodies(open_queue(queue_url))]
    assert [record.why for one in notices for record in one.unwanted] == [Unwanted.TEST_EVENT]
    assert [record for one in notices for record in one.arrived] == [ArrivedObject(f"{PREFIX}ä b+c", 5)]


def test_uploads_become_shares_by_their_events(
    server: EventServer, queue_url: str, sqlite_catalog: OpenCatalog
) -> None:
    """From the bucket through the queue into the catalog, and the queue is empty afterwards."""
    bucket = server.make_bucket(queue_url)
    for _ in range(12):
        server.put(bucket, add_upload(sqlite_catalog), DATA)
    queue = open_queue(queue_url)
    report = take_in_notices(
        sqlite_catalog,
        open_bucket(server.endpoint, bucket),
        queue,
        NoticeLimits(bucket, hidden_seconds=60, max_receives=3),
        clock=lambda: datetime.now(UTC),
        wait_seconds=0,
        work_seconds=30,
    )
    assert report.records == {Arrival.TAKEN_IN: 12, Unwanted.TEST_EVENT: 1}
    assert sqlite_catalog.shares.count() == 12
    attributes = server.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == attributes["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_what_was_received_is_hidden_and_counted(server: EventServer, queue_url: str) -> None:
    """Until it is shown again: here, by hiding it for no time."""
    send(server, queue_url, "a")
    queue = open_queue(queue_url)
    [first] = queue.receive(wait_seconds=0, hidden_seconds=60)
    assert (first.body, first.receives) == ("a", 1)
    assert bodies(queue) == []
    assert queue.keep_hidden([first], hidden_seconds=60) == []
    assert bodies(queue) == []
    assert queue.keep_hidden([first], hidden_seconds=0) == []
    [again] = queue.receive(wait_seconds=0, hidden_seconds=60)
    assert (again.message_id, again.receives) == (first.message_id, 2)


def test_what_was_deleted_does_not_come_again(server: EventServer, queue_url: str) -> None:
    """Of several, only those that were deleted."""
    send(server, queue_url, "a", "b", "c")
    queue = open_queue(queue_url)
    messages = queue.receive(wait_seconds=0, hidden_seconds=60)
    assert queue.delete([message for message in messages if message.body != "b"]) == []
    queue.keep_hidden([message for message in messages if message.body == "b"], hidden_seconds=0)
    assert bodies(queue) == ["b"]


def test_receipts_that_are_none_are_returned(queue_url: str, server: EventServer) -> None:
    """So that the caller knows which messages come again."""
    send(server, queue_url, "a")
    queue = open_queue(queue_url)
    [message] = queue.receive(wait_seconds=0, hidden_seconds=60)
    assert queue.delete([message]) == []
    assert queue.keep_hidden([message], hidden_seconds=60) == [message]


def test_a_queue_with_a_redrive_policy_puts_aside(server: EventServer, queue_url: str) -> None:
    """And one without does not."""
    aside = server.make_queue()
    with_policy = server.make_queue(RedrivePolicy=redrive_policy(server.arn_of(aside), 2))
    assert open_queue(with_policy).puts_aside()
    assert not open_queue(queue_url).puts_aside()
    send(server, with_policy, "poison")
    for found in (["poison"], ["poison"], []):
        assert bodies(open_queue(with_policy), hidden_seconds=0) == found
    assert bodies(open_queue(aside)) == ["poison"]


def test_a_queue_that_is_not_there_is_named(queue_url: str) -> None:
    """With what to do."""
    with pytest.raises(QueueError, match=r"receiving from .*-absent: .*correct UPLOAD_EVENTS_QUEUE_URL"):
        open_queue(f"{queue_url}-absent").receive(wait_seconds=0, hidden_seconds=60)


_MESSAGE = QueuedMessage("message-1", "", "receipt", receives=1)


@pytest.mark.parametrize(
    ("permission", "call"),
    [
        ("sqs:ReceiveMessage", lambda queue: queue.receive(wait_seconds=0, hidden_seconds=60)),
        ("sqs:ChangeMessageVisibility", lambda queue: queue.keep_hidden([_MESSAGE], hidden_seconds=60)),
        ("sqs:DeleteMessage", lambda queue: queue.delete([_MESSAGE])),
        ("sqs:GetQueueAttributes", lambda queue: queue.puts_aside()),
    ],
)
def test_a_refusal_names_the_permission(permission: str, call: Callable[[SqsQueue], object]) -> None:
    """As IAM spells it, for each request."""
    with HttpStub() as stub:
        stub.answer = Answer(
            403,
            b'{"__type": "com.amazonaws.sqs#AccessDeniedException", "message": "no"}',
            {"Content-Type": "application/x-amz-json-1.0"},
        )
        with pytest.raises(QueueError, match=f"allow {permission} on this queue"):
            call(open_queue(f"{stub.url}/1/uploads", max_attempts=1))


@pytest.mark.parametrize("body", [b"[]", b"\xff", b'{"Messages": [{}]}', b'{"Messages": 7}'])
def test_a_server_that_is_no_queue_is_an_error(body: bytes) -> None:
    """Its answers cannot be read. A page of HTML looks like no message, which the doctor sees."""
    with HttpStub() as stub:
        stub.answer = Answer(200, body, {"Content-Type": "application/x-amz-json-1.0"})
        with pytest.raises(QueueError, match="expected an answer of SQS"):
            open_queue(f"{stub.url}/1/uploads", max_attempts=1).receive(wait_seconds=0, hidden_seconds=60)


def test_nobody_who_answers_is_an_error() -> None:
    """With the setting to correct."""
    with pytest.raises(QueueError, match="check UPLOAD_EVENTS_QUEUE_URL"):
        open_queue("http://127.0.0.1:9/1/uploads", max_attempts=1).receive(wait_seconds=0, hidden_seconds=60)


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("sqs.eu-west-3.amazonaws.com", "eu-west-3"),
        ("eu-west-3.queue.amazonaws.com", "eu-west-3"),
        ("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("vpce-0a1b-2c3d.sqs.us-gov-east-1.vpce.amazonaws.com", "us-gov-east-1"),
        ("queue.example.com", "eu-south-1"),
    ],
)
def test_the_region_is_in_amazons_names(host: str, region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are signed for it, and sent to the queue's host. Of other hosts AWS's own variables say it."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-south-1")
    client = connect(Connection(f"https://{host}/1/uploads", None, "key", "secret"))
    assert (client.meta.region_name, client.meta.endpoint_url) == (region, f"https://{host}")


def test_a_secret_is_not_shown() -> None:
    """Neither in the connection's own text."""
    shown = repr(Connection("https://sqs.example.com/1/q", REGION, "key", "hidden-secret"))
    assert "hidden-secret" not in shown
