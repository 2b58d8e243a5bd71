"""Whether the disk has room for another download. If it has not, shares wait and do not fail."""

from datetime import datetime, timedelta

from bookmarkai_assets.core.downloads.shortage import Shortage
from bookmarkai_assets.core.errors import PostponedError
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.media.room import FreeBytes, free_bytes

_CHECK_AGAIN_AFTER = timedelta(minutes=1)


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
