"""Receivers of alerts and metrics in memory, which can be made to fail."""

from collections.abc import Sequence

from typing_extensions import override

from bookmarkai_assets.core.alerts.messages import Message
from bookmarkai_assets.core.alerts.ports import AlertReceiver, MetricSink, MetricSinkError, Receipt, Reply
from bookmarkai_assets.core.rollout.published_metrics import Datum


class FakeReceiver(AlertReceiver):
    """Keeps what it accepted. `replies` are given in turn to the next messages, and then all are accepted."""

    def __init__(self, name: str = "webhook") -> None:
        self._name = name
        self.replies: list[Receipt] = []
        self.asked = 0
        self.messages: list[Message] = []

    @property
    @override
    def name(self) -> str:
        return self._name

    @override
    def send(self, message: Message) -> Reply:
        self.asked += 1
        receipt = self.replies.pop(0) if self.replies else Receipt.DELIVERED
        if receipt is not Receipt.DELIVERED:
            return Reply(receipt, "because of the test")
        self.messages.append(message)
        return Reply(receipt)

    @property
    def keys(self) -> list[str]:
        """The keys of the incidents that it received, in order."""
        return [incident.key for message in self.messages for incident in message.incidents]


class FakeSink(MetricSink):
    """Keeps each request. `failing` are the numbers, from 0, that fail; with `is_taken_first` they are kept too."""

    def __init__(self) -> None:
        self.requests: list[Sequence[Datum]] = []
        self.failing: set[int] = set()
        self.is_taken_first = False
        self._count = 0

    @override
    def put(self, data: Sequence[Datum]) -> None:
        number, self._count = self._count, self._count + 1
        if number not in self.failing or self.is_taken_first:
            self.requests.append(list(data))
        if number in self.failing:
            raise MetricSinkError("because of the test")

    @property
    def data(self) -> list[Datum]:
        """All data, in order."""
        return [datum for request in self.requests for datum in request]
