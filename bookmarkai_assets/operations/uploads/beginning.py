"""Begin an upload, go on with one, complete it or give it up: what its owner asks for.

Beginning again with the same file is how an upload is resumed, so nobody has to keep anything: the catalog and the
bucket know what is there.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import UnknownShareError
from bookmarkai_assets.core.media.media import MediaState, media_id_of
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.core.uploads.keys import upload_key
from bookmarkai_assets.core.uploads.parts import AT_ONCE_BYTES, MAX_AT_ONCE_BYTES, PartPlan, plan_parts
from bookmarkai_assets.core.uploads.ports import (
    ArrivedPart,
    PartLink,
    UploadBucket,
    UploadForm,
    UploadLinks,
)
from bookmarkai_assets.core.uploads.upload import UNFINISHED, Declaration, Upload, UploadStatus
from bookmarkai_assets.operations.uploads.arrivals import Arrival, TakenIn, take_in

LINK_SECONDS = 3600
"""How long a signed link can be used. A part or form takes less, and a new link is one request away."""


class Method(StrEnum):
    """How a file is sent: in one request, or in parts that can be repeated one by one."""

    FORM = "form"
    PARTS = "parts"


@dataclass(frozen=True)
class BegunUpload:
    """An upload of the file. `is_new` is False for one that the owner had begun before, or that was taken in before."""

    upload: Upload
    is_new: bool


def method_of(upload: Upload) -> Method:
    """Return how an upload's file is sent."""
    return Method.FORM if upload.multipart_id is None else Method.PARTS


def plan_of(upload: Upload) -> PartPlan:
    """Return the parts of an upload that is sent in parts."""
    return PartPlan(upload.digest.size_bytes, upload.part_bytes or upload.digest.size_bytes)


def begin_upload(
    catalog: Catalog,
    bucket: UploadBucket,
    declared: Declaration,
    *,
    user_id: str,
    method: Method | None,
    new_id: Callable[[], str],
    now: datetime,
) -> BegunUpload:
    """Begin an upload for a user, or return the one that the user has begun of the same file.

    A file that the user has uploaded before needs no bytes if its share is still being worked on, or if its bytes were
    read then and its media is still stored: that upload is returned, with its share. Another user's upload never is.
    Without `method` the size decides. Raises `StoreError`.
    """
    wanted = method or (Method.FORM if declared.digest.size_bytes <= AT_ONCE_BYTES else Method.PARTS)
    if declared.digest.size_bytes > MAX_AT_ONCE_BYTES:
        wanted = Method.PARTS
    for known in _of_same_file(catalog, declared, user_id):
        if known.status is UploadStatus.TAKEN_IN and (_is_stored(catalog, known) or _is_under_way(catalog, known)):
            return BegunUpload(known, is_new=False)
        if known.status in UNFINISHED and known.declared == declared and known.expires_at > now:
            is_sent_so = method_of(known) is wanted or method is None
            if is_sent_so and _is_there(bucket, known):
                return BegunUpload(known, is_new=False)
    upload_id = new_id()
    upload = Upload(
        upload_id=upload_id,
        user_id=user_id,
        declared=declared,
        key=upload_key(bucket.prefix, upload_id),
        status=UploadStatus.AWAITING,
        created_at=now,
    )
    if wanted is Method.PARTS:
        part_bytes = plan_parts(declared.digest.size_bytes).part_bytes
        # Before the row: one that nobody knows of is swept as a leftover.
        upload = replace(upload, part_bytes=part_bytes, multipart_id=bucket.begin_parts(upload))
    catalog.uploads.add(upload)
    return BegunUpload(upload, is_new=True)


def form_of(links: UploadLinks, upload: Upload, *, now: datetime) -> UploadForm | None:
    """Return a new form for an upload that is sent in one request and still awaited; None for any other."""
    if upload.status is not UploadStatus.AWAITING or method_of(upload) is not Method.FORM:
        return None
    return links.make_form(upload, now=now, seconds=LINK_SECONDS)


def arrived_parts(links: UploadLinks, upload: Upload) -> Sequence[ArrivedPart]:
    """Return the parts of an awaited upload that are in the bucket, with their planned sizes. Raises `StoreError`.

    A part of another size counts as absent, so that it is sent again.
    """
    if upload.status is not UploadStatus.AWAITING or method_of(upload) is not Method.PARTS:
        return ()
    return _as_planned(upload, links.arrived_parts(upload) or ())


def part_links(links: UploadLinks, upload: Upload, numbers: Iterable[int], *, now: datetime) -> Sequence[PartLink]:
    """Return a link for each of these parts. Raises `ValueError` for a part that the file does not have."""
    plan = plan_of(upload)
    return links.make_part_links(
        upload, [plan.part(number) for number in sorted(set(numbers))], now=now, seconds=LINK_SECONDS
    )


def complete_upload(
    catalog: Catalog, bucket: UploadBucket, upload: Upload, *, now: datetime
) -> TakenIn | tuple[int, ...]:
    """Take in an upload whose owner says that all of it is sent. Return the outcome, or which parts are missing.

    May be repeated: of several calls one makes the share. Raises `StoreError`.
    """
    is_in_parts = upload.status is UploadStatus.AWAITING and method_of(upload) is Method.PARTS
    found = bucket.arrived_parts(upload) if is_in_parts else None
    # None: it was completed before, or dropped. The object says which.
    if found is not None:
        arrived = _as_planned(upload, found)
        missing = {part.number for part in plan_of(upload)} - {part.number for part in arrived}
        if missing:
            return tuple(sorted(missing))
        bucket.complete_parts(upload, arrived)
    return take_in(catalog, bucket, upload.upload_id, now=now)


def give_up_upload(catalog: Catalog, bucket: UploadBucket, upload: Upload, *, now: datetime) -> TakenIn:
    """Give up an upload that is still awaited, and drop its parts. What has a share keeps it. Raises `StoreError`."""
    ended = catalog.uploads.end(
        upload.upload_id,
        UploadStatus.ABANDONED,
        reason="its owner gave it up",
        from_statuses={UploadStatus.AWAITING},
        now=now,
    )
    if ended and upload.multipart_id is not None:
        bucket.abort_parts(upload, upload.multipart_id)
    if ended:
        return TakenIn(Arrival.ABANDONED, upload.upload_id)
    return take_in(catalog, bucket, upload.upload_id, now=now)


def _as_planned(upload: Upload, found: Sequence[ArrivedPart]) -> list[ArrivedPart]:
    plan = plan_of(upload)
    return [
        part for part in found if part.number <= plan.count and part.size_bytes == plan.part(part.number).size_bytes
    ]


def _of_same_file(catalog: Catalog, declared: Declaration, user_id: str) -> Sequence[Upload]:
    wanted = UNFINISHED | {UploadStatus.TAKEN_IN}
    found = catalog.uploads.of_content(declared.digest.sha256, user_id=user_id, statuses=wanted)
    return [upload for upload in found if upload.digest == declared.digest]


def _is_stored(catalog: Catalog, upload: Upload) -> bool:
    """Whether the bytes of an upload were read, and its media is stored."""
    name = catalog.links.get(upload.url)
    media = None if name is None else catalog.media.get(media_id_of(name))
    return media is not None and media.state is MediaState.STORED


def _is_under_way(catalog: Catalog, upload: Upload) -> bool:
    """Whether the share of an upload is neither done nor given up. Its owner gets nothing but that share of its own."""
    try:
        share = catalog.shares.get(upload.share_id or "")
    except UnknownShareError:
        return False
    return upload.removed_at is None and share.status not in {ShareStatus.DONE, ShareStatus.ENRICHED, ShareStatus.ERROR}


def _is_there(bucket: UploadBucket, upload: Upload) -> bool:
    """Whether an upload can go on: the bucket has not dropped its parts."""
    if upload.status is UploadStatus.ARRIVED or method_of(upload) is Method.FORM:
        return True
    return bucket.arrived_parts(upload) is not None or bucket.head(upload.key) is not None
