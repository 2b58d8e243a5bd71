"""What is checked of a request before a page is made: who sent it, and from where a form was sent."""

import re
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import override

from bookmarkai_assets.core.door.tokens import Caller, Scope
from bookmarkai_assets.core.errors import CatalogUnavailableError, UnknownShareError
from bookmarkai_assets.core.shares.share import Share
from bookmarkai_assets.door.pages.context import PageContext
from bookmarkai_assets.door.pages.rendering import render
from bookmarkai_assets.door.pages.sessions import Sessions, see_other
from bookmarkai_assets.door.pages.views.common import Frame, Notice, frame_of

_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@%-][A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?")


class SignInNeededError(Exception):
    """The page is only for readers who signed in."""


class NotAllowedError(Exception):
    """The reader's token does not allow it, or a form was sent from another site. The message says which."""


class NotThereError(Exception):
    """There is no such page for this reader. The message says what is missing."""


class PageRoute(APIRoute):
    """A route whose refusals are pages, or the way to sign in, and never JSON."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except SignInNeededError:
                return see_other(login_path(request))
            except NotAllowedError as error:
                return _notice("Not allowed", str(error), HTTPStatus.FORBIDDEN)
            except NotThereError as error:
                return _notice("Not found", str(error), HTTPStatus.NOT_FOUND)
            except CatalogUnavailableError:
                return _notice(
                    "Not available", "The catalog does not answer. Try again in a moment.", HTTPStatus.SERVICE_UNAVAILABLE
                )

        return answer


class Readers:
    """Finds out who sent a request, and what that reader may see."""

    def __init__(self, context: PageContext) -> None:
        self.sessions = Sessions(context.session_key, context.tokens)
        self._context = context

    def reader_of(self, request: Request, scope: Scope = Scope.READ) -> Caller:
        """Return who sent a request. Raises `SignInNeededError`, and `NotAllowedError` without the scope."""
        reader = self._context.open_to or self.sessions.caller_of(request, now=self._context.clock())
        if reader is None:
            raise SignInNeededError
        if not reader.may(scope):
            raise NotAllowedError(f"Your token does not have the scope {scope}. Sign in with one that has it.")
        return reader

    def overseer_of(self, request: Request) -> Caller:
        """Return who sent a request for figures of all users. Raises as `reader_of`, and `NotThereError`."""
        reader = self.reader_of(request)
        if reader.user_id is not None:
            raise NotThereError("There is no such page for your token.")
        return reader

    def share_for(self, reader: Caller, share_id: str) -> Share:
        """Return a share. Raises `NotThereError` if there is none, or if it is another user's."""
        try:
            share = self._context.catalog.shares.get(share_id)
        except UnknownShareError:
            share = None
        if share is None or reader.user_id not in {None, share.user_id}:
            raise NotThereError("There is no such share.")
        return share

    def frame_for(self, reader: Caller, section: str | None) -> Frame:
        """Return the frame of a reader's page. Where the door stands open, nobody is signed in."""
        is_open = self._context.open_to is not None
        return frame_of(
            section, sees_everything=reader.user_id is None, signed_in_as=None if is_open else reader.name
        )


def check_same_site(request: Request) -> None:
    """Refuse a form that another site's page sends. Raises `NotAllowedError`.

    Every browser says from where a form is sent. What says nothing is no browser with a reader's cookie.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    is_ours = site in {"same-origin", "none"} if site is not None else origin is not None
    if origin is not None:
        is_ours = is_ours and _host_of(origin) == request.headers.get("host", "").lower()
    if not is_ours:
        raise NotAllowedError("The form was sent from another site. Open the page here, and send it again.")


def safe_path(text: str) -> str:
    """Return a path of this door as it was given, or the library's for anything that could lead elsewhere."""
    return text if _PATH.fullmatch(text) and not text.startswith(("/login", "/logout")) else "/"


def login_path(request: Request) -> str:
    """Return the path to sign in, and to come back to the page that was asked for if it can be asked for again."""
    query = f"?{request.url.query}" if request.url.query else ""
    wanted = safe_path(request.url.path + query) if request.method == "GET" else "/"
    return "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}"


def _host_of(origin: str) -> str | None:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in {"http", "https"} else None


def _notice(heading: str, words: str, status: HTTPStatus) -> Response:
    return render("notice.html", Frame(), Notice(heading, words), status=status)
