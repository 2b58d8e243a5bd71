"""Incidents: what the rollout and the alerts must remember until somebody is told."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Incident:
    """Something that an operator should know, once: `key` names it, and while it is open it is not told again.

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
    """The alerts: what is open, what was delivered."""

    @abstractmethod
    def open(self, incident: Incident) -> bool:
        """Open an incident unless one of its key is open; tells whether it was."""

    @abstractmethod
    def close(self, key: str, *, now: datetime) -> bool:
        """Close the open incident of a key; tells whether there was one."""

    @abstractmethod
    def undelivered(self) -> Sequence[Incident]:
        """Read the incidents that no receiver has had yet, oldest first, closed ones too."""

    @abstractmethod
    def mark_delivered(self, incident: Incident, *, now: datetime) -> None:
        """Record that every receiver has it."""

    @abstractmethod
    def list(self, *, is_open: bool | None = None, limit: int | None = None) -> Sequence[Incident]:
        """Read incidents, newest first."""
