"""Render a page: its template, and the headers that every page has."""

import gzip
from collections.abc import Sequence
from functools import cache
from http import HTTPStatus

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bookmarkai_assets.door.pages.views.common import Frame


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("bookmarkai_assets.door.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


MIN_BYTES = 1000
"""The smallest page that is worth compressing."""


def compressed(response: Response, request: Request) -> Response:
    """Compress a page if its reader takes that: the lines of an hour of speech are a quarter of a megabyte.

    No page holds a secret that its size could give away. Videos are left as they are, because they come by ranges.
    """
    if not isinstance(response, HTMLResponse):
        return response
    response.headers["Vary"] = "Accept-Encoding"
    if len(response.body) >= MIN_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
        response.body = gzip.compress(bytes(response.body), mtime=0)
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Content-Length"] = str(len(response.body))
    return response


def content_security_policy(*, media_origin: str | None = None, connect_origins: Sequence[str] = ()) -> str:
    """Return the policy of a page: scripts, styles, pictures and media of this door alone, and nothing inline.

    `media_origin` is where a video comes from that this door redirects to. A page's script may connect to
    `connect_origins` alone.
    """
    media = f"'self' {media_origin}" if media_origin else "'self'"
    connect = f"connect-src {' '.join(connect_origins)}; " if connect_origins else ""
    return (
        f"default-src 'none'; {connect}script-src 'self'; style-src 'self'; img-src 'self'; "
        f"media-src {media}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def render(
    template: str,
    frame: Frame,
    view: object,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    media_origin: str | None = None,
    connect_origins: Sequence[str] = (),
) -> HTMLResponse:
    """Return a page. It is never stored, because it shows one reader's shares."""
    return HTMLResponse(
        _environment().get_template(template).render(frame=frame, view=view),
        status_code=status,
        headers={
            "Content-Security-Policy": content_security_policy(
                media_origin=media_origin, connect_origins=connect_origins
            ),
            "Cache-Control": "private, no-store",
            # With no-referrer a browser would say that our own forms come from nowhere.
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Cross-Origin-Opener-Policy": "same-origin",
        },
    )
