"""What an object carries beside its bytes: its digest and the tags that came with it, header-safe."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media import Digest

SHA256 = "sha256"
SIZE = "size"

MAX_METADATA_BYTES = 2048
"""Amazon S3's limit on all user metadata of one object, names and values together."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


def metadata_of(digest: Digest, tags: Mapping[str, str]) -> dict[str, str]:
    """Give the user metadata of an object: `sha256`, `size` (bytes, decimal) and the tags.

    Values are percent-encoded as in URLs: headers are ASCII, and runs of spaces would break the signature. Raises
    `StoreError` (other) for a tag name that is no header token or is taken, or when all of it is too long.
    """
    metadata = {SHA256: digest.sha256, SIZE: str(digest.size_bytes)}
    for name, value in tags.items():
        if _NAME.fullmatch(name) is None or name in metadata:
            raise StoreError(
                StoreErrorClass.OTHER,
                f"expected a tag name of a-z, 0-9 and '-' other than {SHA256} and {SIZE}, found {name[:100]!r}",
            )
        metadata[name] = quote(value, safe="/:@")
    total = sum(len(name) + len(value) for name, value in metadata.items())
    if total > MAX_METADATA_BYTES:
        raise StoreError(
            StoreErrorClass.OTHER,
            f"expected at most {MAX_METADATA_BYTES} bytes of metadata, found {total}; shorten the tags "
            f"{', '.join(tags)}",
        )
    return metadata
