"""The port of the queue in which the bucket's events wait. It promises no more than any queue can keep.

A message may come twice, late, and in any order. One that was received is hidden from others for a while, and comes
again unless it is deleted within that time.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from bookmarkai_assets.core.errors import BookmarkAIError

MAX_MESSAGES = 10
"""How many messages one request receives, keeps hidden or deletes."""


class QueueError(BookmarkAIError):
    """The queue did not answer, or refused. The message says what to do. What was asked may have been done."""


@dataclass(frozen=True)
class QueuedMessage:
    """A message that was received. `receives` counts how often it has been, from 1.

    `receipt` belongs to this receiving of it: it stands for the right to keep the message hidden and to delete it.
    """

    message_id: str
    body: str
    receipt: str = field(repr=False)
    receives: int


class NoticeQueue(ABC):
    """A queue of messages. Every method raises `QueueError`. Sequences have 1 to `MAX_MESSAGES` messages."""

    @abstractmethod
    def receive(self, *, wait_seconds: float, hidden_seconds: int) -> Sequence[QueuedMessage]:
        """Receive up to `MAX_MESSAGES`, which are then hidden for `hidden_seconds`. Wait for the first one that long.

        Seconds of waiting are rounded to whole ones, at most 20.
        """

    @abstractmethod
    def keep_hidden(self, messages: Sequence[QueuedMessage], *, hidden_seconds: int) -> Sequence[QueuedMessage]:
        """Hide messages for so long from now. Return those that are hidden no more: others may have them by now."""

    @abstractmethod
    def delete(self, messages: Sequence[QueuedMessage]) -> Sequence[QueuedMessage]:
        """Delete messages. Return those that were not: they come again."""

    @abstractmethod
    def puts_aside(self) -> bool:
        """Whether the queue itself puts messages aside that were received too often, for a person to look at."""
