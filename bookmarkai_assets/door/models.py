"""What goes in and out as JSON, with an example of each."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from bookmarkai_assets.core.links.urls import MAX_URL_CHARACTERS

MAX_LINKS = 100
"""How many links one request may share."""

_SHARE: JsonDict = {
    "id": "6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11",
    "url": "https://youtu.be/jNQXAC9IVRw",
    "user_id": "00000000-0000-0000-0000-000000000000",
    "platform": "youtube",
    "status": "pending",
    "outcome": None,
    "reason": None,
    "next_step": None,
    "attempts": 0,
    "next_attempt_at": None,
    "created_at": "2026-01-31T12:00:00+00:00",
    "finished_at": None,
    "title": None,
    "author": None,
}

Link = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_URL_CHARACTERS,
        description="A link to a video",
        examples=["https://youtu.be/jNQXAC9IVRw"],
    ),
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user_id: UUID | None = Field(
        None, description="The user who shares, if that is not the token's; needs the scope operate and no user"
    )


class NewShare(_Strict):
    """One link to share."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"url": "https://youtu.be/jNQXAC9IVRw"}]})

    url: Link


class NewShares(_Strict):
    """Several links to share. One that is refused does not stop the others."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"urls": ["https://youtu.be/jNQXAC9IVRw", "https://vimeo.com/76979871"]}]}
    )

    urls: list[Link] = Field(min_length=1, max_length=MAX_LINKS)


class Share(BaseModel):
    """A share, and how far it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SHARE]})

    id: UUID
    url: str
    user_id: str
    platform: str
    status: str
    outcome: str | None = Field(description="How the last attempt ended; null before the first")
    reason: str | None
    next_step: str | None = Field(description="What a person can do about the failure; null without one")
    attempts: int
    next_attempt_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    title: str | None
    author: str | None


class ShareDetail(Share):
    """A share with everything on record about it. Only an operator is told where its files are."""

    media: dict[str, Any] | None
    transcript: dict[str, Any] | None
    transfers: list[dict[str, Any]] | None = None
    transfers_under_way: list[dict[str, Any]] | None = None
    deletions: list[dict[str, Any]] | None = None
    page: str | None = Field(None, description="The share's page in Dagster's UI")


class Retried(BaseModel):
    """A share that is due now."""

    id: UUID
    lost: bool = Field(description="Whether its video is in no backend, and is fetched again")


class Hit(BaseModel):
    """One sentence in which all the words are said."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "rank": 1,
                    "share_id": _SHARE["id"],
                    "title": "Me at the zoo",
                    "platform": "youtube",
                    "url": "https://www.youtube.com/watch?v=jNQXAC9IVRw",
                    "url_at": "https://www.youtube.com/watch?v=jNQXAC9IVRw&t=1s",
                    "shared_at": "2026-01-31T12:00:00+00:00",
                    "start_seconds": 1.2,
                    "end_seconds": 4.8,
                    "text": "All right, so here we are in front of the elephants.",
                    "matches": [{"start": 42, "end": 51, "text": "elephants"}],
                }
            ]
        }
    )

    rank: int
    share_id: UUID
    title: str | None
    platform: str
    url: str
    url_at: str = Field(description="The video at that moment, where its platform has such links")
    shared_at: datetime | None
    start_seconds: float | None
    end_seconds: float | None
    text: str
    matches: list[dict[str, int | str]]


class Hits(BaseModel):
    """The sentences that were found, those of the newest videos first. `is_cut`: there may be more."""

    hits: list[Hit]
    is_cut: bool


class TransferMetrics(BaseModel):
    """The figures of `bookmarkai metrics --json`, in the gateway's envelope."""

    success: Literal[True] = True
    data: dict[str, Any]
    meta: dict[str, Any]


class SharedOne(BaseModel):
    """What became of one link. `new` is false for a link that the user had shared before."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"new": True, "reopened": False, "share": _SHARE}]})

    new: bool
    reopened: bool = Field(description="Whether its video had expired and is fetched again")
    share: Share


class LinkResult(BaseModel):
    """What became of one of several links: a share, or why it was refused."""

    index: int = Field(description="The link's place in the request, from 0")
    status: Literal[200, 201, 422] = Field(description="What a request with this link alone would have been answered")
    new: bool | None = None
    reopened: bool | None = None
    share: Share | None = None
    refused: str | None = None


class SharedMany(BaseModel):
    """What became of several links, in their order."""

    results: list[LinkResult]


class SharePage(BaseModel):
    """Some shares, newest first. `next` is the cursor of those after them; null if there are none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"shares": [_SHARE], "next": None}]})

    shares: list[Share]
    next: str | None


class Fault(BaseModel):
    """One fault of a request: where, as a JSON pointer, and what is expected there."""

    at: str
    message: str


class Problem(BaseModel):
    """An error (RFC 9457): `type` says which, `detail` what was expected, what was found and what to do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:bookmarkai:problem:unknown-share",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "expected a share with the id 6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11, found none",
                    "request_id": "5f0c3e0c9d0b4e7f9d8b7a6c5d4e3f2a",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    request_id: str | None
    errors: list[Fault] | None = None
