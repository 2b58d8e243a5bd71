"""All pages together, as the door's application takes them in."""

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from bookmarkai_assets.door.pages.context import PageContext
from bookmarkai_assets.door.pages.failures import failures_routes
from bookmarkai_assets.door.pages.library import library_routes
from bookmarkai_assets.door.pages.login import login_routes
from bookmarkai_assets.door.pages.media import media_routes
from bookmarkai_assets.door.pages.readers import Readers
from bookmarkai_assets.door.pages.rollout import rollout_routes


def add_pages(app: FastAPI, context: PageContext) -> None:
    """Add the pages, and the files that they need, to an application."""
    readers = Readers(context)
    for make_routes in (library_routes, media_routes, rollout_routes, failures_routes, login_routes):
        app.include_router(make_routes(context, readers))
    app.mount("/static", StaticFiles(packages=[("bookmarkai_assets.door.pages", "static")]), name="static")
