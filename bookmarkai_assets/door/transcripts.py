"""Transcripts: one in the form that its reader takes, and the sentences in which something was said."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response

from bookmarkai_assets.core.errors import ExportError
from bookmarkai_assets.core.links.platforms import Platform
from bookmarkai_assets.core.search.query import MAX_CHARACTERS, parse_query
from bookmarkai_assets.core.transcripts.formats import TranscriptFormat, render
from bookmarkai_assets.door.access import Reader
from bookmarkai_assets.door.doorway import Door
from bookmarkai_assets.door.models import Hit, Hits
from bookmarkai_assets.door.negotiation import preferred
from bookmarkai_assets.door.parameters import Since, moment
from bookmarkai_assets.door.problems import ProblemError, documented
from bookmarkai_assets.operations.shares.ownership import share_of_user
from bookmarkai_assets.operations.transcripts.hits import hit_as_dict
from bookmarkai_assets.operations.transcripts.reads import shared_transcript

MAX_HITS = 200
SHOWN = 20
MEDIA_TYPES = {
    "application/json": TranscriptFormat.JSON,
    "text/plain": TranscriptFormat.TXT,
    "application/x-subrip": TranscriptFormat.SRT,
    "text/vtt": TranscriptFormat.VTT,
}
"""What Accept may name, in the order of preference where it takes several alike."""

_BY_FORMAT = {form: media_type for media_type, form in MEDIA_TYPES.items()}


def _schema_of(media_type: str) -> dict[str, str]:
    return {"type": "object" if MEDIA_TYPES[media_type] is TranscriptFormat.JSON else "string"}


router = APIRouter(tags=["transcripts"])


@router.get(
    "/shares/{share_id}/transcript",
    summary="Read a share's transcript",
    response_class=Response,
    responses={
        200: {
            "description": "The transcript, in UTF-8",
            "content": {media_type: {"schema": _schema_of(media_type)} for media_type in MEDIA_TYPES},
        },
        **documented(401, 403, 404, 406, 422, 429, 503),
    },
)
def transcript(
    door: Door,
    caller: Reader,
    share_id: UUID,
    *,
    form: Annotated[
        TranscriptFormat | None, Query(alias="format", description="The form; counts more than Accept")
    ] = None,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """Return the transcript as subtitles, plain text, or JSON with everything on record about it."""
    share = share_of_user(door.catalog, str(share_id), caller.sees_only(door.settings.door_user_id))
    media_type = _BY_FORMAT[form] if form else preferred(accept, list(MEDIA_TYPES))
    if media_type is None:
        raise ProblemError(
            406, "no-such-form", f"expected Accept to take one of {', '.join(MEDIA_TYPES)}, found that it takes none"
        )
    try:
        shared = shared_transcript(door.catalog, share.share_id)
    except ExportError as error:
        raise ProblemError(404, "no-transcript", str(error)) from None
    try:
        text = render(shared, MEDIA_TYPES[media_type])
    except ExportError as error:
        raise ProblemError(406, "no-such-form", str(error)) from None
    return Response(text.encode(), media_type=media_type, headers={"Vary": "Accept"})


@router.get(
    "/transcripts/search",
    summary="Find what was said",
    responses=documented(401, 403, 422, 429, 503),
)
def search(
    door: Door,
    caller: Reader,
    *,
    q: Annotated[
        str,
        Query(
            min_length=1,
            max_length=MAX_CHARACTERS,
            description='Words that must all occur, "words in a row", begin*, -word that must not occur',
            examples=['"sugar free" cake* -salt'],
        ),
    ],
    platform: Annotated[Platform | None, Query(description="Only videos of this platform")] = None,
    since: Since = None,
    limit: Annotated[int, Query(ge=1, le=MAX_HITS, description="At most this many sentences")] = SHOWN,
) -> Hits:
    """Find the sentences in which all the words were said. Case and accents do not matter."""
    found = door.catalog.search.search(
        parse_query(q),
        platform=platform,
        since=moment(since, now=door.clock()),
        user_id=caller.sees_only(door.settings.door_user_id),
        limit=limit,
    )
    return Hits(hits=[Hit.model_validate(hit_as_dict(hit)) for hit in found], is_cut=len(found) == limit)
