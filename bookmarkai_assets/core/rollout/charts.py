"""The door to whoever draws: what the charts of the rollout show is said here, how they look is the adapter's."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from bookmarkai_assets.core.rollout.metrics import Step


class ChartPainter(ABC):
    """Draws the steps of `DayMetrics` as PNG, small enough to be kept with every materialization.

    Any steps can be drawn: none, and such as have no transfers, say so in the picture.
    """

    @abstractmethod
    def transfers(self, steps: Sequence[Step]) -> bytes:
        """Draw the error rate of S3 in percent, and below it how long uploads and downloads took in seconds."""

    @abstractmethod
    def split(self, steps: Sequence[Step]) -> bytes:
        """Draw the share of new media that S3 took, in percent, against the percentage that it was to take."""
