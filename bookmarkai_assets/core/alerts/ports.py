"""The doors through which alerts and metrics leave the pipeline, and what can be said of having tried."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bookmarkai_assets.core.alerts.messages import Message
from bookmarkai_assets.core.errors import BookmarkAIError
from bookmarkai_assets.core.rollout.published_metrics import Datum


class Receipt(StrEnum):
    """What became of a message."""

    TOLD = "told"
    """The receiver has it."""
    REFUSED = "refused"
    """The receiver does not want it, and would not want it the next time."""
    UNREACHABLE = "unreachable"
    """It may be had later."""


@dataclass(frozen=True)
class Reply:
    """What became of a message, and unless it was told the reason and what to do about it."""

    receipt: Receipt
    reason: str = ""


class AlertReceiver(ABC):
    """Somebody who is told of incidents. The same message may come again after a crash: it has an id to know it by."""

    @property
    @abstractmethod
    def name(self) -> str:
        """How logs, and the record of who has been told, call this receiver."""

    @abstractmethod
    def tell(self, message: Message) -> Reply:
        """Pass a message on. Takes half a minute at most, and raises nothing for what a network can do."""


class MetricSinkError(BookmarkAIError):
    """The metrics were not taken, or it is not known whether they were. The message says what to do."""


class MetricSink(ABC):
    """A service that keeps metrics."""

    @abstractmethod
    def put(self, data: Sequence[Datum]) -> None:
        """Publish data in one request: at most `published_metrics.MAX_DATA`. Raises `MetricSinkError`."""
