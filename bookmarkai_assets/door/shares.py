"""Shares: make them, list them, look at one, have one tried again."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Header, Query, Response
from pydantic import Discriminator, Field, Tag

from bookmarkai_assets.core.door.idempotency import kept_key
from bookmarkai_assets.core.door.tokens import Caller, Scope
from bookmarkai_assets.core.links.platforms import Platform, unify_platform
from bookmarkai_assets.core.links.urls import RefusedLink
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.door.access import Operator, Reader, Sharer
from bookmarkai_assets.door.doorway import Door, Doorway
from bookmarkai_assets.door.models import (
    NewShare,
    NewShares,
    Retried,
    Share,
    ShareDetail,
    SharedMany,
    SharedOne,
    SharePage,
)
from bookmarkai_assets.door.parameters import Since, Until, moment
from bookmarkai_assets.door.problems import ProblemError, documented
from bookmarkai_assets.operations.failures.retrying import retry_shares
from bookmarkai_assets.operations.shares.intake import SharedLink, share_links
from bookmarkai_assets.operations.shares.ownership import share_of_user
from bookmarkai_assets.operations.shares.reports import share_report, share_summaries

MAX_SHARES = 200
SHOWN = 50
_MAX_KEY_CHARACTERS = 200
_MAX_WORDS = 10
_JSON = "application/json"

router = APIRouter(prefix="/shares", tags=["shares"])


def _one_or_many(body: Any) -> str:  # noqa: ANN401 - whatever the caller has sent
    keys = body if isinstance(body, dict) else vars(body) if isinstance(body, NewShare | NewShares) else {}
    return "many" if "urls" in keys else "one"


@router.post(
    "",
    summary="Share one link or several",
    status_code=201,
    response_model=SharedOne,
    responses={
        200: {
            "description": "The user had shared this link before, or the request had several",
            "model": SharedOne | SharedMany,
        },
        201: {"description": "A new share"},
        **documented(400, 401, 403, 413, 422, 429, 503),
    },
)
def add(
    door: Door,
    caller: Sharer,
    body: Annotated[
        Annotated[NewShare, Tag("one")] | Annotated[NewShares, Tag("many")], Discriminator(_one_or_many), Body()
    ],
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=_MAX_KEY_CHARACTERS,
            pattern=r"^[!-~]+$",
            description="The caller's own name for this request, the same when it is sent again",
        ),
    ] = None,
) -> Response:
    """Record links for the pipeline to take up.

    A link that the user has shared before stays one share. If its video has expired, it is fetched again. The same
    request with the same key makes nothing twice, and with another link it is refused.
    """
    urls = body.urls if isinstance(body, NewShares) else [body.url]
    user_id = user_of(door, caller, body.user_id)
    keys = [kept_key(caller.name, user_id, idempotency_key, n) for n in range(len(urls))] if idempotency_key else None
    results = share_links(
        door.catalog,
        urls,
        user_id=user_id,
        allowed_hosts=door.settings.egress_allowed_hosts,
        now=door.clock(),
        idempotency_keys=keys,
    )
    answers = _answers(door, results)
    if isinstance(body, NewShares):
        many = SharedMany.model_validate({"results": [{"index": n, **one} for n, one in enumerate(answers)]})
        return Response(many.model_dump_json(), 200, media_type=_JSON)
    if answers[0]["status"] == 422:  # noqa: PLR2004 - as `_answers` says
        raise ProblemError(422, "refused-link", answers[0]["refused"])
    one = SharedOne.model_validate(answers[0])
    where = {"Location": f"/api/v1/shares/{one.share.id}"}
    return Response(one.model_dump_json(), answers[0]["status"], where, media_type=_JSON)


@router.get("", summary="List shares, newest first", responses=documented(401, 403, 404, 422, 429, 503))
def list_shares(
    door: Door,
    caller: Reader,
    *,
    status: Annotated[list[ShareStatus] | None, Query(description="Only shares with one of these")] = None,
    outcome: Annotated[list[Outcome] | None, Query(description="Only shares whose last attempt ended so")] = None,
    platform: Annotated[list[Platform] | None, Query(description="Only links of one of these")] = None,
    text: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=200)]] | None,
        Query(max_length=_MAX_WORDS, description="Only with all of this in the link, id, title, author or platform"),
    ] = None,
    since: Since = None,
    until: Until = None,
    cursor: Annotated[UUID | None, Query(description="The `next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_SHARES, description="At most this many")] = SHOWN,
) -> SharePage:
    """List the shares that the caller may see."""
    now = door.clock()
    found = door.catalog.shares.list(
        statuses=status or (),
        outcomes=outcome or (),
        platforms=[unify_platform(one) for one in platform or ()],
        words=text or (),
        since=moment(since, now=now),
        until=moment(until, now=now),
        user_id=caller.sees_only(door.settings.door_user_id),
        after=None if cursor is None else str(cursor),
        limit=limit + 1,
    )
    shown = found[:limit]
    return SharePage(
        shares=[Share.model_validate(summary.as_dict()) for summary in share_summaries(door.catalog, shown)],
        next=shown[-1].share_id if len(found) > limit else None,
    )


@router.get(
    "/{share_id}",
    summary="Show everything about one share",
    responses=documented(401, 403, 404, 422, 429, 503),
    response_model_exclude_unset=True,
)
def show(door: Door, caller: Reader, share_id: UUID) -> ShareDetail:
    """Show a share's media and transcript. An operator also sees where the files are, and how they came there."""
    only = caller.sees_only(door.settings.door_user_id)
    share = share_of_user(door.catalog, str(share_id), only)
    report = share_report(door.catalog, share.share_id, now=door.clock())
    if not caller.may(Scope.OPERATE):
        return ShareDetail.model_validate(report.as_dict_for_user())
    return ShareDetail.model_validate(report.as_dict() | {"page": report.page_in(door.ui)})


@router.post(
    "/{share_id}/retry",
    summary="Have a share tried again at once",
    responses=documented(401, 403, 404, 409, 422, 429, 503),
)
def retry(door: Door, caller: Operator, share_id: UUID) -> Retried:
    """Make a share due that failed, whose video has expired, or whose stored video is lost."""
    share = share_of_user(door.catalog, str(share_id), caller.sees_only(door.settings.door_user_id))
    done = retry_shares(door.catalog, door.stores, door.rules, [share.share_id], now=door.clock())
    if not done.changed:
        raise ProblemError(
            409,
            "nothing-to-retry",
            f"expected a share that failed or whose video is gone, found it {share.status}: "
            f"{done.unchanged[share.share_id]}",
        )
    return Retried(id=share_id, lost=share.share_id in done.lost)


def user_of(door: Doorway, caller: Caller, wanted: UUID | None) -> str:
    """Return the user of new shares. Raises `ProblemError` if the caller may not share for the one it wants."""
    own = caller.user_id or door.settings.door_user_id
    if wanted is None or str(wanted) == own:
        return own
    if caller.user_id is not None or not caller.may(Scope.OPERATE):
        raise ProblemError(
            403,
            "other-user",
            f"expected the token's own user, found another; a token with the scope {Scope.OPERATE} and without a user "
            "shares for any",
        )
    return str(wanted)


def _answers(door: Doorway, results: list[SharedLink | RefusedLink]) -> list[dict[str, Any]]:
    """Return the answer to each link as JSON values. A refused link is not repeated."""
    shared = [one for one in results if isinstance(one, SharedLink)]
    summaries = iter(share_summaries(door.catalog, [one.share for one in shared]))
    return [
        {"status": 422, "refused": one.reason}
        if isinstance(one, RefusedLink)
        else {
            "status": 201 if one.is_new else 200,
            "new": one.is_new,
            "reopened": one.is_reopened,
            "share": next(summaries).as_dict() | {"status": one.status},
        }
        for one in results
    ]
