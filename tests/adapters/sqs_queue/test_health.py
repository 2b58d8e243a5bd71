"""The doctor's check of the queue, over moto's."""

import json
from collections.abc import Iterator

import pytest

from bookmarkai_assets.adapters.sqs_queue.health import check_queue
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from tests.support.event_server import EventServer, MotoServer, connection_of, open_queue, redrive_policy
from tests.support.http_stub import Answer, HttpStub

DAY = "86400"


@pytest.fixture(scope="module")
def server() -> Iterator[EventServer]:
    """Run a server of S3 and SQS."""
    with MotoServer() as running:
        yield running


def policy(principal: object, effect: str = "Allow") -> str:
    """Return the policy of a queue."""
    statement = {"Effect": effect, "Principal": principal, "Action": "sqs:SendMessage", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


S3_MAY_SEND = policy({"Service": "s3.amazonaws.com"})


def check(url: str) -> CheckResult:
    """Check a queue."""
    return check_queue(connection_of(url, max_attempts=1), max_receives=7)


def make_queue(server: EventServer, *, receives: int = 5, policy: str = S3_MAY_SEND, **attributes: str) -> str:
    """Make a queue as it should be, but for these."""
    aside = server.arn_of(server.make_queue())
    return server.make_queue(RedrivePolicy=redrive_policy(aside, receives), Policy=policy, **attributes)


def test_a_queue_as_it_should_be_passes(server: EventServer) -> None:
    """With how many messages wait, none of which is received."""
    url = make_queue(server)
    server.client("sqs").send_message(QueueUrl=url, MessageBody="a")
    for _ in range(2):
        result = check(url)
        assert result.status is CheckStatus.PASS
        assert result.found == f"1 messages wait in {url}; it puts a message aside after 5 receives"


def test_a_queue_without_a_place_for_poison_is_doubtful(server: EventServer) -> None:
    """It says what becomes of such messages."""
    result = check(server.make_queue(Policy=S3_MAY_SEND))
    assert result.status is CheckStatus.WARN
    assert "no dead-letter queue: a message that cannot be read is deleted after 7 receives" in result.found
    assert result.remedy == "give it a redrive policy"


def test_a_queue_that_puts_aside_too_soon_is_doubtful(server: EventServer) -> None:
    """One outage would put good messages aside."""
    result = check(make_queue(server, receives=2))
    assert result.status is CheckStatus.WARN
    assert "after 2 receives" in result.found


def test_what_was_put_aside_is_counted(server: EventServer) -> None:
    """Somebody should look at it."""
    url = make_queue(server, receives=3)
    server.client("sqs").send_message(QueueUrl=url, MessageBody="poison")
    for _ in range(4):
        open_queue(url).receive(wait_seconds=0, hidden_seconds=0)
    result = check(url)
    assert result.status is CheckStatus.WARN
    assert "1 messages are in its dead-letter queue" in result.found


def test_a_queue_that_forgets_soon_is_doubtful(server: EventServer) -> None:
    """A night without workers should lose nothing."""
    assert check(make_queue(server, MessageRetentionPeriod=DAY)).status is CheckStatus.PASS
    result = check(make_queue(server, MessageRetentionPeriod="86399"))
    assert result.status is CheckStatus.WARN
    assert "forgets messages after 86399 s" in result.found


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (policy("*"), CheckStatus.PASS),
        (policy({"AWS": "*"}), CheckStatus.PASS),
        (policy({"Service": ["sns.amazonaws.com", "s3.amazonaws.com"]}), CheckStatus.PASS),
        (policy({"Service": "sns.amazonaws.com"}), CheckStatus.WARN),
        (policy({"Service": "s3.amazonaws.com"}, effect="Deny"), CheckStatus.WARN),
        ("", CheckStatus.WARN),
    ],
)
def test_s3_must_be_allowed_to_send(server: EventServer, text: str, status: CheckStatus) -> None:
    """Without that the bucket takes no notification, or its events go nowhere."""
    result = check(make_queue(server, policy=text))
    assert result.status is status
    assert ("does not let S3 send" in result.found) is (status is CheckStatus.WARN)


def test_a_fifo_queue_fails(server: EventServer) -> None:
    """S3 sends to none."""
    sqs = server.client("sqs")
    path = sqs.create_queue(QueueName="events.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"].split("/", 3)[3]
    result = check(f"{server.endpoint}/{path}")
    assert (result.status, result.remedy) == (CheckStatus.FAIL, "create a standard queue")


def test_a_queue_that_is_not_there_fails(server: EventServer) -> None:
    """With the setting to correct."""
    result = check(f"{server.endpoint}/123456789012/absent")
    assert result.status is CheckStatus.FAIL
    assert "correct UPLOAD_EVENTS_QUEUE_URL" in result.found


def test_a_web_page_fails() -> None:
    """It answers, and is no queue."""
    with HttpStub() as stub:
        stub.answer = Answer(200, b"<html></html>", {"Content-Type": "text/html"})
        result = check(f"{stub.url}/1/uploads")
    assert result.status is CheckStatus.FAIL
    assert "expected an answer of SQS, found another" in result.found
