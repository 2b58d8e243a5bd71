"""The library: all shares, and what is said in their videos."""

from collections.abc import Sequence
from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bookmarkai_assets.core.errors import SearchQueryError, UnknownShareError
from bookmarkai_assets.core.search.ports import Hit
from bookmarkai_assets.core.search.query import parse_query
from bookmarkai_assets.core.shares.share import Share
from bookmarkai_assets.door.doorway import Door, Doorway
from bookmarkai_assets.door.pages.readers import NotThereError, PageReader, PageRoute, Reader
from bookmarkai_assets.door.pages.rendering import render
from bookmarkai_assets.door.pages.views.library import Asked, library_view
from bookmarkai_assets.operations.shares.finding import is_link, shares_named
from bookmarkai_assets.operations.shares.reports import share_summaries

SHARES_PER_PAGE = 30
SENTENCES = 10
"""How many sentences are shown above the shares. A better query finds others."""


router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/")
def show_library(request: Request, door: Door, reader: Reader) -> Response:
    """Show the library."""
    asked = Asked.read(request.query_params)
    since = asked.begins_at(door.clock())
    shares, next_after = _list_shares(door, reader, asked, since)
    summaries = list(share_summaries(door.catalog, shares))
    media_ids = {one.progress.media_id for one in summaries if one.progress.media_id}
    said, problem = _search(door, reader, asked, since)
    view = library_view(
        asked,
        shares=summaries,
        media=door.catalog.media.get_all(media_ids),
        said=said,
        problem=problem,
        next_after=next_after,
    )
    return render("library.html", reader.frame("Library"), view)


def _list_shares(
    door: Doorway, reader: PageReader, asked: Asked, since: datetime | None
) -> tuple[Sequence[Share], str | None]:
    """Return a page of shares, and the share after which the next page begins, None on the last one."""
    named = _named(door, reader, asked)
    if named:
        return named[:SHARES_PER_PAGE], None
    try:
        found = door.catalog.shares.list(
            statuses=[asked.status] if asked.status else (),
            outcomes=[asked.outcome] if asked.outcome else (),
            platforms=[asked.platform] if asked.platform else (),
            words=asked.query.split(),
            since=since,
            user_id=reader.sees_only,
            after=asked.after,
            limit=SHARES_PER_PAGE + 1,
        )
    except UnknownShareError:
        raise NotThereError("The share at which this page of the list begins is gone. Begin at the newest.") from None
    page = found[:SHARES_PER_PAGE]
    return page, page[-1].share_id if len(found) > SHARES_PER_PAGE else None


def _named(door: Doorway, reader: PageReader, asked: Asked) -> list[Share]:
    """Return the reader's shares of the video behind a link that was searched for, in any form of it."""
    if not is_link(asked.query):
        return []
    try:
        shares = shares_named(door.catalog, asked.query, door.rules.allowed_hosts)
    except UnknownShareError:
        return []
    return [share for share in shares if reader.sees_only in {None, share.user_id}]


def _search(
    door: Doorway, reader: PageReader, asked: Asked, since: datetime | None
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
    hits = door.catalog.search.search(
        query, platform=asked.platform, since=since, user_id=reader.sees_only, limit=SENTENCES
    )
    return hits, None
