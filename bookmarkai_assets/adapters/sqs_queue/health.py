"""Check the queue of the bucket's events. Receives no message and changes nothing."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bookmarkai_assets.adapters.sqs_queue.client import Connection, SqsClient, connect, vendor_errors
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.core.uploads.queue import QueueError

MIN_RECEIVES = 3
"""A queue that puts messages aside sooner does so when the bucket or the catalog does not answer for a few minutes."""

MIN_RETENTION_SECONDS = 86_400

_S3 = "s3.amazonaws.com"


def check_queue(connection: Connection, *, max_receives: int) -> CheckResult:
    """Check that the queue answers, that S3 may send to it, and what it does with messages that cannot be read.

    `max_receives` is after how many receives we delete those, where the queue does not put them aside.
    """
    url = connection.queue_url
    try:
        client = connect(connection)
        attributes = _attributes(client, url)
        aside = _redrive_policy(attributes)
        waiting_aside = _count_aside(client, aside) if aside else None
    except QueueError as error:
        return CheckResult(CheckStatus.FAIL, str(error))
    if attributes.get("FifoQueue") == "true":
        return CheckResult(
            CheckStatus.FAIL, f"{url} is a FIFO queue, to which S3 sends no events", "create a standard queue"
        )
    found = f"{attributes.get('ApproximateNumberOfMessages', '?')} messages wait in {url}"
    doubts = list(_doubts(attributes, aside, waiting_aside, max_receives))
    if doubts:
        words, remedies = zip(*doubts, strict=True)
        return CheckResult(CheckStatus.WARN, f"{found}; {'; '.join(words)}", "; ".join(remedies))
    return CheckResult(CheckStatus.PASS, f"{found}; it puts a message aside after {_max_receives(aside)} receives")


def _doubts(
    attributes: Mapping[str, str], aside: Mapping[str, Any], waiting_aside: int | None, max_receives: int
) -> Iterator[tuple[str, str]]:
    """Yield what is not as it should be, each with its remedy."""
    if not aside:
        yield (
            f"it has no dead-letter queue: a message that cannot be read is deleted after {max_receives} receives",
            "give it a redrive policy",
        )
    elif _max_receives(aside) < MIN_RECEIVES:
        yield (
            f"it puts a message aside after {_max_receives(aside)} receives, so also when the bucket fails for a while",
            f"set maxReceiveCount to {MIN_RECEIVES} or more",
        )
    if waiting_aside:
        yield (
            f"{waiting_aside} messages are in its dead-letter queue",
            "look at them, then move them back (a redrive) or delete them",
        )
    retention = int(attributes.get("MessageRetentionPeriod", MIN_RETENTION_SECONDS))
    if retention < MIN_RETENTION_SECONDS:
        yield f"it forgets messages after {retention} s", f"set its retention to {MIN_RETENTION_SECONDS} s or more"
    if not _lets_s3_send(attributes.get("Policy", "")):
        yield "its policy does not let S3 send to it", f"allow sqs:SendMessage to {_S3}, on condition of the bucket"


def _attributes(client: SqsClient, url: str) -> Mapping[str, str]:
    with vendor_errors(f"reading the attributes of {url}"):
        answer: Mapping[str, str] = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return answer


def _count_aside(client: SqsClient, aside: Mapping[str, Any]) -> int | None:
    """Count the messages in the dead-letter queue; None if these credentials may not look at it."""
    *_, account, name = ("", "", *str(aside.get("deadLetterTargetArn", "")).split(":"))
    try:
        with vendor_errors(f"finding the dead-letter queue {name}"):
            url = client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
        return int(_attributes(client, url).get("ApproximateNumberOfMessages", 0))
    except QueueError:
        return None


def _redrive_policy(attributes: Mapping[str, str]) -> Mapping[str, Any]:
    return _json_object(attributes.get("RedrivePolicy", ""))


def _max_receives(aside: Mapping[str, Any]) -> int:
    return int(aside.get("maxReceiveCount", 0))


def _lets_s3_send(policy: str) -> bool:
    """Whether any statement allows something to S3. Its conditions are not looked at."""
    statements = _json_object(policy).get("Statement", [])
    allowed = [one for one in statements if isinstance(one, dict) and one.get("Effect") == "Allow"]
    return any(_names_s3(one.get("Principal")) for one in allowed)


def _names_s3(principal: object) -> bool:
    if isinstance(principal, dict):
        return any(_names_s3(value) for value in principal.values())
    if isinstance(principal, list):
        return any(_names_s3(value) for value in principal)
    return principal in {"*", _S3}


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
