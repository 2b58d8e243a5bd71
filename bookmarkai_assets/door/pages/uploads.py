"""Uploads from a browser: the page, and what its script asks of the door. The bytes go straight to the bucket.

The script comes with the reader's cookie, where the API takes a token. So each of its requests must be of this door's
own pages. What it asks for is done by the API's own functions.
"""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import override

from bookmarkai_assets.core.text import format_size
from bookmarkai_assets.door import uploads
from bookmarkai_assets.door.doorway import Door
from bookmarkai_assets.door.pages.readers import (
    NotAllowedError,
    PageRoute,
    Sender,
    Sharer,
    SignInNeededError,
)
from bookmarkai_assets.door.pages.rendering import render
from bookmarkai_assets.door.pages.views.uploads import UploadsView
from bookmarkai_assets.door.problems import ProblemError
from bookmarkai_assets.door.upload_models import NewUpload, SignedParts, WantedParts


class _ScriptRoute(APIRoute):
    """A route for a page's script, whose refusals are problems."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except SignInNeededError:
                raise ProblemError(
                    HTTPStatus.UNAUTHORIZED, "token-needed", "expected a reader who is signed in"
                ) from None
            except NotAllowedError as error:
                raise ProblemError(HTTPStatus.FORBIDDEN, "scope-needed", str(error)) from None

        return answer


router = APIRouter(include_in_schema=False)
_pages = APIRouter(route_class=PageRoute, include_in_schema=False)
_script = APIRouter(prefix="/uploads", route_class=_ScriptRoute, include_in_schema=False)


@_pages.get("/uploads")
def show_uploads(door: Door, reader: Sharer) -> Response:
    """Show the page to upload files."""
    origin = door.uploads.origin if door.uploads is not None else None
    view = UploadsView(max_size=format_size(door.rules.limits.max_bytes), has_bucket=origin is not None)
    return render("uploads.html", reader.frame("Upload"), view, connect_origins=("'self'", origin) if origin else ())


@_script.post("")
def begin(door: Door, reader: Sender, body: Annotated[NewUpload, Body()]) -> Response:
    """Begin an upload, or go on with one."""
    return uploads.begin(door, reader.caller, body)


@_script.post("/{upload_id}/parts")
def sign(door: Door, reader: Sender, upload_id: UUID, body: Annotated[WantedParts, Body()]) -> SignedParts:
    """Sign links to parts."""
    return uploads.sign(door, reader.caller, upload_id, body)


@_script.post("/{upload_id}/complete")
def complete(door: Door, reader: Sender, upload_id: UUID) -> Response:
    """Make the share."""
    return uploads.complete(door, reader.caller, upload_id)


@_script.post("/{upload_id}/give-up")
def give_up(door: Door, reader: Sender, upload_id: UUID) -> Response:
    """Give the upload up."""
    return uploads.give_up(door, reader.caller, upload_id)


router.include_router(_pages)
router.include_router(_script)
