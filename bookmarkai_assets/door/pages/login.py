"""Sign in with a token, and out again."""

from dataclasses import dataclass
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bookmarkai_assets.door.doorway import Door
from bookmarkai_assets.door.pages.forms import read_form
from bookmarkai_assets.door.pages.readers import PageRoute, check_same_site, safe_path
from bookmarkai_assets.door.pages.rendering import render
from bookmarkai_assets.door.pages.sessions import begin_session, end_session, see_other
from bookmarkai_assets.door.pages.views.common import Frame


@dataclass(frozen=True)
class LoginView:
    """The page to sign in: where to go afterwards, and what was wrong."""

    next_path: str
    problem: str | None = None


router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/login")
def show_login(request: Request, door: Door) -> Response:
    """Show the form, or the page behind it where the door is open."""
    next_path = safe_path(request.query_params.get("next", "/"))
    return render("login.html", Frame(), LoginView(next_path)) if door.tokens else see_other(next_path)


@router.post("/login")
async def log_in(request: Request, door: Door) -> Response:
    """Begin a session with a token."""
    check_same_site(request)
    form = await read_form(request)
    next_path = safe_path(form.get("next", "/"))
    response = see_other(next_path)
    if begin_session(response, request, door, form.get("token", "").strip()) is None:
        door.rates.count_failure(request.client.host if request.client else "")
        view = LoginView(next_path, "This is no token that is valid here.")
        return render("login.html", Frame(), view, status=HTTPStatus.UNAUTHORIZED)
    return response


@router.post("/logout")
def log_out(request: Request) -> Response:
    """End the session."""
    check_same_site(request)
    response = see_other("/login")
    end_session(response, request)
    return response
