"""`GET /metrics`: the page that Prometheus scrapes."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bookmarkai_assets.door.access import Reader
from bookmarkai_assets.door.doorway import Door

router = APIRouter()


# It is Prometheus's own format and no part of the API, so the OpenAPI leaves it out.
@router.get("/metrics", include_in_schema=False)
def scrape(door: Door, _caller: Reader, request: Request) -> Response:
    """Return the metrics in the format that the header `Accept` asks for. They name no share and no user."""
    content_type, page = door.metrics_page.render(request.headers.get("accept", ""))
    return Response(page, media_type=content_type)
