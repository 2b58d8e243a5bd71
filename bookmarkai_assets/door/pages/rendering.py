"""Render a page: its template, and the headers that every page has."""

from functools import cache
from http import HTTPStatus

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

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


def content_security_policy(*, media_origin: str | None = None) -> str:
    """Return the policy of a page: scripts, styles, pictures and media of this door alone, and nothing inline.

    `media_origin` is where a video comes from that this door redirects to.
    """
    media = f"'self' {media_origin}" if media_origin else "'self'"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"media-src {media}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def render(
    template: str,
    frame: Frame,
    view: object,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    media_origin: str | None = None,
) -> HTMLResponse:
    """Return a page. It is never stored, because it shows one reader's shares."""
    return HTMLResponse(
        _environment().get_template(template).render(frame=frame, view=view),
        status_code=status,
        headers={
            "Content-Security-Policy": content_security_policy(media_origin=media_origin),
            "Cache-Control": "private, no-store",
            # With no-referrer a browser would say that our own forms come from nowhere.
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Cross-Origin-Opener-Policy": "same-origin",
        },
    )
