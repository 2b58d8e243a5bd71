"""What goes in and out as JSON for uploads, with an example of each."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from bookmarkai_assets.core.uploads.parts import MAX_PARTS
from bookmarkai_assets.core.uploads.upload import UploadStatus
from bookmarkai_assets.door.models import Share
from bookmarkai_assets.operations.uploads.beginning import Method

MAX_SIGNED_PARTS = 100
"""How many links one request may ask for."""

_MAX_BYTES = 50 * 10**12
_ID = "0f4f3b0e-1d55-4d0e-9a55-1f6f6c1f2a11"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_DECLARED: JsonDict = {
    "name": "holiday.mp4",
    "content_type": "video/mp4",
    "size_bytes": 734003200,
    "sha256": _SHA256,
}
_STATE: JsonDict = {
    "id": _ID,
    "status": "awaiting",
    **_DECLARED,
    "method": "parts",
    "part_bytes": 16777216,
    "part_count": 44,
    "parts": [{"number": 1, "size_bytes": 16777216}],
    "share_id": None,
    "reason": None,
    "created_at": "2026-01-31T12:00:00+00:00",
    "expires_at": "2026-02-01T12:00:00+00:00",
}


class NewUpload(BaseModel):
    """A file that is to be sent, as its owner describes it. What arrives is compared with it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_DECLARED]})

    name: str = Field(min_length=1, max_length=1000, description="The file's name; the share's title")
    content_type: str = Field(
        min_length=1, max_length=120, description="Of a video or sound; application/octet-stream where it is not known"
    )
    size_bytes: int = Field(ge=1, le=_MAX_BYTES, description="The file's exact size")
    sha256: str = Field(pattern=r"^[0-9a-fA-F]{64}$", description="The file's SHA-256 in hexadecimal")
    method: Method | None = Field(
        None, description="One request (form) or several (parts); without it, the size decides"
    )
    user_id: UUID | None = Field(
        None, description="The owner, if that is not the token's user; needs the scope operate and no user"
    )


class PresentPart(BaseModel):
    """A part that is in the bucket."""

    number: int
    size_bytes: int


class UploadState(BaseModel):
    """An upload, and how far it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STATE]})

    id: UUID
    status: UploadStatus
    name: str
    content_type: str
    size_bytes: int
    sha256: str
    method: Method
    part_bytes: int | None = Field(description="The size of every part but the last one; null for a form")
    part_count: int | None
    parts: list[PresentPart] = Field(description="The parts that are in the bucket, while the upload is awaited")
    share_id: UUID | None
    reason: str | None = Field(description="Why it was refused or abandoned")
    created_at: datetime
    expires_at: datetime = Field(description="Until when its bytes are waited for")


class Form(BaseModel):
    """A form: POST all fields to the URL as multipart/form-data, and the file last, as the field `file`. A secret."""

    url: str
    fields: dict[str, str]
    expires_at: datetime


class StartedUpload(BaseModel):
    """An upload to send a file to. `form` is there for one that is awaited in one request."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"new": True, "upload": _STATE, "form": None}]})

    new: bool
    upload: UploadState
    form: Form | None


class WantedParts(BaseModel):
    """Which parts links are wanted for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"numbers": [1, 2, 3, 4]}]})

    numbers: list[Annotated[int, Field(ge=1, le=MAX_PARTS)]] = Field(min_length=1, max_length=MAX_SIGNED_PARTS)


class SignedPart(BaseModel):
    """A link that takes one part by PUT, with these headers and exactly so many bytes. A secret."""

    number: int
    size_bytes: int
    url: str
    headers: dict[str, str]
    expires_at: datetime


class SignedParts(BaseModel):
    """A link for each part that was asked for, by number."""

    links: list[SignedPart]


class CompletedUpload(BaseModel):
    """The share of an upload. `new` is false if it had been made before."""

    new: bool
    share: Share
