"""Uploads: begin one, look at it, sign its parts, complete it, give it up. The bytes go straight to the bucket."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Body, Response

from bookmarkai_assets.core.door.tokens import Caller
from bookmarkai_assets.core.uploads.ports import UploadBucket
from bookmarkai_assets.core.uploads.upload import RefusedDeclaration, Upload, UploadStatus, declare
from bookmarkai_assets.door.access import Sharer
from bookmarkai_assets.door.doorway import Door, Doorway
from bookmarkai_assets.door.problems import ProblemError, documented
from bookmarkai_assets.door.shares import user_of
from bookmarkai_assets.door.upload_models import (
    CompletedUpload,
    NewUpload,
    SignedParts,
    StartedUpload,
    UploadState,
    WantedParts,
)
from bookmarkai_assets.operations.shares.reports import share_summaries
from bookmarkai_assets.operations.uploads.arrivals import Arrival
from bookmarkai_assets.operations.uploads.beginning import (
    Method,
    arrived_parts,
    begin_upload,
    complete_upload,
    form_of,
    give_up_upload,
    method_of,
    part_links,
    plan_of,
)

_JSON = "application/json"
_MAX_NAMED_PARTS = 20
"""How many missing parts a problem names."""

router = APIRouter(prefix="/uploads", tags=["uploads"])


@router.post(
    "",
    summary="Begin an upload, or go on with one",
    status_code=201,
    response_model=StartedUpload,
    responses={
        200: {"description": "The user has begun or completed an upload of this file", "model": StartedUpload},
        201: {"description": "A new upload"},
        **documented(400, 401, 403, 409, 413, 422, 429, 503),
    },
)
def begin(door: Door, caller: Sharer, body: Annotated[NewUpload, Body()]) -> Response:
    """Declare a file before it is sent. The answer has a form to send it by, or says how it is divided into parts.

    The same file again goes on with the upload that the user has begun. If it has a share of theirs that is
    being worked on or stored, that upload is answered with its share, and nothing has to be sent.
    """
    bucket = _bucket_of(door)
    declared = declare(
        name=body.name,
        content_type=body.content_type,
        size_bytes=body.size_bytes,
        sha256=body.sha256,
        max_bytes=door.rules.limits.max_bytes,
    )
    if isinstance(declared, RefusedDeclaration):
        raise ProblemError(422, "refused-upload", declared.reason)
    now = door.clock()
    begun = begin_upload(
        door.catalog,
        bucket,
        declared,
        user_id=user_of(door, caller, body.user_id),
        method=body.method,
        new_id=lambda: str(uuid4()),
        now=now,
    )
    upload = begun.upload
    started = StartedUpload.model_validate(
        {"new": begun.is_new, "upload": _state_of(bucket, upload), "form": form_of(bucket, upload, now=now)},
        from_attributes=True,
    )
    where = {"Location": f"/api/v1/uploads/{upload.upload_id}"}
    return Response(started.model_dump_json(), 201 if begun.is_new else 200, where, media_type=_JSON)


@router.get("/{upload_id}", summary="Show an upload", responses=documented(401, 403, 404, 409, 422, 429, 503))
def show(door: Door, caller: Sharer, upload_id: UUID) -> UploadState:
    """Show how far an upload is, and which of its parts are in the bucket."""
    bucket = _bucket_of(door)
    return _state_of(bucket, _upload_of(door, caller, upload_id))


@router.post(
    "/{upload_id}/parts",
    summary="Sign links to parts",
    responses=documented(400, 401, 403, 404, 409, 413, 422, 429, 503),
)
def sign(door: Door, caller: Sharer, upload_id: UUID, body: Annotated[WantedParts, Body()]) -> SignedParts:
    """Return a link for each of these parts. A part that is in the bucket may be sent again."""
    bucket = _bucket_of(door)
    upload = _upload_of(door, caller, upload_id)
    if upload.status is not UploadStatus.AWAITING or method_of(upload) is not Method.PARTS:
        raise ProblemError(
            409, "upload-not-in-parts", f"expected an upload that is awaited in parts, found it {_words_of(upload)}"
        )
    try:
        links = part_links(bucket, upload, body.numbers, now=door.clock())
    except ValueError as error:
        raise ProblemError(422, "unknown-part", str(error)) from None
    return SignedParts.model_validate({"links": links}, from_attributes=True)


@router.post(
    "/{upload_id}/complete",
    summary="Say that all of a file is sent",
    status_code=201,
    response_model=CompletedUpload,
    responses={
        200: {"description": "The upload had its share already", "model": CompletedUpload},
        201: {"description": "A new share"},
        **documented(401, 403, 404, 409, 422, 429, 503),
    },
)
def complete(door: Door, caller: Sharer, upload_id: UUID) -> Response:
    """Make the share of an upload. May be repeated: the share is made once."""
    bucket = _bucket_of(door)
    upload = _upload_of(door, caller, upload_id)
    taken = complete_upload(door.catalog, bucket, upload, now=door.clock())
    if isinstance(taken, tuple):
        named = ", ".join(map(str, taken[:_MAX_NAMED_PARTS]))
        more = ", …" if len(taken) > _MAX_NAMED_PARTS else ""
        raise ProblemError(
            409, "upload-incomplete", f"expected all parts in the bucket, found {len(taken)} missing: {named}{more}"
        )
    if taken.share_id is None:
        raise _refusal_of(taken.arrival, taken.reason)
    shares = door.catalog.shares.read([taken.share_id])
    if not shares:
        raise ProblemError(409, "share-deleted", "expected the upload's share, found that it has been deleted")
    [summary] = share_summaries(door.catalog, shares)
    is_new = taken.arrival is Arrival.TAKEN_IN
    done = CompletedUpload.model_validate({"new": is_new, "share": summary.as_dict()})
    where = {"Location": f"/api/v1/shares/{taken.share_id}"}
    return Response(done.model_dump_json(), 201 if is_new else 200, where, media_type=_JSON)


@router.delete(
    "/{upload_id}",
    summary="Give an upload up",
    status_code=204,
    responses=documented(401, 403, 404, 409, 422, 429, 503),
)
def give_up(door: Door, caller: Sharer, upload_id: UUID) -> Response:
    """Give up an upload that is still awaited. What was sent of it is removed."""
    bucket = _bucket_of(door)
    upload = _upload_of(door, caller, upload_id)
    taken = give_up_upload(door.catalog, bucket, upload, now=door.clock())
    if taken.share_id is not None:
        raise ProblemError(409, "upload-taken-in", "expected an upload without a share, found that it has one")
    return Response(status_code=204)


def _bucket_of(door: Doorway) -> UploadBucket:
    """Return the bucket. Raises `ProblemError` without one."""
    bucket = door.uploads
    if bucket is None:
        raise ProblemError(
            409, "no-bucket", "expected a bucket to upload to, found none; the operator sets S3_MEDIA_BUCKET"
        )
    return bucket


def _upload_of(door: Doorway, caller: Caller, upload_id: UUID) -> Upload:
    """Return an upload of the caller's. Raises `ProblemError`, with the same words for another user's as for none."""
    upload = door.catalog.uploads.get(str(upload_id))
    only = caller.sees_only(door.settings.door_user_id)
    if upload is None or only not in {None, upload.user_id}:
        raise ProblemError(404, "unknown-upload", f"expected an upload with the id {upload_id}, found none")
    return upload


def _state_of(bucket: UploadBucket, upload: Upload) -> UploadState:
    is_in_parts = method_of(upload) is Method.PARTS
    return UploadState.model_validate(
        {
            "id": upload.upload_id,
            "status": upload.status,
            "name": upload.declared.name,
            "content_type": upload.declared.content_type,
            "size_bytes": upload.digest.size_bytes,
            "sha256": upload.digest.sha256,
            "method": method_of(upload),
            "part_bytes": upload.part_bytes,
            "part_count": plan_of(upload).count if is_in_parts else None,
            "parts": arrived_parts(bucket, upload),
            "share_id": upload.share_id,
            "reason": upload.reason,
            "created_at": upload.created_at,
            "expires_at": upload.expires_at,
        },
        from_attributes=True,
    )


def _words_of(upload: Upload) -> str:
    return "awaited in one request" if upload.status is UploadStatus.AWAITING else upload.status.replace("_", " ")


def _refusal_of(arrival: Arrival, reason: str | None) -> ProblemError:
    match arrival:
        case Arrival.MISSING:
            return ProblemError(
                409, "upload-incomplete", "expected the file in the bucket, found nothing; send it first"
            )
        case Arrival.REFUSED:
            return ProblemError(409, "upload-refused", f"{reason}; begin a new upload")
        case _:
            return ProblemError(409, "upload-abandoned", "expected an open upload, found it given up; begin a new one")
