"""The ports through which alerts and metrics leave the pipeline."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bookmarkai_assets.core.errors import BookmarkAIError

if TYPE_CHECKING:
    from bookmarkai_assets.core.alerts.messages import Message
    from bookmarkai_assets.core.rollout.published_metrics import Datum


class Receipt(StrEnum):
    """What became of a message."""

    DELIVERED = "delivered"
    """The receiver has it."""
    REFUSED = "refused"
    """The receiver does not accept it, and would not accept it the next time."""
    UNREACHABLE = "unreachable"
    """It may be delivered later."""


@dataclass(frozen=True)
class Reply:
    """What became of a message and, unless it was delivered, the reason and what to do about it."""

    receipt: Receipt
    reason: str = ""


class AlertReceiver(ABC):
    """A receiver of alerts. The same message may come again after a crash, with the same id."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The receiver's name in logs and in the record of deliveries."""

    @abstractmethod
    def send(self, message: "Message") -> Reply:
        """Send a message. Takes half a minute at most. Raises nothing that a network can cause."""


class MetricSinkError(BookmarkAIError):
    """The metrics were not accepted, or it is not known whether they were. The message says what to do."""


class MetricSink(ABC):
    """A service that stores metrics."""

    @abstractmethod
    def put(self, data: Sequence["Datum"]) -> None:
        """Publish data in one request: at most `published_metrics.MAX_DATA`. Raises `MetricSinkError`."""
