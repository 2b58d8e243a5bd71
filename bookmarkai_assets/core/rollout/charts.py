"""The port for drawing the rollout's charts: what they show. How they look is up to the adapter."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bookmarkai_assets.core.rollout.metrics import Step


class ChartPainter(ABC):
    """Draws the steps of `DayMetrics` as PNG, small enough to be kept with every materialization.

    Without steps, or without transfers in them, the picture says so.
    """

    @abstractmethod
    def transfers(self, steps: Sequence["Step"]) -> bytes:
        """Draw the error rate of S3 in percent, and below it how long uploads and downloads took in seconds."""

    @abstractmethod
    def split(self, steps: Sequence["Step"]) -> bytes:
        """Draw the share of new media that S3 took, in percent, against the percentage that it was to take."""
