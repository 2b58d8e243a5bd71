"""What is checked of a request before a page is made: who sent it, and from where a form was sent."""

import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import override

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.door.tokens import Caller, Scope
from bookmarkai_assets.core.errors import CatalogUnavailableError, UnknownShareError
from bookmarkai_assets.core.shares.share import Share
from bookmarkai_assets.door.access import OPEN
from bookmarkai_assets.door.doorway import Door, Doorway
from bookmarkai_assets.door.pages.rendering import compressed, render
from bookmarkai_assets.door.pages.sessions import caller_of_session, see_other
from bookmarkai_assets.door.pages.views.common import Frame, Notice, frame_of
from bookmarkai_assets.door.problems import ProblemError
from bookmarkai_assets.operations.shares.ownership import share_of_user

_PATH = re.compile(
    r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@%-][A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?"
)


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
                return compressed(await handle(request), request)
            except SignInNeededError:
                return see_other(login_path(request))
            except NotAllowedError as error:
                return _notice("Not allowed", str(error), HTTPStatus.FORBIDDEN)
            except NotThereError as error:
                return _notice("Not found", str(error), HTTPStatus.NOT_FOUND)
            except ProblemError as error:
                return _notice(
                    "Too many requests", f"The door {error.detail}.", HTTPStatus(error.status), error.headers
                )
            except CatalogUnavailableError:
                return _notice(
                    "Not available",
                    "The catalog does not answer. Try again in a moment.",
                    HTTPStatus.SERVICE_UNAVAILABLE,
                )

        return answer


@dataclass(frozen=True)
class PageReader:
    """Who looks at a page. With `sees_only`, only that user's shares exist. `name` is None where the door is open."""

    caller: Caller
    sees_only: str | None
    name: str | None

    def frame(self, section: str | None) -> Frame:
        """Return the frame of the reader's page in a section."""
        return frame_of(
            section,
            sees_everything=self.sees_only is None,
            may_share=self.caller.may(Scope.SHARE),
            signed_in_as=self.name,
        )

    def share(self, catalog: Catalog, share_id: str) -> Share:
        """Return a share. Raises `NotThereError` if there is none, or if it is another user's."""
        try:
            return share_of_user(catalog, share_id, self.sees_only)
        except UnknownShareError:
            raise NotThereError("There is no such share.") from None


def reader_of(request: Request, door: Door) -> PageReader:
    """Return who sent a request. Raises `SignInNeededError`, and `NotAllowedError` for a token that may not read."""
    return _reader_with(Scope.READ, request, door)


def sharer_of(request: Request, door: Door) -> PageReader:
    """Return who asked for a page that makes shares. Raises as `reader_of`, for a token that may not share as well."""
    return _reader_with(Scope.SHARE, request, door)


def sender_of(request: Request, door: Door) -> PageReader:
    """Return who sent what makes a share. Raises as `sharer_of`, and for another site's page."""
    check_same_site(request)
    return sharer_of(request, door)


def operator_of(request: Request, door: Door) -> PageReader:
    """Return who sent a form that changes something. Raises as `reader_of`, and for another site's form."""
    check_same_site(request)
    return _reader_with(Scope.OPERATE, request, door)


def overseer_of(request: Request, door: Door) -> PageReader:
    """Return who sent a request for figures of all users. Raises as `reader_of`, and `NotThereError`."""
    reader = reader_of(request, door)
    if reader.sees_only is not None:
        raise NotThereError("There is no such page for your token.")
    return reader


Reader = Annotated[PageReader, Depends(reader_of)]
Sharer = Annotated[PageReader, Depends(sharer_of)]
Sender = Annotated[PageReader, Depends(sender_of)]
Operator = Annotated[PageReader, Depends(operator_of)]
Overseer = Annotated[PageReader, Depends(overseer_of)]


def _reader_with(scope: Scope, request: Request, door: Doorway) -> PageReader:
    """Return who sent a request, with a token that has this scope. Raises as `reader_of`."""
    caller = caller_of_session(request, door) if door.tokens else OPEN
    if caller is None:
        raise SignInNeededError
    request.state.caller_name = caller.name
    door.rates.count(caller.name)
    if not caller.may(scope):
        raise NotAllowedError(f"Your token does not have the scope {scope}. Sign in with one that has it.")
    return PageReader(caller, caller.sees_only(door.settings.door_user_id), None if caller is OPEN else caller.name)


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


def _notice(heading: str, words: str, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Response:
    page = render("notice.html", Frame(), Notice(heading, words), status=status)
    page.headers.update(headers or {})
    return page
