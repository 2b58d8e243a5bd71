"""The rollout: how new media move to S3, and what the gate says of it."""

from fastapi import APIRouter
from starlette.responses import Response

from bookmarkai_assets.core.rollout.windows import day_of
from bookmarkai_assets.door.doorway import Door
from bookmarkai_assets.door.pages.readers import Overseer, PageRoute
from bookmarkai_assets.door.pages.rendering import render
from bookmarkai_assets.door.pages.views.rollout import rollout_view
from bookmarkai_assets.operations.rollout.current_policy import read_effective_policy
from bookmarkai_assets.operations.rollout.evidence import judge_stage
from bookmarkai_assets.operations.rollout.history import read_state
from bookmarkai_assets.operations.rollout.measuring import catch_up, measure_day, read_gate_figures

DECISIONS = 30
"""How many decisions are shown. `bookmarkai rollout history` has all of them."""


router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/rollout")
def show_rollout(door: Door, reader: Overseer) -> Response:
    """Show where the rollout is."""
    catalog, rules, now = door.catalog, door.rules, door.clock()
    catch_up(catalog)
    state = read_state(catalog)
    view = rollout_view(
        measure_day(catalog, rules, day_of(now), now=now),
        judge_stage(rules, read_gate_figures(catalog, rules, now=now), state, now=now),
        state,
        read_effective_policy(catalog, rules),
        catalog.rollout.history(limit=DECISIONS),
    )
    return render("rollout.html", reader.frame("Rollout"), view)
