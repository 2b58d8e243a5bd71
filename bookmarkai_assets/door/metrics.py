"""`GET /api/v1/shares/metrics/ytdlp`: the route of BookmarkAI's guide, in the gateway's envelope."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request

from bookmarkai_assets.door.access import Reader
from bookmarkai_assets.door.doorway import Door
from bookmarkai_assets.door.models import TransferMetrics
from bookmarkai_assets.door.problems import documented
from bookmarkai_assets.operations.overview.transfer_figures import read_figures

router = APIRouter(tags=["operations"])


@router.get(
    "/shares/metrics/ytdlp",
    summary="Show how transfers went, and what S3 costs",
    responses=documented(401, 403, 422, 429, 503),
)
def transfer_metrics(
    door: Door,
    _caller: Reader,
    request: Request,
    window: Annotated[
        Literal["5m", "1h", "24h", "7d"], Query(description="How far back to go from the last full five minutes")
    ] = "24h",
) -> TransferMetrics:
    """Return what `bookmarkai metrics --json` prints: seconds, bytes, percentages from 0 to 100, USD."""
    now = door.clock()
    figures = read_figures(door.catalog, door.rules, name=window, has_bucket=door.settings.has_bucket, now=now)
    return TransferMetrics(
        data=figures.as_dict(), meta={"timestamp": now.isoformat(), "requestId": request.state.request_id}
    )
