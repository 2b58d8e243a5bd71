"""Whether the disk has room for another download. If it has not, shares wait and do not fail."""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from bookmarkai_assets.core.downloads.shortage import Shortage
from bookmarkai_assets.core.errors import PostponedError
from bookmarkai_assets.core.rules import PipelineRules

_CHECK_AGAIN_AFTER = timedelta(minutes=1)

FreeBytes = Callable[[Path], int]


def free_bytes(directory: Path) -> int:
    """Return how many bytes we may still write to the file system of a directory, which need not exist yet."""
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    return shutil.disk_usage(existing).free


def shortage_of_room(rules: PipelineRules, free: FreeBytes = free_bytes) -> Shortage | None:
    """Return how far the disk is short of room for downloads; None if there is room."""
    available = free(rules.staging_dir)
    if available >= rules.min_free_bytes:
        return None
    return Shortage(str(rules.staging_dir), available, rules.min_free_bytes)


def require_room(rules: PipelineRules, *, now: datetime) -> None:
    """Raise `PostponedError` if there is no room for a download."""
    shortage = shortage_of_room(rules)
    if shortage is not None:
        raise PostponedError(shortage.message, until=now + _CHECK_AGAIN_AFTER)
