"""What a clean-up has to say: every removal with its reason, and what was kept, counted by reason."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bookmarkai_assets.core.media.retention import Kept

_NOTABLE = frozenset({Kept.NOT_IN_S3, Kept.DIFFERENT_IN_S3, Kept.UNVERIFIED, Kept.NOT_TRANSCRIBED})
"""Reasons to keep that do not pass by themselves."""


@dataclass(frozen=True)
class CleanUpItem:
    """What became of one media's local files, or of one leftover: removed for a reason, or kept for one."""

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

    def add(self, considered: CleanUpItem) -> None:
        """Count one."""
        if considered.removed is not None:
            self.removed.append(considered)
        else:
            reason = considered.kept or "failed"
            self.kept[reason] += 1
            self.kept_bytes[reason] += considered.size_bytes
            if considered.kept is None:
                self.failed.append(considered)
            elif considered.kept in _NOTABLE:
                self.to_look_at.append(considered)

    @property
    def removed_bytes(self) -> int:
        """The space that came free."""
        return sum(considered.size_bytes for considered in self.removed)

    def removed_by_reason(self) -> dict[str, int]:
        """Count the removals by reason."""
        return dict(Counter(considered.removed or "" for considered in self.removed))

    def as_dict(self) -> dict[str, Any]:
        """Give the report as plain values."""
        return {
            "dry_run": self.is_dry_run,
            "removed": [
                {"name": c.name, "media_id": c.media_id, "size_bytes": c.size_bytes, "reason": c.removed}
                for c in self.removed
            ],
            "removed_bytes": self.removed_bytes,
            "removed_by_reason": self.removed_by_reason(),
            "kept": dict(self.kept),
            "kept_bytes": dict(self.kept_bytes),
            "to_look_at": [
                {"name": c.name, "media_id": c.media_id, "share_id": c.share_id, "reason": c.kept}
                for c in self.to_look_at
            ],
            "failed": [{"name": c.name, "media_id": c.media_id, "detail": c.detail} for c in self.failed],
        }
