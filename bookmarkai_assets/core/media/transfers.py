"""The transfers that are under way: since when, and how far they are. The port of the table that shows them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.storage_events import Operation, Purpose

REPORT_EVERY = timedelta(seconds=2)
"""How often a transfer reports. One that takes less time never does."""

BELIEVED_FOR = timedelta(seconds=60)
"""How long a report counts. A process that was killed reports no end."""


@dataclass(frozen=True)
class TransferUnderWay:
    """One transfer of one part. `backend` is the value of a `Backend`, `moved_bytes` how far it is.

    `moved_at` is when the last bytes moved; None before the first. `reported_at` is when this was written.
    """

    media_id: str
    kind: PartKind
    operation: Operation
    backend: str
    share_id: str
    purpose: Purpose
    size_bytes: int
    begun_at: datetime
    moved_bytes: int = 0
    moved_at: datetime | None = None
    reported_at: datetime | None = None

    @property
    def words(self) -> str:
        """The transfer in words."""
        last = "nothing has moved yet" if self.moved_at is None else f"the last bytes moved at {_second(self.moved_at)}"
        return (
            f"{self.operation} {self.kind} {self.backend} {self.moved_bytes} of {self.size_bytes} bytes since "
            f"{_second(self.begun_at)}, {last}"
        )


def transfer_as_dict(transfer: TransferUnderWay) -> dict[str, Any]:
    """Return the JSON form of a transfer: sizes in bytes, times in ISO 8601."""
    return {
        "operation": transfer.operation.value,
        "backend": transfer.backend,
        "kind": transfer.kind.value,
        "size_bytes": transfer.size_bytes,
        "moved_bytes": transfer.moved_bytes,
        "begun_at": transfer.begun_at.isoformat(),
        "moved_at": transfer.moved_at.isoformat() if transfer.moved_at else None,
    }


def describe_under_way(transfers: Sequence[TransferUnderWay]) -> str:
    """Return all transfers under way in words. They are in order, oldest first."""
    if not transfers:
        return "no transfer that takes longer than a moment"
    moved, size = (sum(sizes) for sizes in zip(*((one.moved_bytes, one.size_bytes) for one in transfers), strict=True))
    count = "1 transfer" if len(transfers) == 1 else f"{len(transfers)} transfers"
    return f"{count}, the oldest since {_second(transfers[0].begun_at)}; {moved:,} of {size:,} bytes have moved"


def under_way_as_dict(transfers: Sequence[TransferUnderWay]) -> dict[str, Any]:
    """Return the JSON form of all transfers under way together. They are in order, oldest first."""
    return {
        "transfers": len(transfers),
        "oldest_begun_at": transfers[0].begun_at.isoformat() if transfers else None,
        "size_bytes": sum(transfer.size_bytes for transfer in transfers),
        "moved_bytes": sum(transfer.moved_bytes for transfer in transfers),
    }


def _second(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


class TransferTable(ABC):
    """The transfers under way, of all processes. A transfer is known by its media, part, operation and backend."""

    @abstractmethod
    def report(self, transfer: TransferUnderWay, *, now: datetime) -> None:
        """Record how far a transfer is. What killed processes have left is removed."""

    @abstractmethod
    def end(self, transfer: TransferUnderWay) -> None:
        """Record that a transfer is over, however it ended."""

    @abstractmethod
    def under_way(self, *, now: datetime, share_id: str | None = None) -> Sequence[TransferUnderWay]:
        """Read the transfers reported within `BELIEVED_FOR`, oldest first; only those of a share, if one is given."""
