"""The library: all shares, and what is said in their videos."""

from collections.abc import Sequence
from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bookmarkai_assets.core.door.tokens import Caller
from bookmarkai_assets.core.errors import SearchQueryError, UnknownShareError
from bookmarkai_assets.core.search.ports import Hit
from bookmarkai_assets.core.search.query import parse_query
from bookmarkai_assets.core.shares.share import Share
from bookmarkai_assets.door.pages.context import PageContext
from bookmarkai_assets.door.pages.rendering import render
from bookmarkai_assets.door.pages.readers import NotThereError, PageRoute, Readers
from bookmarkai_assets.door.pages.views.library import Asked, library_view
from bookmarkai_assets.operations.shares.finding import is_link, shares_named
from bookmarkai_assets.operations.shares.reports import share_summaries

SHARES_PER_PAGE = 30
SENTENCES = 10
"""How many sentences are shown above the shares. A better query finds others."""


def library_routes(context: PageContext, readers: Readers) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/")
    def show_library(request: Request) -> Response:
        reader = readers.reader_of(request)
        asked = Asked.read(request.query_params)
        since = asked.begins_at(context.clock())
        shares, next_after = _list_shares(context, reader, asked, since)
        summaries = list(share_summaries(context.catalog, shares))
        media_ids = {one.progress.media_id for one in summaries if one.progress.media_id}
        said, problem = _search(context, reader, asked, since)
        view = library_view(
            asked,
            shares=summaries,
            media=context.catalog.media.get_all(media_ids),
            said=said,
            problem=problem,
            next_after=next_after,
        )
        return render("library.html", readers.frame_for(reader, "Library"), view)

    return router


def _list_shares(
    context: PageContext, reader: Caller, asked: Asked, since: datetime | None
) -> tuple[Sequence[Share], str | None]:
    """Return a page of shares, and the share after which the next page begins, None on the last one."""
    named = _named(context, reader, asked)
    if named:
        return named[:SHARES_PER_PAGE], None
    try:
        found = context.catalog.shares.list(
            statuses=[asked.status] if asked.status else (),
            outcomes=[asked.outcome] if asked.outcome else (),
            platforms=[asked.platform] if asked.platform else (),
            words=asked.query.split(),
            since=since,
            user_id=reader.user_id,
            after=asked.after,
            limit=SHARES_PER_PAGE + 1,
        )
    except UnknownShareError:
        raise NotThereError("The share at which this page of the list begins is gone. Begin at the newest.") from None
    page = found[:SHARES_PER_PAGE]
    return page, page[-1].share_id if len(found) > SHARES_PER_PAGE else None


def _named(context: PageContext, reader: Caller, asked: Asked) -> list[Share]:
    """Return the reader's shares of the video behind a link that was searched for, in any form of it."""
    if not is_link(asked.query):
        return []
    try:
        shares = shares_named(context.catalog, asked.query, context.rules.allowed_hosts)
    except UnknownShareError:
        return []
    return [share for share in shares if reader.user_id in {None, share.user_id}]


def _search(
    context: PageContext, reader: Caller, asked: Asked, since: datetime | None
) -> tuple[Sequence[Hit], str | None]:
    """Return the sentences in which the words were said, and what is wrong with the query. Only on the first page.

    Status and outcome restrict the list of shares alone.
    """
    if not asked.query or asked.after or is_link(asked.query) or asked.status or asked.outcome:
        return (), None
    try:
        query = parse_query(asked.query)
    except SearchQueryError as error:
        return (), f"Not searched in what is said: {error}."
    hits = context.catalog.search.search(
        query, platform=asked.platform, since=since, user_id=reader.user_id, limit=SENTENCES
    )
    return hits, None
