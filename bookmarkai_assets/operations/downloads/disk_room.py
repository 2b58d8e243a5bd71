"""Whether the disk has room for another download. With too little, shares wait; none fails for it."""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from bookmarkai_assets.core.alerts.intake import Shortage
from bookmarkai_assets.core.errors import PostponedError
from bookmarkai_assets.core.rules import PipelineRules

_LOOK_AGAIN = timedelta(minutes=1)

FreeBytes = Callable[[Path], int]


def free_bytes(directory: Path) -> int:
    """Ask the file system that a directory is on, or will be on, for the bytes that we may still write."""
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    return shutil.disk_usage(existing).free


def shortage_of_room(rules: PipelineRules, free: FreeBytes = free_bytes) -> Shortage | None:
    """Look whether there is room for downloads; None when there is."""
    found = free(rules.staging_dir)
    return Shortage(str(rules.staging_dir), found, rules.min_free_bytes) if found < rules.min_free_bytes else None


def make_sure_of_room(rules: PipelineRules, *, now: datetime) -> None:
    """Raise `PostponedError` when there is no room for a download."""
    shortage = shortage_of_room(rules)
    if shortage is not None:
        raise PostponedError(shortage.message, until=now + _LOOK_AGAIN)
