"""Find uploads that have arrived and have no share: nobody has looked, or somebody has looked and died."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.ports import MediaStore
from bookmarkai_assets.core.uploads.upload import Upload, UploadStatus

OVERLOOKED_AFTER = timedelta(hours=2)
"""Twice as long as it takes until the bucket is asked for an upload whose event was lost."""

_PAGE = 500


def overlooked_uploads(catalog: Catalog, store: MediaStore, *, now: datetime) -> Iterator[Upload]:
    """Yield the uploads that began more than `OVERLOOKED_AFTER` ago, whose object is there, and that have no share.

    `store` is that of the bucket to which uploads are sent. Raises `StoreError`.
    """
    after = ""
    while page := catalog.uploads.unfinished(created_before=now - OVERLOOKED_AFTER, after=after, limit=_PAGE):
        after = page[-1].upload_id
        for upload in page:
            if upload.status is UploadStatus.ARRIVED or any(store.list(upload.key)):
                yield upload
