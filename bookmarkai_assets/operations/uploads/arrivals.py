"""Take in an upload whose object may have arrived: make exactly one share of it, whoever says so and how often.

The bucket's events, the listing of the prefix and an owner's `complete` all end here. Their words are no evidence: what
counts is the upload's row and what the bucket says of its key. Nothing is read of the object itself.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.links.platforms import Platform
from bookmarkai_assets.core.uploads.keys import upload_id_of_key
from bookmarkai_assets.core.uploads.ports import UploadedObject, UploadedObjects
from bookmarkai_assets.core.uploads.upload import UNFINISHED, Upload, UploadStatus


class Arrival(StrEnum):
    """What became of an upload that may have arrived.

    `taken_in`: this call made its share. `known`: an earlier one had. `missing`: it is still awaited. `refused`: what
    arrived is not what was declared, now or earlier. `abandoned`: it had been given up. `unknown`: there is no such
    upload. `foreign`: the key is not one of an upload.
    """

    TAKEN_IN = "taken_in"
    KNOWN = "known"
    MISSING = "missing"
    REFUSED = "refused"
    ABANDONED = "abandoned"
    UNKNOWN = "unknown"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class TakenIn:
    """The outcome for one upload. `share_id` is there if it is `taken_in` or `known`, `reason` if it is `refused`."""

    arrival: Arrival
    upload_id: str | None = None
    share_id: str | None = None
    reason: str | None = None


def take_in_key(catalog: Catalog, objects: UploadedObjects, key: str, *, now: datetime) -> TakenIn:
    """Take in the upload with this key, which may be any text. See `take_in`."""
    upload_id = upload_id_of_key(objects.prefix, key)
    return TakenIn(Arrival.FOREIGN) if upload_id is None else take_in(catalog, objects, upload_id, now=now, key=key)


def take_in(
    catalog: Catalog, objects: UploadedObjects, upload_id: str, *, now: datetime, key: str | None = None
) -> TakenIn:
    """Make the share of an upload if its object is there and is as declared.

    Every outcome is a value, whatever is in the bucket. It may be called again, by several at once and in any order:
    one of them makes the share. `key` is where the object is said to be, if that is known. Raises `StoreError` and
    `CatalogUnavailableError`, after which it is to be called again.
    """
    upload = catalog.uploads.get(upload_id)
    if upload is None:
        return TakenIn(Arrival.UNKNOWN)
    if key is not None and key != upload.key:
        return TakenIn(Arrival.FOREIGN, upload.upload_id)
    if upload.status is UploadStatus.AWAITING:
        found = objects.head(upload.key)
        if found is None:
            return TakenIn(Arrival.MISSING, upload.upload_id)
        reason = _difference(upload, found)
        if reason is not None:
            catalog.uploads.end(
                upload.upload_id, UploadStatus.REFUSED, reason=reason, from_statuses=UNFINISHED, now=now
            )
        else:
            catalog.uploads.record_arrived(upload.upload_id, now=now)
    return _make_share(catalog, upload.upload_id, now=now)


def _make_share(catalog: Catalog, upload_id: str, *, now: datetime) -> TakenIn:
    made = catalog.uploads.take_in(upload_id, platform=Platform.GENERIC, now=now)
    if made is not None:
        return TakenIn(Arrival.TAKEN_IN if made.is_new else Arrival.KNOWN, upload_id, made.share_id)
    ended = catalog.uploads.get(upload_id)
    if ended is not None and ended.status is UploadStatus.REFUSED:
        return TakenIn(Arrival.REFUSED, upload_id, reason=ended.reason)
    return TakenIn(Arrival.ABANDONED, upload_id)


def _difference(upload: Upload, found: UploadedObject) -> str | None:
    """Return what is wrong with an object by the bucket's own words; None if nothing is.

    The size is exact. The metadata was signed into the link, so that another value means that it came another way.
    """
    expected = upload.digest
    if found.size_bytes != expected.size_bytes:
        return f"expected the declared {expected.size_bytes} bytes, found {found.size_bytes} in the bucket"
    if found.sha256 != expected.sha256 or found.upload_id != upload.upload_id:
        return "expected an object that was sent by this upload's own link, found another's metadata"
    return None
