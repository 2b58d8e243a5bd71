"""The media stores that are configured: which one serves a URL, and whether recorded bytes are where they should be."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from typing_extensions import override

from bookmarkai_assets.core.errors import ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import Digest, Media, Part
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import MediaStore, ignore_bytes

BLOCK_BYTES = 1 << 20


class Stores(Mapping[Backend, MediaStore]):
    """The configured stores by backend. The local directory is always there; a remote one only where it is set up."""

    def __init__(self, stores: Mapping[Backend, MediaStore]) -> None:
        self._stores = dict(stores)

    @override
    def __getitem__(self, backend: Backend) -> MediaStore:
        """Return a backend's store. Raises `StoreError` (configuration) for one that is not configured."""
        if backend not in self._stores:
            raise StoreError(
                StoreErrorClass.CONFIGURATION,
                f"expected a configured {backend} store, found none; set {backend.facts.settings}",
            )
        return self._stores[backend]

    @override
    def __contains__(self, backend: object) -> bool:
        return backend in self._stores

    @override
    def __iter__(self) -> Iterator[Backend]:
        return iter(self._stores)

    @override
    def __len__(self) -> int:
        return len(self._stores)

    def of_url(self, url: str) -> MediaStore:
        """Return the store that serves a recorded URL, whatever the storage mode is now. Raises as `[...]` does."""
        return self[Backend.of_url(url)]

    def has(self, part: Part) -> bool:
        """Whether the recorded bytes are at the part's URL.

        Bytes that the store itself finds damaged do not count. Raises `StoreError` when the store does not answer.
        """
        store = self.of_url(part.url)
        try:
            with errors_of(store):
                return store.head(part.url).digest == part.digest
        except StoreError as error:
            if is_gone_or_damaged(error):
                return False
            raise

    def missing_parts(self, media: Media) -> list[Part]:
        """Return the parts of a media that are not as recorded at their URLs. Raises as `has`."""
        return [part for part in media.parts.values() if not self.has(part)]

    def has_elsewhere(self, part: Part) -> bool:
        """Whether some backend has the part under its key at another URL than the recorded one. Raises as `has`."""
        return any(self.has(replace(part, url=url)) for url in self.urls_elsewhere(part))

    def urls_elsewhere(self, part: Part) -> list[str]:
        """Return the URLs at which a part could be, beside the recorded one."""
        urls = [store.url_of(part.key) for store in self.values()]
        return [url for url in urls if url != part.url]

    def has_video(self, media: Media) -> bool:
        """Whether any backend has the media's video.

        A backend that does not answer is passed over. Raises `StoreError` when no other has the video.
        """
        unanswered: StoreError | None = None
        for url in (media.video.url, *self.urls_elsewhere(media.video)):
            try:
                if self.has(replace(media.video, url=url)):
                    return True
            except StoreError as error:
                unanswered = unanswered or error
        if unanswered is not None:
            raise unanswered
        return False

    def backend_with_video(self, media: Media) -> Backend | None:
        """Return the backend that holds a media's video: the recorded one, else another; None when none does.

        The audio track does not matter: without it, the sound can be read from the video. Raises as `has`.
        """
        for url in (media.video.url, *self.urls_elsewhere(media.video)):
            if self.has(replace(media.video, url=url)):
                return Backend.of_url(url)
        return None

    def read_digest(self, url: str, *, on_bytes: Callable[[int], object] = ignore_bytes) -> Digest:
        """Read every byte of a stored object and return its size and SHA-256, whatever is recorded.

        `on_bytes` is called with the size of each block that was read. Raises `StoreError`.
        """
        sha256, size = hashlib.sha256(), 0
        store = self.of_url(url)
        with errors_of(store), store.open(url) as reader:
            while block := reader.read(BLOCK_BYTES):
                sha256.update(block)
                size += len(block)
                on_bytes(len(block))
        return Digest(size, sha256.hexdigest())

    def interrupt(self) -> None:
        """End all transfers soon, because the process was told to stop."""
        for store in self.values():
            store.interrupt()


@contextmanager
def errors_of(store: MediaStore) -> Iterator[None]:
    """Name the backend in what a store raises in the block: the store's, or the local one for an error of the disk."""
    try:
        yield
    except StoreError as error:
        if error.backend is None:
            error.backend = Backend.LOCAL if _is_of_the_disk(error) else store.backend
        raise


def _is_of_the_disk(error: StoreError) -> bool:
    # Several of botocore's errors are `OSError`s, too, but have no number.
    return isinstance(error.__cause__, OSError) and error.__cause__.errno is not None


def is_gone_or_damaged(error: StoreError) -> bool:
    """Whether a store says that the bytes are absent or not those that were put, rather than that it cannot tell."""
    return isinstance(error, ObjectNotFoundError) or error.error_class is StoreErrorClass.CHECKSUM
