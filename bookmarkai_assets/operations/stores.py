"""Which store serves a URL, and whether the bytes that the catalog records are there."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from bookmarkai_assets.core.errors import ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media import Blob
from bookmarkai_assets.core.placement import Backend
from bookmarkai_assets.core.ports import MediaStore

Stores = Mapping[Backend, MediaStore]


def backend_of_url(url: str) -> Backend:
    """Read the backend off a recorded URL: `s3://…` or a path."""
    return Backend.S3 if urlsplit(url).scheme == "s3" else Backend.LOCAL


def store_of_url(stores: Stores, url: str) -> MediaStore:
    """Give the store that serves a recorded URL, whatever today's mode is. Raises `StoreError` (configuration)."""
    return store_of_backend(stores, backend_of_url(url))


def store_of_backend(stores: Stores, backend: Backend) -> MediaStore:
    """Give a backend's store. Raises `StoreError` (configuration) when it is not set up."""
    if backend not in stores:
        raise StoreError(
            StoreErrorClass.CONFIGURATION,
            f"expected a configured {backend} store, found none; set S3_MEDIA_BUCKET and AWS_REGION (or S3_ENDPOINT)",
        )
    return stores[backend]


def is_stored(stores: Stores, blob: Blob) -> bool:
    """Tell whether the recorded bytes are at their recorded place with their recorded digest."""
    try:
        return store_of_url(stores, blob.url).head(blob.url).digest == blob.digest
    except ObjectNotFoundError:
        return False
