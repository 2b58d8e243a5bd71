"""The failures: what stands, and what to do about it."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bookmarkai_assets.door.pages.context import PageContext
from bookmarkai_assets.door.pages.readers import PageRoute, Readers
from bookmarkai_assets.door.pages.rendering import render
from bookmarkai_assets.door.pages.views.failures import failures_view
from bookmarkai_assets.operations.failures.debt import debt_report


def failures_routes(context: PageContext, readers: Readers) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/failures")
    def show_failures(request: Request) -> Response:
        reader = readers.overseer_of(request)
        report = debt_report(context.catalog, now=context.clock(), partitions=context.partitions(), ui=context.ui)
        return render("failures.html", readers.frame_for(reader, "Failures"), failures_view(report))

    return router
