"""The failures: what stands, and what to do about it."""

from fastapi import APIRouter
from starlette.responses import Response

from bookmarkai_assets.door.doorway import Door
from bookmarkai_assets.door.pages.readers import Overseer, PageRoute
from bookmarkai_assets.door.pages.rendering import render
from bookmarkai_assets.door.pages.views.failures import failures_view
from bookmarkai_assets.operations.failures.debt import debt_report
from bookmarkai_assets.wiring.catalog import share_partitions

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/failures")
def show_failures(door: Door, reader: Overseer) -> Response:
    """Show the failures that stand."""
    report = debt_report(door.catalog, now=door.clock(), partitions=share_partitions(door.settings), ui=door.ui)
    return render("failures.html", reader.frame("Failures"), failures_view(report))
