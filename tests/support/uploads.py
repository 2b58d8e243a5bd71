"""Uploads for tests: declared files, and rows of the ledger."""

import hashlib
from typing import Any
from uuid import uuid4

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.uploads.keys import upload_key
from bookmarkai_assets.core.uploads.upload import Declaration, Upload, UploadStatus
from tests.support.catalog import USER, at

PREFIX = "temp/uploads/"
DATA = b"the bytes of a video"


def new_upload(data: bytes = DATA, *, prefix: str = PREFIX, seconds: float = 0, **changes: Any) -> Upload:
    """Return an upload of these bytes that is awaited since then."""
    upload_id = changes.pop("upload_id", str(uuid4()))
    digest = Digest(len(data), hashlib.sha256(data).hexdigest())
    declared = Declaration(changes.pop("name", "holiday.mp4"), changes.pop("content_type", "video/mp4"), digest)
    fields: dict[str, Any] = {
        "upload_id": upload_id,
        "user_id": USER,
        "declared": declared,
        "key": upload_key(prefix, upload_id),
        "status": UploadStatus.AWAITING,
        "created_at": at(seconds),
    }
    return Upload(**(fields | changes))


def add_upload(catalog: Catalog, data: bytes = DATA, **changes: Any) -> Upload:
    """Record an upload that is awaited."""
    upload = new_upload(data, **changes)
    catalog.uploads.add(upload)
    return upload
