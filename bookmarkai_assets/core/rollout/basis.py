"""What the rollout's assets are made from, and what has changed since they were made last.

Nothing is measured again while nothing has changed (docs/adr/0034). Time alone changes something too: windows become
empty, and the gate's answer changes once a stage has had its time or a verification is too old.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

TRANSFERS = "transfers"
"""The change that there were transfers."""


@dataclass(frozen=True)
class Basis:
    """What a measurement was made from.

    `position` is that of the last event that was added up. `unfinished` counts the events of the five minutes that were
    not over yet, which are in no window. `decision_id` is the decision in force, None without any. `verified_at` is
    the time of the last verification, ISO 8601. `policy` is the storage policy in force. `answer` is the gate's: its
    verdict, and the status of each rule. `windows` are the names of the windows that hold transfers.
    """

    position: int
    unfinished: int
    decision_id: int | None
    verified_at: str | None
    policy: str
    answer: Mapping[str, str]
    windows: Sequence[str]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def list_changes(before: Mapping[str, Any] | None, now: Basis) -> list[str]:
    """Return what has changed since `before`, which is from `Basis.as_dict`; empty if nothing has.

    None, and what another version of the pipeline has recorded, count as a change.
    """
    present = now.as_dict()
    if before is None or before.keys() != present.keys():
        return ["not measured yet"]
    moved = {key for key, value in present.items() if before[key] != value}
    changes = {
        TRANSFERS: "position" in moved or before["unfinished"] > 0,
        "a decision": "decision_id" in moved,
        "a verification": "verified_at" in moved,
        "the storage policy": "policy" in moved,
        "the gate's answer": "answer" in moved,
        "an empty window": "windows" in moved,
    }
    return [change for change, has_happened in changes.items() if has_happened]
