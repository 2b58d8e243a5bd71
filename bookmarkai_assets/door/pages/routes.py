"""All pages together, as the application takes them in."""

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from bookmarkai_assets.door.pages import failures, library, login, media, rollout, sharing, uploads

_PACKAGE = "bookmarkai_assets.door.pages"


def add_pages(app: FastAPI) -> None:
    """Add the pages, and the files that they need, to an application."""
    for page in (library, sharing, uploads, media, rollout, failures, login):
        app.include_router(page.router)
    app.mount("/static", StaticFiles(packages=[(_PACKAGE, "static")]), name="static")
