"""Which store serves a URL, and whether the bytes that the catalog records are there."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from bookmarkai_assets.core.errors import ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import Blob, Digest, Media
from bookmarkai_assets.core.media.object_keys import key_of
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import MediaStore, untold

Stores = Mapping[Backend, MediaStore]
BLOCK_BYTES = 1 << 20


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
    """Tell whether the recorded bytes are at their recorded place with their recorded digest.

    What the store itself finds to be other bytes than were put there are none of them. Raises `StoreError` otherwise.
    """
    try:
        return store_of_url(stores, blob.url).head(blob.url).digest == blob.digest
    except StoreError as error:
        if isinstance(error, ObjectNotFoundError) or error.error_class is StoreErrorClass.CHECKSUM:
            return False
        raise


def digest_at(store: MediaStore, url: str, *, on_bytes: Callable[[int], object] = untold) -> Digest:
    """Read every byte of a stored object for its size and SHA-256, whatever was recorded of it. Raises `StoreError`.

    `on_bytes` is told of each block's size as it is read.
    """
    sha256, size = hashlib.sha256(), 0
    with store.open(url) as reader:
        while block := reader.read(BLOCK_BYTES):
            sha256.update(block)
            size += len(block)
            on_bytes(len(block))
    return Digest(size, sha256.hexdigest())


def missing_parts(stores: Stores, media: Media) -> list[str]:
    """Name the kinds of what is stored of a media (video, audio, json, …) that are not as recorded at their place."""
    return [kind for kind, blob in media.blobs.items() if not is_stored(stores, blob)]


def is_elsewhere(stores: Stores, media: Media, kind: str) -> bool:
    """Tell whether a part that is not at its recorded place is on some backend under its key."""
    blob = media.blobs[kind]
    urls = {store.url_of(key_of(media, kind)) for store in stores.values()} - {blob.url}
    return any(is_stored(stores, replace(blob, url=url)) for url in urls)


def is_at_hand(stores: Stores, media: Media) -> bool:
    """Tell whether some backend has a stored media's video. One that does not answer does not keep the others from it.

    Raises `StoreError` when none has it and one did not answer.
    """
    unanswered: StoreError | None = None
    places = [media.video.url, *(store.url_of(media.object_key) for store in stores.values())]
    for url in dict.fromkeys(places):
        try:
            if is_stored(stores, replace(media.video, url=url)):
                return True
        except StoreError as error:
            unanswered = unanswered or error
    if unanswered is not None:
        raise unanswered
    return False


def backend_with(stores: Stores, media: Media) -> Backend | None:
    """Find the backend that holds a stored media's video: the recorded one, else another; None when none does.

    The audio track is not asked for: without it, the sound can still be read from the video.
    """
    if is_stored(stores, media.video):
        return backend_of_url(media.video.url)
    for backend, store in stores.items():
        url = store.url_of(media.object_key)
        if url != media.video.url and is_stored(stores, replace(media.video, url=url)):
            return backend
    return None


def interrupt_all(stores: Stores) -> None:
    """End what transfers are under way, because the process was told to stop."""
    for store in stores.values():
        store.interrupt()
