"""Share a link from a browser."""

from dataclasses import dataclass
from http import HTTPStatus

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bookmarkai_assets.core.links.urls import RefusedLink
from bookmarkai_assets.door.doorway import Door, Doorway
from bookmarkai_assets.door.pages.forms import read_form
from bookmarkai_assets.door.pages.readers import PageReader, PageRoute, Sender, Sharer
from bookmarkai_assets.door.pages.rendering import render
from bookmarkai_assets.door.pages.sessions import see_other
from bookmarkai_assets.door.pages.views.common import share_path, shown
from bookmarkai_assets.operations.shares.intake import share_links

LINK_CHARACTERS = 2000
"""How much of a refused link is shown again, to be put right."""


@dataclass(frozen=True)
class SharingView:
    """The page to share a link: the link that was refused, and why."""

    link: str = ""
    problem: str | None = None


router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/share")
def show_sharing(reader: Sharer) -> Response:
    """Show the form."""
    return render("share.html", reader.frame("Share"), SharingView())


@router.post("/share")
async def share_link(request: Request, door: Door, reader: Sender) -> Response:
    """Share the link of the form for the reader, and lead to its page."""
    link = (await read_form(request)).get("link", "").strip()
    return await run_in_threadpool(_share, door, reader, link)


def _share(door: Doorway, reader: PageReader, link: str) -> Response:
    (result,) = share_links(
        door.catalog,
        [link],
        user_id=reader.caller.user_id or door.settings.door_user_id,
        allowed_hosts=door.settings.egress_allowed_hosts,
        now=door.clock(),
    )
    if isinstance(result, RefusedLink):
        view = SharingView(shown(link, LINK_CHARACTERS), f"Not shared: {shown(result.reason, LINK_CHARACTERS)}")
        return render("share.html", reader.frame("Share"), view, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return see_other(share_path(result.share.share_id))
