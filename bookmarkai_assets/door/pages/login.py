"""Sign in with a token, and out again."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bookmarkai_assets.door.pages.context import PageContext
from bookmarkai_assets.door.pages.rendering import render
from bookmarkai_assets.door.pages.readers import NotAllowedError, PageRoute, Readers, check_same_site, safe_path
from bookmarkai_assets.door.pages.sessions import see_other
from bookmarkai_assets.door.pages.views.common import Frame

MAX_FORM_BYTES = 8192
"""The longest form that is read: a token and a path."""


@dataclass(frozen=True)
class LoginView:
    """The page to sign in: where to go afterwards, and what was wrong."""

    next_path: str
    problem: str | None = None


def login_routes(context: PageContext, readers: Readers) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/login")
    def show_login(request: Request) -> Response:
        next_path = safe_path(request.query_params.get("next", "/"))
        if context.open_to is not None:
            return see_other(next_path)
        return render("login.html", Frame(), LoginView(next_path))

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        check_same_site(request)
        form = await _read_form(request)
        next_path = safe_path(form.get("next", "/"))
        response = see_other(next_path)
        if readers.sessions.begin(response, request, form.get("token", "").strip(), now=context.clock()) is None:
            view = LoginView(next_path, "This is no token that is valid here.")
            return render("login.html", Frame(), view, status=HTTPStatus.UNAUTHORIZED)
        return response

    @router.post("/logout")
    def log_out(request: Request) -> Response:
        check_same_site(request)
        response = see_other("/login")
        readers.sessions.end(response, request)
        return response

    return router


async def _read_form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM_BYTES:
            raise NotAllowedError(f"The form is longer than {MAX_FORM_BYTES} bytes.")
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    return {name: values[0] for name, values in fields.items()}
