"""The report of a clean-up: every removal with its reason, and what was kept, counted by reason."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bookmarkai_assets.core.media.retention import Kept
from bookmarkai_assets.operations.uploads.sweeping import NOT_TAKEN_IN

_NOTABLE = frozenset({Kept.NOT_IN_S3, Kept.DIFFERENT_IN_S3, Kept.UNVERIFIED, Kept.NOT_TRANSCRIBED, NOT_TAKEN_IN})
"""Reasons to keep a file that do not resolve themselves."""


@dataclass(frozen=True)
class CleanUpItem:
    """What became of one media's local files, or of one leftover: `removed` or `kept` is the reason.

    If neither is set, it failed and `detail` says why.
    """

    name: str
    media_id: str | None
    size_bytes: int
    removed: str | None
    kept: str | None
    detail: str | None = None
    share_id: str | None = None


@dataclass
class CleanUpReport:
    """What a clean-up did, or would do: every removal, and what was kept, by reason."""

    is_dry_run: bool
    removed: list[CleanUpItem] = field(default_factory=list)
    kept: Counter[str] = field(default_factory=Counter)
    kept_bytes: Counter[str] = field(default_factory=Counter)
    failed: list[CleanUpItem] = field(default_factory=list)
    to_look_at: list[CleanUpItem] = field(default_factory=list)

    def add(self, item: CleanUpItem) -> None:
        """Add one item to the lists and counts."""
        if item.removed is not None:
            self.removed.append(item)
        else:
            reason = item.kept or "failed"
            self.kept[reason] += 1
            self.kept_bytes[reason] += item.size_bytes
            if item.kept is None:
                self.failed.append(item)
            elif item.kept in _NOTABLE:
                self.to_look_at.append(item)

    @property
    def removed_bytes(self) -> int:
        """The freed space in bytes."""
        return sum(item.size_bytes for item in self.removed)

    def removed_by_reason(self) -> dict[str, int]:
        """Count the removals by reason."""
        return dict(Counter(item.removed or "" for item in self.removed))

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "dry_run": self.is_dry_run,
            "removed": [
                {"name": item.name, "media_id": item.media_id, "size_bytes": item.size_bytes, "reason": item.removed}
                for item in self.removed
            ],
            "removed_bytes": self.removed_bytes,
            "removed_by_reason": self.removed_by_reason(),
            "kept": dict(self.kept),
            "kept_bytes": dict(self.kept_bytes),
            "to_look_at": [
                {"name": item.name, "media_id": item.media_id, "share_id": item.share_id, "reason": item.kept}
                for item in self.to_look_at
            ],
            "failed": [{"name": item.name, "media_id": item.media_id, "detail": item.detail} for item in self.failed],
        }
