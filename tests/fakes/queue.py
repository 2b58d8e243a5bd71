"""A queue in memory: at least once, in any order, hidden for a while, and nothing more than that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from typing_extensions import override

from bookmarkai_assets.core.uploads.queue import MAX_MESSAGES, NoticeQueue, QueuedMessage, QueueError


@dataclass
class _Waiting:
    message_id: str
    body: str
    receives: int = 0
    hidden_until: datetime | None = None
    receipt: str = ""


@dataclass
class FakeQueue(NoticeQueue):
    """Set `max_receives` to have messages put into `aside` after so many, and `failures` to have a method fail.

    `before_delete` is called before messages are deleted. `kept` counts how often messages were kept hidden.
    """

    clock: Callable[[], datetime]
    max_receives: int | None = None
    failures: set[str] = field(default_factory=set)
    before_delete: Callable[[], object] = lambda: None
    aside: list[str] = field(default_factory=list)
    waiting: list[_Waiting] = field(default_factory=list)
    kept: int = 0
    _sent: int = 0

    def send(self, *bodies: str) -> None:
        """Put messages into the queue."""
        for body in bodies:
            self._sent += 1
            self.waiting.append(_Waiting(f"message-{self._sent}", body))

    def show_all(self) -> None:
        """Let so much time pass that no message is hidden any more."""
        for one in self.waiting:
            one.hidden_until = None
            one.receipt = ""

    @override
    def receive(self, *, wait_seconds: float, hidden_seconds: int) -> Sequence[QueuedMessage]:
        self._check("receive")
        now = self.clock()
        found: list[QueuedMessage] = []
        for one in list(self.waiting):
            if len(found) == MAX_MESSAGES or (one.hidden_until is not None and one.hidden_until > now):
                continue
            if self.max_receives is not None and one.receives >= self.max_receives:
                self.waiting.remove(one)
                self.aside.append(one.body)
                continue
            one.receives += 1
            one.receipt = f"{one.message_id}/{one.receives}"
            one.hidden_until = now + timedelta(seconds=hidden_seconds)
            found.append(QueuedMessage(one.message_id, one.body, one.receipt, one.receives))
        return found

    @override
    def keep_hidden(self, messages: Sequence[QueuedMessage], *, hidden_seconds: int) -> Sequence[QueuedMessage]:
        self._check("keep_hidden")
        self.kept += 1
        lost = []
        for message in messages:
            one = self._held(message)
            if one is None:
                lost.append(message)
            else:
                one.hidden_until = self.clock() + timedelta(seconds=hidden_seconds)
        return lost

    @override
    def delete(self, messages: Sequence[QueuedMessage]) -> Sequence[QueuedMessage]:
        self.before_delete()
        self._check("delete")
        lost = []
        for message in messages:
            one = self._held(message)
            if one is None:
                lost.append(message)
            else:
                self.waiting.remove(one)
        return lost

    @override
    def puts_aside(self) -> bool:
        return self.max_receives is not None

    def _held(self, message: QueuedMessage) -> _Waiting | None:
        return next((one for one in self.waiting if one.receipt == message.receipt), None)

    def _check(self, method: str) -> None:
        if method in self.failures:
            raise QueueError(f"{method}: no answer")
