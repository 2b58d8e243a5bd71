"""`NoticeQueue` over SQS."""

import threading
from collections.abc import Sequence
from typing import Any

from typing_extensions import override

from bookmarkai_assets.adapters.sqs_queue.client import (
    MAX_WAIT_SECONDS,
    Connection,
    SqsClient,
    connect,
    vendor_errors,
)
from bookmarkai_assets.core.uploads.queue import MAX_MESSAGES, NoticeQueue, QueuedMessage

_RECEIVES = "ApproximateReceiveCount"


class SqsQueue(NoticeQueue):
    """One queue. It connects at the first use. Several threads may use it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._url = connection.queue_url
        self._lock = threading.Lock()
        self._connected: SqsClient | None = None

    @override
    def receive(self, *, wait_seconds: float, hidden_seconds: int) -> Sequence[QueuedMessage]:
        with vendor_errors(f"receiving from {self._url}"):
            answer = self._client().receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=MAX_MESSAGES,
                WaitTimeSeconds=min(MAX_WAIT_SECONDS, round(wait_seconds)),
                VisibilityTimeout=hidden_seconds,
                MessageSystemAttributeNames=[_RECEIVES],
            )
            return [_message(entry) for entry in answer.get("Messages", [])]

    @override
    def keep_hidden(self, messages: Sequence[QueuedMessage], *, hidden_seconds: int) -> Sequence[QueuedMessage]:
        with vendor_errors(f"keeping messages of {self._url} hidden"):
            answer = self._client().change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[entry | {"VisibilityTimeout": hidden_seconds} for entry in _entries(messages)],
            )
        return _failed(answer, messages)

    @override
    def delete(self, messages: Sequence[QueuedMessage]) -> Sequence[QueuedMessage]:
        with vendor_errors(f"deleting messages of {self._url}"):
            answer = self._client().delete_message_batch(QueueUrl=self._url, Entries=_entries(messages))
        return _failed(answer, messages)

    @override
    def puts_aside(self) -> bool:
        with vendor_errors(f"reading the attributes of {self._url}"):
            answer = self._client().get_queue_attributes(QueueUrl=self._url, AttributeNames=["RedrivePolicy"])
        return bool(answer.get("Attributes", {}).get("RedrivePolicy"))

    def _client(self) -> SqsClient:
        with self._lock:
            if self._connected is None:
                self._connected = connect(self._connection)
            return self._connected


def _message(entry: dict[str, Any]) -> QueuedMessage:
    return QueuedMessage(
        message_id=entry["MessageId"],
        body=entry.get("Body", ""),
        receipt=entry["ReceiptHandle"],
        receives=int(entry.get("Attributes", {}).get(_RECEIVES, 1)),
    )


def _entries(messages: Sequence[QueuedMessage]) -> list[dict[str, Any]]:
    # By its place: the same message may be among them twice, with another receipt.
    return [{"Id": str(number), "ReceiptHandle": message.receipt} for number, message in enumerate(messages)]


def _failed(answer: dict[str, Any], messages: Sequence[QueuedMessage]) -> Sequence[QueuedMessage]:
    return [messages[int(entry["Id"])] for entry in answer.get("Failed", [])]
