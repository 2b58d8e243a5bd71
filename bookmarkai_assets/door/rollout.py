"""`GET /api/v1/rollout`: where the rollout is."""

from typing import Any

from fastapi import APIRouter

from bookmarkai_assets.door.access import Reader
from bookmarkai_assets.door.doorway import Door
from bookmarkai_assets.door.problems import documented
from bookmarkai_assets.operations.overview.rollout_status import read_status

router = APIRouter(tags=["operations"])


@router.get("/rollout", summary="Show where the rollout is", responses=documented(401, 403, 429, 503))
def rollout(door: Door, _caller: Reader) -> dict[str, Any]:
    """Return what `bookmarkai rollout status --json` prints: times in ISO 8601, durations in seconds."""
    return read_status(door.catalog, door.rules, has_bucket=door.settings.has_bucket, now=door.clock()).as_dict()
