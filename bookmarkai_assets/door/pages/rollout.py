"""The rollout: how new media move to S3, and what the gate says of it."""

from fastapi import APIRouter
from starlette.responses import Response

from bookmarkai_assets.core.rollout.windows import day_of
from bookmarkai_assets.door.doorway import Door
from bookmarkai_assets.door.pages.readers import Overseer, PageRoute
from bookmarkai_assets.door.pages.rendering import render
from bookmarkai_assets.door.pages.views.rollout import rollout_view
from bookmarkai_assets.operations.overview.rollout_status import read_status
from bookmarkai_assets.operations.rollout.measuring import measure_day

DECISIONS = 30
"""How many decisions are shown. `bookmarkai rollout history` has all of them."""


router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/rollout")
def show_rollout(door: Door, reader: Overseer) -> Response:
    """Show where the rollout is."""
    catalog, rules, now = door.catalog, door.rules, door.clock()
    # First, because it adds up what was recorded since the last time.
    status = read_status(catalog, rules, has_bucket=door.settings.has_bucket, now=now)
    metrics = measure_day(catalog, rules, day_of(now), now=now)
    view = rollout_view(metrics, status, catalog.rollout.history(limit=DECISIONS))
    return render("rollout.html", reader.frame("Rollout"), view)
