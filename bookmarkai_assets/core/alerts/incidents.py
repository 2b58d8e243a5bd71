"""Incidents: conditions that began and that operators are alerted to."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Incident:
    """A condition that an operator should learn of once. While it is open, no other one with its `key` is opened.

    `opened_at` is when it was first seen, `delivered_at` when the last receiver had it, `closed_at` when it was over.
    """

    key: str
    kind: str
    summary: str
    next_step: str
    details: Mapping[str, Any]
    opened_at: datetime
    delivered_at: datetime | None = None
    closed_at: datetime | None = None


class IncidentTable(ABC):
    """The incidents on record, and which of them were delivered."""

    @abstractmethod
    def open(self, incident: Incident) -> bool:
        """Open an incident unless one with its key is open. Return whether it was opened."""

    @abstractmethod
    def close(self, key: str, *, now: datetime) -> bool:
        """Close the open incident with this key. Return whether there was one."""

    @abstractmethod
    def undelivered(self) -> Sequence[Incident]:
        """Read the incidents that are not delivered yet, oldest first, closed ones too."""

    @abstractmethod
    def mark_delivered(self, incident: Incident, *, now: datetime) -> None:
        """Record that every receiver has it."""

    @abstractmethod
    def count_open(self) -> Mapping[str, int]:
        """Count the open incidents by kind."""

    @abstractmethod
    def list(self, *, is_open: bool | None = None, limit: int | None = None) -> Sequence[Incident]:
        """Read incidents, newest first."""
